//! The nine ways of predicting a 4×4 block from the samples around it (ITU-T H.264, 8.3.1.2).

/// The samples around a block, and which of the modes they allow.
#[derive(Debug)]
pub(super) struct Around {
    /// The samples from the bottom left over the corner, which is the sixth, to the top right. The first and the last
    /// of them stand there twice, and a zero comes behind.
    edge: [u8; 16],
    has_left: bool,
    has_top: bool,
    has_all: bool,
}

/// Modes and a block of samples by rows, the first in the lowest byte, so that a row is four bytes of a number.
type Block = u128;

impl Around {
    /// What is missing at the top right is in `edge` the last there is (8.3.1.2).
    #[inline(always)]
    pub(super) fn new(edge: [u8; 16], has_left: bool, has_top: bool, has_all: bool) -> Self {
        Self { edge, has_left, has_top, has_all }
    }

    /// The mode that promises to cost least, its prediction and its cost: a sum of absolute differences, and `lambda`
    /// for each bit.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a mode is below 9")]
    pub(super) fn best(&self, source: Block, predicted: u8, lambda: u32) -> (u8, Block, u32) {
        let (simple, allowed) = (self.simple(), self.allowed());
        for (mode, prediction) in simple.iter().enumerate() {
            // Where it is also the mode that one bit tells, nothing can be better; otherwise little.
            let is_cheap = mode == usize::from(predicted) || predicted < 3;
            if *prediction == source && allowed >> mode & 1 != 0 && is_cheap {
                let bits = if mode == usize::from(predicted) { 1 } else { 4 };
                return (mode as u8, source, lambda * bits);
            }
        }
        let [a, b, c] = simple;
        let [d, e, f, g, h, i] = self.directed();
        let predictions = [a, b, c, d, e, f, g, h, i];
        let distances = distances(source, &predictions);
        let mut best = u32::MAX;
        for (mode, distance) in distances.into_iter().enumerate() {
            let bits = if mode == usize::from(predicted) { 1 } else { 4 };
            let cost = distance + lambda * bits;
            let forbidden = u32::from(allowed >> mode & 1 == 0) << 31;
            best = best.min(cost << 4 | mode as u32 | forbidden);
        }
        let mode = best & 15;
        (mode as u8, predictions[mode as usize], best >> 4)
    }

    /// Which modes have the neighbours that they need, the first in the lowest bit.
    #[inline(always)]
    fn allowed(&self) -> u16 {
        let top = if self.has_top { 1 | 1 << 3 | 1 << 7 } else { 0 };
        let left = if self.has_left { 1 << 1 | 1 << 8 } else { 0 };
        let all = if self.has_all { 1 << 4 | 1 << 5 | 1 << 6 } else { 0 };
        top | left | all | 1 << 2
    }

    /// Vertical, horizontal and mean (8.3.1.2.1 to 8.3.1.2.3).
    #[inline(always)]
    fn simple(&self) -> [Block; 3] {
        let edge = u128::from_le_bytes(self.edge);
        let top = four(edge, 6);
        // From the bottom.
        let left = four(edge, 1);
        let rows = u128::from(left >> 24)
            | u128::from(left >> 16 & 255) << 32
            | u128::from(left >> 8 & 255) << 64
            | u128::from(left & 255) << 96;
        let mean = match (self.has_top, self.has_left) {
            (true, true) => (sum(top) + sum(left) + 4) >> 3,
            (true, false) => (sum(top) + 2) >> 2,
            (false, true) => (sum(left) + 2) >> 2,
            (false, false) => 128,
        };
        [repeated(top), rows * 0x0101_0101, repeated(mean * 0x0101_0101)]
    }

