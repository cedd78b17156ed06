//! Prefix codes made for what is coded: the more often a symbol comes, the fewer bits it takes.

use super::bits::BitWriter;

/// The longest code, so that a decoder looks each up in one table.
pub(super) const MAX_BITS: usize = LONGEST as usize;
const LONGEST: u8 = 12;

/// Makes codes, with memory of its own.
#[derive(Debug, Default)]
pub(super) struct CodeMaker {
    /// Symbols that occur, the rarest first.
    sorted: Vec<(u32, u16)>,
    /// Weights of the nodes of the tree, of leaves and then of those above them.
    weights: Vec<u64>,
    parents: Vec<u16>,
}

impl CodeMaker {
    /// Tells the length of the code of each symbol that occurs this often: 0 where it does not. There are fewer than
    /// 32,768 of them.
    ///
    /// The lengths are Huffman's, shortened where they are too long in the way that the JPEG standard shows (ITU-T
    /// T.81, K.2).
    pub(super) fn lengths(&mut self, frequencies: &[u32], lengths: &mut [u8]) {
        lengths.fill(0);
        self.sorted.clear();
        let occurring = frequencies.iter().zip(0_u16..).filter(|(frequency, _)| **frequency > 0);
        self.sorted.extend(occurring.map(|(frequency, symbol)| (*frequency, symbol)));
        self.sorted.sort_unstable();
        if let [(_, symbol)] = self.sorted[..] {
            // A code of no bits would be none that a decoder can read.
            lengths[usize::from(symbol)] = 1;
            return;
        }
        let mut counts = self.count_lengths();
        shorten(&mut counts);
        let mut rarest_first = self.sorted.iter();
        for length in (1..=LONGEST).rev() {
            for (_, symbol) in rarest_first.by_ref().take(usize::from(counts[usize::from(length)])) {
                lengths[usize::from(*symbol)] = length;
            }
        }
    }

    /// How many codes there are of each length, of Huffman's tree.
    fn count_lengths(&mut self) -> [u16; DEEPEST + 1] {
        let leaves = self.sorted.len();
        self.weights.clear();
        self.weights.extend(self.sorted.iter().map(|(frequency, _)| u64::from(*frequency)));
        self.parents.clear();
        self.parents.resize((2 * leaves).saturating_sub(1), 0);
        // Both leaves and inner nodes come in the order of their weights.
        let (mut leaf, mut inner) = (0, leaves);
        for node in leaves..self.parents.len() {
            let mut weight = 0;
            for _ in 0..2 {
                let takes_leaf =
                    leaf < leaves && (inner == node || self.weights[leaf] <= self.weights[inner]);
                let least = if takes_leaf { &mut leaf } else { &mut inner };
                weight += self.weights[*least];
                self.parents[*least] = u16::try_from(node).unwrap_or(u16::MAX);
                *least += 1;
            }
            self.weights.push(weight);
        }
        // From the root down, the weights' place holds the depths.
        let mut counts = [0; DEEPEST + 1];
        if let Some(root) = self.weights.last_mut() {
            *root = 0;
        }
        for node in (0..self.weights.len().saturating_sub(1)).rev() {
            self.weights[node] = self.weights[usize::from(self.parents[node])] + 1;
            if node < leaves {
                counts[usize::try_from(self.weights[node]).unwrap_or(DEEPEST).min(DEEPEST)] += 1;
            }
        }
        counts
    }
}

/// Makes the longest codes as short as they have to be, at the cost of some that are shorter.
fn shorten(counts: &mut [u16; DEEPEST + 1]) {
    for length in (MAX_BITS + 1..=DEEPEST).rev() {
        while counts[length] > 0 {
            // Of two that differ in their last bit one goes up by a bit, the other shares a shorter one's place.
            let Some(shorter) = (1..length - 1).rev().find(|shorter| counts[*shorter] > 0) else { return };
            counts[length] -= 2;
            counts[length - 1] += 1;
            counts[shorter + 1] += 2;
            counts[shorter] -= 1;
        }
    }
}

/// Fills in the codes of these lengths: in the order of length, then of symbols, counting up.
pub(super) fn assign(lengths: &[u8], mut put: impl FnMut(usize, u16)) {
    let mut code = 0;
    for length in 1..=MAX_BITS {
        code <<= 1;
        for (symbol, _) in lengths.iter().enumerate().filter(|(_, of)| usize::from(**of) == length) {
            put(symbol, code);
            code += 1;
        }
    }
}

/// Writes lengths: their number without zeros at the end in nine bits, then each in four; after a zero four bits say
/// how many more follow.
pub(super) fn put_lengths(lengths: &[u8], out: &mut BitWriter<'_>) {
    let len = lengths.iter().rposition(|length| *length > 0).map_or(0, |last| last + 1);
    out.put(u32::try_from(len).unwrap_or(u32::MAX), 9);
    let mut rest = &lengths[..len];
    while let [length, after @ ..] = rest {
        out.put(u32::from(*length), 4);
        rest = after;
        if *length == 0 {
            let zeros = after.iter().take(15).take_while(|length| **length == 0).count();
            out.put(u32::try_from(zeros).unwrap_or(0), 4);
            rest = &after[zeros..];
        }
    }
}

/// A tree of weights whose sum is below 2 to the 32nd is no deeper.
const DEEPEST: usize = 48;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_symbol_that_occurs_has_a_code_and_the_codes_fill_the_space(
            weights in proptest::collection::vec(prop_oneof![Just(0_u32), 1_u32..5, (0_u32..26).prop_map(|bits| 1 << bits)], 0..280),
        ) {
            let mut lengths = vec![9; weights.len()];
            CodeMaker::default().lengths(&weights, &mut lengths);
            let occurring = weights.iter().filter(|weight| **weight > 0).count();
            let mut space = 0;
            for (weight, length) in weights.iter().zip(&lengths) {
                prop_assert_eq!(*weight > 0, *length > 0);
                prop_assert!(usize::from(*length) <= MAX_BITS);
                space += if *length > 0 { 1 << (MAX_BITS - usize::from(*length)) } else { 0 };
            }
            if occurring > 1 {
                prop_assert_eq!(space, 1 << MAX_BITS);
            }
            for (one, other) in weights.iter().zip(&lengths).flat_map(|one| weights.iter().zip(&lengths).map(move |other| (one, other))) {
                // What comes more often takes no more bits.
                prop_assert!(one.0 <= other.0 || *other.0 == 0 || one.1 <= other.1);
            }
        }
    }

    #[test]
    fn lengths_of_a_skewed_alphabet_are_shortened() {
        // Fibonacci's numbers make the deepest tree.
        let mut weights = vec![1_u32, 1];
        for index in 2..44 {
            weights.push(weights[index - 1] + weights[index - 2]);
        }
        let mut lengths = vec![0; weights.len()];
        CodeMaker::default().lengths(&weights, &mut lengths);
        assert_eq!((lengths[0], lengths[43]), (12, 1));
    }
}
