//! Quantised coefficients as bits.

use super::tables::{CHROMA_AC, CHROMA_DC, HuffmanSpec, LUMA_AC, LUMA_DC};
use super::transform::Group;

/// The codes of one kind of component.
#[derive(Debug)]
pub(super) struct Codes {
    dc: [Code; 16],
    /// By the length of the run of zeros before, times 16, plus the magnitude's bits.
    ac: [Code; 256],
}

impl Codes {
    pub(super) const LUMA: Self = Self::new(&LUMA_DC, &LUMA_AC);
    pub(super) const CHROMA: Self = Self::new(&CHROMA_DC, &CHROMA_AC);

    const fn new(dc: &HuffmanSpec, ac: &HuffmanSpec) -> Self {
        Self { dc: codes(dc), ac: codes(ac) }
    }
}

/// A Huffman code, and how many bits it has with those of the magnitude behind it.
#[derive(Debug, Clone, Copy)]
struct Code {
    bits: u16,
    len_with_magnitude: u8,
}

/// Gives each symbol its code (section C.2).
const fn codes<const COUNT: usize>(spec: &HuffmanSpec) -> [Code; COUNT] {
    let mut codes = [Code { bits: 0, len_with_magnitude: 0 }; COUNT];
    let (mut next, mut place, mut len) = (0_u16, 0, 1);
    while len <= 16 {
        let mut left = spec.lengths[len as usize - 1];
        while left > 0 {
            let symbol = spec.symbols[place];
            codes[symbol as usize] = Code { bits: next, len_with_magnitude: len + (symbol & 15) };
            place += 1;
            left -= 1;
            // The last of 16 bits would be followed by one of 17.
            next = next.wrapping_add(1);
        }
        next <<= 1;
        len += 1;
    }
    codes
}

/// The bits of one restart interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits {
    /// Those not written yet, the last one in the lowest bit; above them may be some that are written.
    word: u64,
    /// How many more there is place for.
    free: u32,
}

impl Bits {
    pub(super) const NONE: Self = Self { word: 0, free: u64::BITS };

    /// Appends up to 32 bits.
    #[inline(always)]
    fn put(&mut self, bits: u32, len: u32, out: &mut Vec<u8>) {
        let bits = u64::from(bits);
        if len <= self.free {
            self.word = (self.word << (len & 63)) | bits;
            self.free -= len;
        } else {
            let over = len - self.free;
            write(((self.word << (self.free & 63)) | (bits >> (over & 63))).to_be_bytes(), out);
            self.word = bits;
            self.free = u64::BITS - over;
        }
    }

    /// Ends the interval: fills the last byte with ones (section F.1.2.3).
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        let missing = self.free % 8;
        self.put((1 << missing) - 1, missing, out);
        let bytes = (u64::BITS - self.free) / 8;
        if bytes > 0 {
            for byte in (self.word << (self.free & 63)).to_be_bytes().into_iter().take(bytes as usize) {
                write_byte(byte, out);
            }
        }
    }

    /// Appends one block of a group (section F.1.2). `last_dc` is that of the component's block before.
    #[inline(always)]
    pub(super) fn put_block(
        &mut self,
        group: &Group,
        lane: usize,
        last_dc: &mut i16,
        codes: &Codes,
        out: &mut Vec<u8>,
    ) {
        let dc = group.coefficients[0][lane];
        let (magnitude, size) = magnitude(dc - *last_dc);
        *last_dc = dc;
        let code = codes.dc[(size & 15) as usize];
        self.put((u32::from(code.bits) << size) | magnitude, u32::from(code.len_with_magnitude), out);

        let [a, b, c, d] = group.nonzero.map(|word| u64::from(word[lane]));
        let mut left = (a | (b << 16) | (c << 32) | (d << 48)) & !1;
        let mut before = 0;
        while left != 0 {
            let index = left.trailing_zeros();
            left &= left - 1;
            let mut zeros = index - before - 1;
            before = index;
            while zeros > 15 {
                self.put_code(codes.ac[0xF0], out);
                zeros -= 16;
            }
            let (magnitude, size) = self::magnitude(group.coefficients[(index & 63) as usize][lane]);
            let code = codes.ac[((zeros << 4) | size) as usize & 255];
            self.put((u32::from(code.bits) << size) | magnitude, u32::from(code.len_with_magnitude), out);
        }
        if before != 63 {
            self.put_code(codes.ac[0], out);
        }
    }

    #[inline(always)]
    fn put_code(&mut self, code: Code, out: &mut Vec<u8>) {
        self.put(u32::from(code.bits), u32::from(code.len_with_magnitude), out);
    }
}

/// A value's bits behind its code, and how many they are (tables F.1 and F.2).
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "a negative number's bits are what is wanted")]
fn magnitude(value: i16) -> (u32, u32) {
    let size = u16::BITS - value.unsigned_abs().leading_zeros();
    let bits = (i32::from(value) + i32::from(value >> 15)) as u32 & ((1 << size) - 1);
    (bits, size)
}

/// Writes eight bytes, with a zero behind each that would start a marker (section F.1.2.3).
#[inline(always)]
fn write(bytes: [u8; 8], out: &mut Vec<u8>) {
    let word = u64::from_ne_bytes(bytes);
    // Adding one to each byte carries out of those that are 0xFF, or are reached by such a carry.
    if word & 0x8080_8080_8080_8080 & !word.wrapping_add(0x0101_0101_0101_0101) == 0 {
        out.extend_from_slice(&bytes);
    } else {
        for byte in bytes {
            write_byte(byte, out);
        }
    }
}

fn write_byte(byte: u8, out: &mut Vec<u8>) {
    out.push(byte);
    if byte == 0xFF {
        out.push(0);
    }
}