    /// The six modes that follow a direction (8.3.1.2.4 to 8.3.1.2.9).
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a mean of bytes is one, and rows are the lowest bytes"
    )]
    fn directed(&self) -> [Block; 6] {
        let edge = u128::from_le_bytes(self.edge);
        let (next, second) = ((edge >> 8).to_le_bytes(), (edge >> 16).to_le_bytes());
        // Means of three neighbours along the edge, weighted 1 to 2 to 1, the corner's own the fifth; and of two, of
        // which the fifth is of the corner and the first at the top.
        let (mut threes, mut twos) = ([0; 16], [0; 16]);
        for index in 0..16 {
            let (a, b) = (u16::from(self.edge[index]), u16::from(next[index]));
            let c = u16::from(second[index]);
            threes[index] = ((a + 2 * b + c + 2) >> 2) as u8;
            twos[index] = ((b + c + 1) >> 1) as u8;
        }
        let (threes, twos) = (u128::from_le_bytes(threes), u128::from_le_bytes(twos));
        let byte = |list: u128, index: u32| four(list, index) & 255;
        let along = spread(four(twos, 0)) | spread(four(threes, 1)) << 8;
        let back = (spread(four(threes, 0)) | spread(four(twos, 0)) << 8).swap_bytes() >> 16;
        let back = back | (u64::from(byte(edge, 1)) * 0x0101) << 48;
        [
            rows([four(threes, 6), four(threes, 7), four(threes, 8), four(threes, 9)]),
            rows([four(threes, 4), four(threes, 3), four(threes, 2), four(threes, 1)]),
            rows([
                four(twos, 4),
                four(threes, 4),
                four(twos, 4) << 8 | byte(threes, 3),
                four(threes, 4) << 8 | byte(threes, 2),
            ]),
            rows([
                (along >> 48) as u32 | four(threes, 5) << 16,
                (along >> 32) as u32,
                (along >> 16) as u32,
                along as u32,
            ]),
            rows([four(twos, 5), four(threes, 6), four(twos, 6), four(threes, 7)]),
            rows([back as u32, (back >> 16) as u32, (back >> 32) as u32, byte(edge, 1) * 0x0101_0101]),
        ]
    }
}

/// Sums of absolute differences.
#[inline(always)]
fn distances(source: Block, predictions: &[Block; 9]) -> [u32; 9] {
    let (mut left, mut right) = ([0; 144], [0; 144]);
    for (index, prediction) in predictions.iter().enumerate() {
        left[16 * index..16 * index + 16].copy_from_slice(&prediction.to_le_bytes());
        right[16 * index..16 * index + 16].copy_from_slice(&source.to_le_bytes());
    }
    for (left, right) in left.iter_mut().zip(&right) {
        *left = left.abs_diff(*right);
    }
    let mut sums = [0; 9];
    for (sum, differences) in sums.iter_mut().zip(left.chunks_exact(16)) {
        *sum = sum_of_16(differences);
    }
    sums
}

/// Adds up sixteen bytes, four numbers of 16 bits at a time.
#[inline(always)]
fn sum_of_16(bytes: &[u8]) -> u32 {
    const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
    let mut sums = 0;
    for half in bytes.chunks_exact(8) {
        let half = u64::from_le_bytes(*half.first_chunk().expect("eight bytes"));
        sums += (half & EVEN) + (half >> 8 & EVEN);
    }
    (sums.wrapping_mul(0x0001_0001_0001_0001) >> 48) as u32
}

/// Four bytes from a place on.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "those are wanted")]
fn four(list: u128, start: u32) -> u32 {
    (list >> (8 * start)) as u32
}

/// Four bytes, a zero behind each.
#[inline(always)]
fn spread(bytes: u32) -> u64 {
    let bytes = u64::from(bytes);
    let halves = (bytes | bytes << 16) & 0x0000_FFFF_0000_FFFF;
    (halves | halves << 8) & 0x00FF_00FF_00FF_00FF
}

/// The sum of four bytes.
#[inline(always)]
fn sum(bytes: u32) -> u32 {
    let pairs = (bytes & 0x00FF_00FF) + (bytes >> 8 & 0x00FF_00FF);
    (pairs & 0xFFFF) + (pairs >> 16)
}

#[inline(always)]
fn repeated(row: u32) -> Block {
    rows([row; 4])
}

#[inline(always)]
fn rows([a, b, c, d]: [u32; 4]) -> Block {
    u128::from(a) | u128::from(b) << 32 | u128::from(c) << 64 | u128::from(d) << 96
}

