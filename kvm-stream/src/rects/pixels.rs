//! The pixels an RFB client asks for.

/// An RFB client's true-colour pixel format (RFC 6143, section 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientPixels {
    // INVARIANT: 8, 16 or 32.
    bits: u8,
    // INVARIANT: 1 to `bits`.
    depth: u8,
    is_big_endian: bool,
    // INVARIANT: red, green and blue; each is one less than a power of two, and the shifted maxima fit `bits`
    // without overlapping.
    maxima: [u16; 3],
    shifts: [u8; 3],
}

impl ClientPixels {
    /// 32 bits of depth 24, least significant byte first, blue in the lowest byte: in memory B, G, R and a byte
    /// that means nothing.
    pub const BGRX: Self =
        Self { bits: 32, depth: 24, is_big_endian: false, maxima: [255; 3], shifts: [16, 8, 0] };

    /// Reads the PIXEL_FORMAT of a client's SetPixelFormat message (RFC 6143, section 7.4).
    ///
    /// `None` if it is not one that pixels can be made for: a colour map, a number of bits other than 8, 16 and 32,
    /// maxima that are not one less than a power of two, or colours that overlap or do not fit.
    pub fn parse(message: &[u8; 16]) -> Option<Self> {
        let [bits, depth, big_endian, true_colour, r1, r0, g1, g0, b1, b0, red, green, blue, ..] = *message;
        let maxima = [[r1, r0], [g1, g0], [b1, b0]].map(u16::from_be_bytes);
        let pixels = Self { bits, depth, is_big_endian: big_endian != 0, maxima, shifts: [red, green, blue] };
        (true_colour != 0 && pixels.is_sound()).then_some(pixels)
    }

    /// The format as it is written in messages (RFC 6143, section 7.4).
    pub fn to_message(self) -> [u8; 16] {
        let [[r1, r0], [g1, g0], [b1, b0]] = self.maxima.map(u16::to_be_bytes);
        let [red, green, blue] = self.shifts;
        let big_endian = u8::from(self.is_big_endian);
        [self.bits, self.depth, big_endian, 1, r1, r0, g1, g0, b1, b0, red, green, blue, 0, 0, 0]
    }

    /// Bytes of a pixel in Raw rectangles: 1, 2 or 4.
    pub fn bytes_per_pixel(self) -> usize {
        usize::from(self.bits / 8)
    }

    /// The pixel of a colour: each of its parts at the nearest of the client's levels.
    pub fn pixel_of(self, rgb: [u8; 3]) -> u32 {
        let mut pixel = 0;
        for ((part, max), shift) in rgb.into_iter().zip(self.maxima).zip(self.shifts) {
            pixel |= ((u32::from(part) * u32::from(max) + 127) / 255) << shift;
        }
        pixel
    }

    /// Whether a colour keeps its 24 bits, so that a pixel of three bytes holds it (the community's description of
    /// the Tight encoding calls it TPIXEL).
    pub(super) fn is_true_24(self) -> bool {
        self.bits == 32 && self.depth == 24 && self.maxima == [255; 3]
    }

    /// Whether a pixel is its colour's red, green and blue in this order from the third byte down.
    pub(super) fn is_rgb_word(self) -> bool {
        self.maxima == [255; 3] && self.shifts == [16, 8, 0]
    }

    /// Red, green and blue of a pixel at the client's levels.
    pub(super) fn parts_of(self, pixel: u32) -> [u16; 3] {
        std::array::from_fn(|part| {
            let masked = (pixel >> self.shifts[part]) & u32::from(self.maxima[part]);
            u16::try_from(masked).unwrap_or(u16::MAX)
        })
    }

    /// The pixel of red, green and blue at the client's levels.
    pub(super) fn pixel_of_parts(self, parts: [u16; 3]) -> u32 {
        parts.into_iter().zip(self.shifts).fold(0, |pixel, (part, shift)| pixel | u32::from(part) << shift)
    }

    /// The greatest level of red, green and blue.
    pub(super) fn maxima(self) -> [u16; 3] {
        self.maxima
    }

    /// Appends a pixel as it is in Raw rectangles.
    pub(super) fn put(self, pixel: u32, out: &mut Vec<u8>) {
        let bytes = self.bytes_per_pixel();
        if self.is_big_endian {
            out.extend_from_slice(&pixel.to_be_bytes()[4 - bytes..]);
        } else {
            out.extend_from_slice(&pixel.to_le_bytes()[..bytes]);
        }
    }

