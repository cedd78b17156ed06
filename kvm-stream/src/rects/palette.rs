//! The colours of a rectangle, if they are few.

use crate::simd::{Instructions, Kernel};

/// Up to 256 colours in the order in which they come first, and each pixel as the number of its colour.
#[derive(Debug)]
pub(super) struct Palette {
    colours: Vec<u32>,
    indices: Vec<u8>,
    // An open hash table of places in `colours`, each with the round of searching it belongs to, so that a new
    // search need not clear it.
    slots: Vec<Slot>,
    round: u32,
    limit: usize,
    instructions: Instructions,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    round: u32,
    pixel: u32,
    index: u8,
}

impl Palette {
    /// The most colours the one byte of an index tells apart.
    pub(super) const MAX: usize = 256;

    pub(super) fn new() -> Self {
        Self {
            colours: Vec::with_capacity(Self::MAX),
            indices: Vec::new(),
            slots: vec![Slot::default(); 1 << TABLE_BITS],
            round: 0,
            limit: 0,
            instructions: Instructions::detected(),
        }
    }

    /// Begins a search for at most this many colours, and no more than [`MAX`](Self::MAX).
    pub(super) fn start(&mut self, limit: usize) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            // After four billion searches the numbers of rounds begin anew, and none may look like a new one.
            self.slots.fill(Slot::default());
            self.round = 1;
        }
        self.limit = limit.min(Self::MAX);
        self.colours.clear();
        self.indices.clear();
    }

    /// Numbers the colours of further pixels. `false` as soon as there are more colours than the limit.
    pub(super) fn add(&mut self, pixels: &[u32]) -> bool {
        let start = self.indices.len();
        self.indices.resize(start + pixels.len(), 0);
        let indices = &mut self.indices[start..];
        // Most text has two colours, which is quickly seen.
        let two = match self.colours[..] {
            [one] => Some([one; 2]),
            [one, other] => Some([one, other]),
            _ => None,
        };
        if let Some(colours) = two {
            if self.instructions.run(Two { pixels, colours, indices: &mut *indices }) {
                return true;
            }
        }
        let mut last = None;
        let mut index = 0;
        for (pixel, out) in pixels.iter().zip(indices) {
            if last != Some(*pixel) {
                last = Some(*pixel);
                match number(&mut self.slots, self.round, &mut self.colours, *pixel, self.limit) {
                    Some(found) => index = found,
                    None => return false,
                }
            }
            *out = index;
        }
        true
    }

    /// The colours that were found.
    pub(super) fn colours(&self) -> &[u32] {
        &self.colours
    }

    /// For each pixel the number of its colour.
    pub(super) fn indices(&self) -> &[u8] {
        &self.indices
    }
}

/// Numbers pixels of two colours, 0 for the first; `false` if there are others.
struct Two<'a> {
    pixels: &'a [u32],
    colours: [u32; 2],
    indices: &'a mut [u8],
}

impl Kernel for Two<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let [one, other] = self.colours;
        let mut others = 0;
        for (pixel, index) in self.pixels.iter().zip(self.indices) {
            *index = u8::from(*pixel != one);
            others |= u32::from(*pixel != one) & u32::from(*pixel != other);
        }
        others == 0
    }
}

/// The number of a pixel's colour, a new one if need be; `None` if there would be too many.
#[inline]
fn number(slots: &mut [Slot], round: u32, colours: &mut Vec<u32>, pixel: u32, limit: usize) -> Option<u8> {
    let mut place = (pixel.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as usize;
    loop {
        let slot = &mut slots[place];
        if slot.round != round {
            if colours.len() >= limit {
                return None;
            }
            let index = u8::try_from(colours.len()).ok()?;
            colours.push(pixel);
            *slot = Slot { round, pixel, index };
            return Some(index);
        }
        if slot.pixel == pixel {
            return Some(slot.index);
        }
        place = (place + 1) % (1 << TABLE_BITS);
    }
}

/// Four times as many slots as colours, so that a search ends after a step or two.
const TABLE_BITS: u32 = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_pixel_is_the_colour_of_its_number(
            searches in proptest::collection::vec(proptest::collection::vec(0_u32..40, 0..100), 1..4),
            limit in 0_usize..45,
            spread in prop_oneof![Just(1_u32), Just(0x0001_0000), Just(0x9E37_79B1)],
        ) {
            let mut palette = Palette::new();
            for pixels in searches {
                let pixels: Vec<u32> = pixels.iter().map(|pixel| pixel.wrapping_mul(spread)).collect();
                let distinct: std::collections::HashSet<_> = pixels.iter().copied().collect();
                palette.start(limit);
                let (one, other) = pixels.split_at(pixels.len() / 3);
                let found = palette.add(one) && palette.add(other);
                prop_assert_eq!(found, distinct.len() <= limit);
                if found {
                    let read: Vec<u32> =
                        palette.indices().iter().map(|index| palette.colours()[usize::from(*index)]).collect();
                    prop_assert_eq!(palette.colours().len(), distinct.len());
                    prop_assert_eq!(read, pixels);
                }
            }
        }
    }
}