/// The prediction of one sample as 8.3.1.2 writes it, of the samples around as its p[x, y].
#[cfg(test)]
pub(super) fn literal(mode: u8, p: &impl Fn(i32, i32) -> i32, has: (bool, bool), x: i32, y: i32) -> i32 {
    let three = |a: i32, b: i32, c: i32| (a + 2 * b + c + 2) >> 2;
    let two = |a: i32, b: i32| (a + b + 1) >> 1;
    match mode {
        0 => p(x, -1),
        1 => p(-1, y),
        2 => {
            let top: i32 = (0..4).map(|x| p(x, -1)).sum();
            let left: i32 = (0..4).map(|y| p(-1, y)).sum();
            match has {
                (true, true) => (top + left + 4) >> 3,
                (true, false) => (left + 2) >> 2,
                (false, true) => (top + 2) >> 2,
                (false, false) => 128,
            }
        }
        3 if x == 3 && y == 3 => (p(6, -1) + 3 * p(7, -1) + 2) >> 2,
        3 => three(p(x + y, -1), p(x + y + 1, -1), p(x + y + 2, -1)),
        4 if x > y => three(p(x - y - 2, -1), p(x - y - 1, -1), p(x - y, -1)),
        4 if x < y => three(p(-1, y - x - 2), p(-1, y - x - 1), p(-1, y - x)),
        4 => three(p(0, -1), p(-1, -1), p(-1, 0)),
        5 => match 2 * x - y {
            0 | 2 | 4 | 6 => two(p(x - (y >> 1) - 1, -1), p(x - (y >> 1), -1)),
            1 | 3 | 5 => three(p(x - (y >> 1) - 2, -1), p(x - (y >> 1) - 1, -1), p(x - (y >> 1), -1)),
            -1 => three(p(-1, 0), p(-1, -1), p(0, -1)),
            _ => three(p(-1, y - 1), p(-1, y - 2), p(-1, y - 3)),
        },
        6 => match 2 * y - x {
            0 | 2 | 4 | 6 => two(p(-1, y - (x >> 1) - 1), p(-1, y - (x >> 1))),
            1 | 3 | 5 => three(p(-1, y - (x >> 1) - 2), p(-1, y - (x >> 1) - 1), p(-1, y - (x >> 1))),
            -1 => three(p(-1, 0), p(-1, -1), p(0, -1)),
            _ => three(p(x - 1, -1), p(x - 2, -1), p(x - 3, -1)),
        },
        7 if y % 2 == 0 => two(p(x + (y >> 1), -1), p(x + (y >> 1) + 1, -1)),
        7 => three(p(x + (y >> 1), -1), p(x + (y >> 1) + 1, -1), p(x + (y >> 1) + 2, -1)),
        _ => match x + 2 * y {
            0 | 2 | 4 => two(p(-1, y + (x >> 1)), p(-1, y + (x >> 1) + 1)),
            1 | 3 => three(p(-1, y + (x >> 1)), p(-1, y + (x >> 1) + 1), p(-1, y + (x >> 1) + 2)),
            5 => (p(-1, 2) + 3 * p(-1, 3) + 2) >> 2,
            _ => p(-1, 3),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_nine_predictions_are_the_standards(edge in any::<[u8; 13]>(), has in any::<[bool; 3]>()) {
            // From the bottom left to the top right, the ends once more.
            let mut ends = [0; 16];
            ends[1..14].copy_from_slice(&edge);
            (ends[0], ends[14]) = (edge[0], edge[12]);
            let [has_left, has_top, has_corner] = has;
            let around = Around::new(ends, has_left, has_top, has_left && has_top && has_corner);
            let predictions = around.simple().into_iter().chain(around.directed());
            let p = |x: i32, y: i32| {
                let index = if x < 0 { 3 - y } else { 5 + x };
                i32::from(edge[usize::try_from(index).unwrap()])
            };
            for (mode, prediction) in (0..).zip(predictions) {
                for (y, row) in (0..).zip(prediction.to_le_bytes().chunks(4)) {
                    for (x, sample) in (0..).zip(row) {
                        let wanted = literal(mode, &p, (has_left, has_top), x, y);
                        prop_assert_eq!(i32::from(*sample), wanted, "mode {} at {}, {}", mode, x, y);
                    }
                }
            }
        }
    }
}