    /// Appends a pixel as Tight rectangles have it: three bytes red, green and blue where a colour has 24 bits,
    /// else as in Raw rectangles.
    pub(super) fn put_tight(self, pixel: u32, out: &mut Vec<u8>) {
        if self.is_true_24() {
            let [red, green, blue] = self.shifts;
            #[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
            out.extend_from_slice(&[(pixel >> red) as u8, (pixel >> green) as u8, (pixel >> blue) as u8]);
        } else {
            self.put(pixel, out);
        }
    }

    /// Which of the four bytes of a pixel ZRLE rectangles leave out: the first or the last where that one holds no
    /// colour (RFC 6143, section 7.7.5, CPIXEL).
    pub(super) fn spare_byte(self) -> Option<usize> {
        if self.bits != 32 || self.depth > 24 {
            return None;
        }
        let used = (0..3).fold(0_u32, |used, part| used | u32::from(self.maxima[part]) << self.shifts[part]);
        let highest_is = |is_big_endian| if is_big_endian { 0 } else { 3 };
        if used >> 24 == 0 {
            Some(highest_is(self.is_big_endian))
        } else if used & 0xFF == 0 {
            Some(3 - highest_is(self.is_big_endian))
        } else {
            None
        }
    }

    /// Appends a pixel as ZRLE rectangles have it (RFC 6143, section 7.7.5, CPIXEL).
    pub(super) fn put_compressed(self, pixel: u32, out: &mut Vec<u8>) {
        self.put(pixel, out);
        if let Some(spare) = self.spare_byte() {
            out.remove(out.len() - 4 + spare);
        }
    }

    fn is_sound(self) -> bool {
        let mut used = 0_u64;
        for (max, shift) in self.maxima.into_iter().zip(self.shifts) {
            let is_power = (u32::from(max) + 1).is_power_of_two();
            if max == 0 || !is_power || shift >= 32 || used & u64::from(max) << shift != 0 {
                return false;
            }
            used |= u64::from(max) << shift;
        }
        matches!(self.bits, 8 | 16 | 32) && (1..=self.bits).contains(&self.depth) && used >> self.bits == 0
    }
}

impl Default for ClientPixels {
    fn default() -> Self {
        Self::BGRX
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_of_16_bits_gets_its_levels() {
        let rgb565 = [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0];
        let pixels = ClientPixels::parse(&rgb565).unwrap();
        assert_eq!(pixels.to_message(), rgb565);
        assert_eq!(pixels.pixel_of([255, 255, 255]), 0xFFFF);
        assert_eq!(pixels.pixel_of([255, 0, 0]), 0xF800);
        let mut out = Vec::new();
        pixels.put(0xF81F, &mut out);
        assert_eq!(out, [0x1F, 0xF8]);
    }

    #[test]
    fn a_colour_map_is_none_of_ours() {
        let mut message = ClientPixels::BGRX.to_message();
        assert_eq!(ClientPixels::parse(&message), Some(ClientPixels::BGRX));
        message[3] = 0;
        assert_eq!(ClientPixels::parse(&message), None);
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_holds_its_levels(message in any::<[u8; 16]>(), exponents in any::<[u8; 3]>()) {
            let mut message = message;
            // Most messages would fail at the maxima; these are near the border of what passes.
            for (index, exponent) in exponents.into_iter().enumerate() {
                let max = (1_u32 << (exponent % 12)) - 1;
                message[4 + index * 2..6 + index * 2].copy_from_slice(&u16::try_from(max).unwrap().to_be_bytes());
                message[10 + index] %= 36;
            }
            message[0] = [8, 16, 32, 24][usize::from(message[0] % 4)];
            let Some(pixels) = ClientPixels::parse(&message) else { return Ok(()) };
            prop_assert_eq!(ClientPixels::parse(&pixels.to_message()), Some(pixels));
            let mut out = Vec::new();
            for rgb in [[0; 3], [255; 3], [255, 0, 128]] {
                let pixel = pixels.pixel_of(rgb);
                let parts: Vec<u32> = rgb.iter().zip(pixels.maxima())
                    .map(|(part, max)| (u32::from(*part) * u32::from(max) + 127) / 255).collect();
                prop_assert_eq!(pixels.parts_of(pixel).map(u32::from).to_vec(), parts);
                out.clear();
                pixels.put(pixel, &mut out);
                prop_assert_eq!(out.len(), pixels.bytes_per_pixel());
                out.clear();
                pixels.put_compressed(pixel, &mut out);
                prop_assert_eq!(out.len(), pixels.bytes_per_pixel() - usize::from(pixels.spare_byte().is_some()));
            }
        }
    }
}
