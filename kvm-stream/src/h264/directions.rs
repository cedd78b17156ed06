//! The nine ways of predicting a 4×4 block from the samples around it (ITU-T H.264, 8.3.1.2).

/// Rows of all nine predictions of a block are four numbers next to each other in one of the lists here.
#[derive(Debug)]
pub(super) struct Around {
    /// Which of the nine modes the neighbours allow, the first in the lowest bit.
    allowed: u16,
    top: [u8; 4],
    left: [u8; 4],
    mean: u8,
    /// Weighted means of three neighbours, 1 to 2 to 1, along the edge from the bottom left over the corner to the
    /// top right; the corner's own is the fifth. The ends are repeated.
    threes: [u8; 13],
    /// Means of two neighbours along the edge.
    twos: [u8; 12],
    /// Both by turns, as far as the rows of Horizontal_Down need.
    mixed: [u8; 10],
    /// What the rows of Horizontal_Up are made of.
    up: [u8; 10],
}

impl Around {
    /// Of the samples along the edge, from the bottom left over the corner to the top right, the ends once more.
    /// What is missing at the top right is the last there is (8.3.1.2).
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is one")]
    pub(super) fn new(edge: &[u8; 15], has_left: bool, has_top: bool, has_all: bool) -> Self {
        let mut threes = [0; 13];
        for (index, three) in threes.iter_mut().enumerate() {
            let (a, b, c) = (u16::from(edge[index]), u16::from(edge[index + 1]), u16::from(edge[index + 2]));
            *three = ((a + 2 * b + c + 2) >> 2) as u8;
        }
        let mut twos = [0; 12];
        for (index, two) in twos.iter_mut().enumerate() {
            *two = ((u16::from(edge[index + 1]) + u16::from(edge[index + 2]) + 1) >> 1) as u8;
        }
        let [l3, l2, l1, l0] = [edge[1], edge[2], edge[3], edge[4]];
        let top = [edge[6], edge[7], edge[8], edge[9]];
        let sum = |samples: [u8; 4]| samples.iter().map(|sample| u16::from(*sample)).sum::<u16>();
        let left = [l0, l1, l2, l3];
        let mean = match (has_top, has_left) {
            (true, true) => (sum(top) + sum(left) + 4) >> 3,
            (true, false) => (sum(top) + 2) >> 2,
            (false, true) => (sum(left) + 2) >> 2,
            (false, false) => 128,
        };
        let mut allowed = 1 << 2;
        if has_top {
            allowed |= 1 | 1 << 3 | 1 << 7;
        }
        if has_left {
            allowed |= 1 << 1 | 1 << 8;
        }
        if has_all {
            allowed |= 1 << 4 | 1 << 5 | 1 << 6;
        }
        let mixed = [
            twos[0], threes[1], twos[1], threes[2], twos[2], threes[3], twos[3], threes[4], threes[5],
            threes[6],
        ];
        let up = [twos[2], threes[2], twos[1], threes[1], twos[0], threes[0], l3, l3, l3, l3];
        Self { allowed, top, left, mean: mean as u8, threes, twos, mixed, up }
    }

    /// All nine predictions (8.3.1.2.1 to 8.3.1.2.9).
    #[inline(always)]
    fn predictions(&self) -> [[u8; 16]; 9] {
        let (threes, twos) = (&self.threes, &self.twos);
        [
            block([self.top; 4]),
            block([[self.left[0]; 4], [self.left[1]; 4], [self.left[2]; 4], [self.left[3]; 4]]),
            [self.mean; 16],
            block([four(threes, 6), four(threes, 7), four(threes, 8), four(threes, 9)]),
            block([four(threes, 4), four(threes, 3), four(threes, 2), four(threes, 1)]),
            block([
                four(twos, 4),
                four(threes, 4),
                [threes[3], twos[4], twos[5], twos[6]],
                [threes[2], threes[4], threes[5], threes[6]],
            ]),
            block([four(&self.mixed, 6), four(&self.mixed, 4), four(&self.mixed, 2), four(&self.mixed, 0)]),
            block([four(twos, 5), four(threes, 6), four(twos, 6), four(threes, 7)]),
            block([four(&self.up, 0), four(&self.up, 2), four(&self.up, 4), four(&self.up, 6)]),
        ]
    }

    /// The mode that promises to cost least, its prediction and its cost.
    #[inline(always)]
    pub(super) fn best(&self, source: &[u8; 16], predicted: u8, lambda: u32) -> (u8, [u8; 16], u32) {
        let predictions = self.predictions();
        let mut best = u32::MAX;
        for (mode, prediction) in predictions.iter().enumerate() {
            let mode = mode as u32;
            let bits = if mode == u32::from(predicted) { 1 } else { 4 };
            let cost = distance(source, prediction) + lambda * bits;
            let forbidden = u32::from(self.allowed >> mode & 1 == 0) << 31;
            best = best.min(cost << 4 | mode | forbidden);
        }
        let mode = (best & 15) as usize;
        (mode as u8, predictions[mode], best >> 4)
    }
}

#[inline(always)]
fn distance(a: &[u8; 16], b: &[u8; 16]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
}

#[inline(always)]
fn four(list: &[u8], start: usize) -> [u8; 4] {
    [list[start], list[start + 1], list[start + 2], list[start + 3]]
}

#[inline(always)]
fn block(rows: [[u8; 4]; 4]) -> [u8; 16] {
    let mut block = [0; 16];
    for (out, row) in block.chunks_exact_mut(4).zip(rows) {
        out.copy_from_slice(&row);
    }
    block
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
            let mut ends = [0; 15];
            ends[1..14].copy_from_slice(&edge);
            (ends[0], ends[14]) = (edge[0], edge[12]);
            let [has_left, has_top, has_corner] = has;
            let around = Around::new(&ends, has_left, has_top, has_left && has_top && has_corner);
            let p = |x: i32, y: i32| {
                let index = if x < 0 { 3 - y } else { 5 + x };
                i32::from(edge[usize::try_from(index).unwrap()])
            };
            for (mode, prediction) in (0..).zip(around.predictions()) {
                for (y, row) in (0..).zip(prediction.chunks(4)) {
                    for (x, sample) in (0..).zip(row) {
                        let wanted = literal(mode, &p, (has_left, has_top), x, y);
                        prop_assert_eq!(i32::from(*sample), wanted, "mode {} at {}, {}", mode, x, y);
                    }
                }
            }
        }
    }
}
