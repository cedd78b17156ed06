//! The numbers of a plane as what their neighbours do not foretell.
//!
//! A number is foretold by those to its left, above it and above to the left: the middle one of left, above, and
//! left + above − above left, as in JPEG-LS (ITU-T T.87, A.4.2). What is left over is small in photos, and nothing at
//! all in areas; how small it was to the left and above tells how small it will be here, which is the number's context.

use crate::simd::{Instructions, Kernel};

/// The number of contexts. In the first, what is left over to the left and above is nothing.
pub(super) const CONTEXTS: usize = 4;
/// What is added to what is left over in the first context, where the symbols below it are runs. Nothing is always
/// part of a run there.
pub(super) const LITERALS: u16 = 16;
/// Symbols of a context.
pub(super) const SYMBOLS: u16 = 256 + LITERALS;

/// Looks at the rows of a plane, from the top.
#[derive(Debug)]
pub(super) struct Foretold {
    instructions: Instructions,
    // The rows above and at hand, each with one more number on its left.
    above: Vec<u8>,
    here: Vec<u8>,
    // How far what was foretold was off, likewise.
    off_above: Vec<u8>,
    off_here: Vec<u8>,
    folded: Vec<u8>,
    symbols: Vec<u16>,
    first_symbol: u16,
}

impl Foretold {
    pub(super) fn new() -> Self {
        Self {
            instructions: Instructions::detected(),
            above: Vec::new(),
            here: Vec::new(),
            off_above: Vec::new(),
            off_here: Vec::new(),
            folded: Vec::new(),
            symbols: Vec::new(),
            first_symbol: 0,
        }
    }

    /// Begins a plane of this width, above which everything counts as 128, exactly foretold. The symbols of its first
    /// context begin with this one.
    pub(super) fn start(&mut self, width: usize, first_symbol: u16) {
        self.first_symbol = first_symbol;
        for (row, first) in [
            (&mut self.above, ABOVE_ALL),
            (&mut self.here, 0),
            (&mut self.off_above, 0),
            (&mut self.off_here, 0),
        ] {
            row.clear();
            row.resize(width + 1, first);
        }
        self.folded.clear();
        self.folded.resize(width, 0);
        self.symbols.clear();
        self.symbols.resize(width, 0);
    }

    /// Looks at the next row, which `read` fills in. Left of it are the number above its first one, exactly foretold.
    ///
    /// Gives what is left over, folded, and each number's symbol. Folded means: 0, −1, 1, −2, 2 and so on as 0, 1, 2, 3, 4.
    pub(super) fn next_row(&mut self, read: impl FnOnce(&mut [u8])) -> (&[u8], &[u16]) {
        read(&mut self.here[1..]);
        self.here[0] = self.above[1];
        self.above[0] = self.above[1];
        self.instructions.run(Row {
            above: &self.above,
            here: &self.here,
            off_above: &self.off_above,
            off_here: &mut self.off_here,
            folded: &mut self.folded,
            symbols: &mut self.symbols,
            first_symbol: self.first_symbol,
        });
        std::mem::swap(&mut self.above, &mut self.here);
        std::mem::swap(&mut self.off_above, &mut self.off_here);
        (&self.folded, &self.symbols)
    }
}

struct Row<'a> {
    above: &'a [u8],
    here: &'a [u8],
    off_above: &'a [u8],
    off_here: &'a mut [u8],
    folded: &'a mut [u8],
    symbols: &'a mut [u16],
    first_symbol: u16,
}

impl Kernel for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let len = self.folded.len();
        let (corner, above) = (&self.above[..len], &self.above[1..][..len]);
        let (left, here) = (&self.here[..len], &self.here[1..][..len]);
        let off = &mut self.off_here[1..][..len];
        for index in 0..len {
            let foretold = foretell(left[index], above[index], corner[index]);
            let rest = here[index].wrapping_sub(foretold);
            off[index] = rest.min(rest.wrapping_neg());
            self.folded[index] = (rest << 1) ^ (rest >> 7).wrapping_neg();
        }
        let (left, above) = (&self.off_here[..len], &self.off_above[1..][..len]);
        for index in 0..len {
            let sum = left[index].saturating_add(above[index]);
            let mut first = self.first_symbol + LITERALS;
            for (from, step) in CONTEXT_FROM.iter().zip(CONTEXT_STEPS) {
                first += if sum >= *from { step } else { 0 };
            }
            self.symbols[index] = first + u16::from(self.folded[index]);
        }
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between two bytes")]
fn foretell(left: u8, above: u8, corner: u8) -> u8 {
    let (left, above, corner) = (i16::from(left), i16::from(above), i16::from(corner));
    let (low, high) = (left.min(above), left.max(above));
    (left + above - corner).clamp(low, high) as u8
}

/// From which sum on of how far the neighbours were off the second context and the others begin. Of some that were
/// tried on photos and text these need as few bits as six contexts.
const CONTEXT_FROM: [u8; CONTEXTS - 1] = [1, 4, 12];
/// How much further on the symbols of each context begin than those of the one before.
const CONTEXT_STEPS: [u16; CONTEXTS - 1] = [SYMBOLS - LITERALS, SYMBOLS, SYMBOLS];
const ABOVE_ALL: u8 = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_instructions_leave_the_same_over(
            rows in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 70), 1..4),
            width in 1_usize..70,
        ) {
            let mut all = [Instructions::BASELINE, Instructions::detected()].map(|instructions| {
                let mut foretold = Foretold::new();
                foretold.instructions = instructions;
                foretold.start(width, 5);
                foretold
            });
            for row in &rows {
                let [one, other] = all.each_mut().map(|foretold| {
                    let (folded, symbols) = foretold.next_row(|out| out.copy_from_slice(&row[..width]));
                    (folded.to_vec(), symbols.to_vec())
                });
                prop_assert_eq!(one, other);
            }
        }
    }

    #[test]
    fn what_is_left_over_of_a_row_above_which_all_is_128() {
        let mut foretold = Foretold::new();
        foretold.start(5, 0);
        let (folded, symbols) = foretold.next_row(|out| out.copy_from_slice(&[129, 129, 125, 200, 200]));
        assert_eq!((folded, symbols), (&[2, 0, 7, 150, 0][..], &[18, 272, 23, 694, 816][..]));
        let (folded, symbols) = foretold.next_row(|out| out.copy_from_slice(&[129, 128, 125, 200, 201]));
        assert_eq!((folded, symbols), (&[0, 1, 0, 0, 2][..], &[272, 17, 544, 816, 18][..]));
    }
}
