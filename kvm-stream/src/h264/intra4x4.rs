//! Luma blocks predicted each from its neighbours: I4x4 (ITU-T H.264, 8.3.1).

use super::intra::{Available, Edges};
use super::quantise::{Levels, Quantiser};
use super::transform::{Luma, add_clipped, difference, forward, into_lanes, inverse};
use crate::simd::Kernel;

/// The lane, that is the place by rows, of each luma block in the order of coding (6.4.3).
pub(super) const CODING_ORDER: [usize; 16] = [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15];

/// The number of the mode DC, which an unknown neighbour counts as (8.3.1.1).
pub(super) const DC: u8 = 2;

/// Codes luma of a macroblock as I4x4, choosing modes block by block.
#[derive(Debug)]
pub(super) struct CodeIntra4x4<'a> {
    pub(super) source: &'a Luma,
    pub(super) edges: &'a Edges<16>,
    /// Modes of the blocks at the left and at the top, from the top and from the left; [`DC`] for a macroblock that is
    /// not I4x4, `None` for one that is not available (8.3.1.1).
    pub(super) left_modes: Option<[u8; 4]>,
    pub(super) top_modes: Option<[u8; 4]>,
    pub(super) quantiser: &'a Quantiser,
    /// What a bit is worth, in sums of absolute differences.
    pub(super) lambda: u32,
    /// What a decoder will show.
    pub(super) samples: &'a mut Luma,
    pub(super) levels: &'a mut Levels<16>,
}

/// The modes of a macroblock coded as I4x4. Lanes are blocks by rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Intra4x4 {
    /// `Intra4x4PredMode` (table 8-2).
    pub(super) modes: [u8; 16],
    /// `predIntra4x4PredMode`: what costs least to say.
    pub(super) predicted: [u8; 16],
    /// Sums of absolute differences between source and prediction, and `lambda` for each bit of the modes.
    pub(super) cost: u32,
}

impl Kernel for CodeIntra4x4<'_> {
    type Output = Intra4x4;

    #[inline(always)]
    fn run(self) -> Intra4x4 {
        let mut window = Window::of(self.edges);
        let mut coded = Intra4x4 { modes: [DC; 16], predicted: [DC; 16], cost: 0 };
        for lane in CODING_ORDER {
            let (x, y) = (lane & 3, lane >> 2);
            let left =
                if x > 0 { Some(coded.modes[lane - 1]) } else { self.left_modes.map(|modes| modes[y]) };
            let top = if y > 0 { Some(coded.modes[lane - 4]) } else { self.top_modes.map(|modes| modes[x]) };
            let predicted = left.zip(top).map_or(DC, |(left, top)| left.min(top));
            let source = block_of(self.source, x, y);
            let around = Around::of(&window, self.edges.available, x, y);
            let (mode, prediction, cost) = around.best(&source, predicted, self.lambda);
            let mut shown = prediction;
            self.levels.nonzero[lane] = 0;
            if source != prediction {
                let mut levels = Levels::<1>::ZERO;
                shown = code_block(&source, &prediction, self.quantiser, &mut levels);
                if levels.nonzero[0] != 0 {
                    self.levels.set_block(lane, &levels);
                }
            }
            window.put(x, y, &shown);
            coded.modes[lane] = mode;
            coded.predicted[lane] = predicted;
            coded.cost += cost;
        }
        for (row, window) in self.samples.iter_mut().zip(&window.rows[1..]) {
            row.copy_from_slice(&window[LEFT..LEFT + 16]);
        }
        coded
    }
}

/// Codes one block, and gives what a decoder shows.
#[inline(always)]
fn code_block(
    source: &[u8; 16],
    prediction: &[u8; 16],
    quantiser: &Quantiser,
    levels: &mut Levels<1>,
) -> [u8; 16] {
    let lanes = |block: &[u8; 16]| into_lanes::<1>(&std::array::from_fn(|row| [row_of(block, row)]));
    let predicted = lanes(prediction);
    let mut block = difference(&lanes(source), &predicted);
    forward(&mut block);
    quantiser.quantise(&block, 0, levels);
    if levels.are_zero() {
        return *prediction;
    }
    let mut block = quantiser.scale(levels);
    inverse(&mut block);
    let mut shown = [0; 16];
    for (row, [word]) in shown.chunks_exact_mut(4).zip(add_clipped(&predicted, &block)) {
        row.copy_from_slice(&word.to_le_bytes());
    }
    shown
}

#[inline(always)]
fn row_of(block: &[u8; 16], row: usize) -> u32 {
    u32::from_le_bytes([block[4 * row], block[4 * row + 1], block[4 * row + 2], block[4 * row + 3]])
}

#[inline(always)]
fn block_of(luma: &Luma, x: usize, y: usize) -> [u8; 16] {
    let mut block = [0; 16];
    for (row, luma) in block.chunks_exact_mut(4).zip(&luma[4 * y..4 * y + 4]) {
        row.copy_from_slice(&luma[4 * x..4 * x + 4]);
    }
    block
}

/// Samples of a macroblock as far as they are known, with those around.
struct Window {
    rows: [[u8; LEFT + 24]; 17],
}

/// Where a macroblock starts in the rows of its window.
const LEFT: usize = 8;

impl Window {
    #[inline(always)]
    fn of(edges: &Edges<16>) -> Self {
        let mut rows = [[0; LEFT + 24]; 17];
        rows[0][LEFT - 1] = edges.top_left;
        rows[0][LEFT..LEFT + 16].copy_from_slice(&edges.top);
        rows[0][LEFT + 16..LEFT + 20].copy_from_slice(&edges.top_right);
        for (row, left) in rows[1..].iter_mut().zip(edges.left) {
            row[LEFT - 1] = left;
        }
        Self { rows }
    }

    #[inline(always)]
    fn put(&mut self, x: usize, y: usize, block: &[u8; 16]) {
        for (row, samples) in self.rows[4 * y + 1..4 * y + 5].iter_mut().zip(block.chunks_exact(4)) {
            row[LEFT + 4 * x..LEFT + 4 * x + 4].copy_from_slice(samples);
        }
    }
}

/// Rows of all nine predictions of a block are four numbers next to each other in one of the lists here.
#[derive(Debug)]
struct Around {
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
    #[inline(always)]
    fn of(window: &Window, available: Available, x: usize, y: usize) -> Self {
        let has_left = x > 0 || available.left;
        let has_top = y > 0 || available.top;
        let has_corner = match (x, y) {
            (0, 0) => available.top_left,
            (_, 0) => available.top,
            (0, _) => available.left,
            _ => true,
        };
        let has_top_right = match (x, y) {
            (3, 0) => available.top_right,
            (_, 0) => available.top,
            // The block at the top right comes later in the order of coding.
            (3, _) | (1, 1 | 3) => false,
            _ => true,
        };
        let above = &window.rows[4 * y][LEFT + 4 * x - 1..LEFT + 4 * x + 8];
        let mut edge = [0; 15];
        for (row, sample) in edge[1..5].iter_mut().enumerate() {
            *sample = window.rows[4 * y + 4 - row][LEFT + 4 * x - 1];
        }
        edge[0] = edge[1];
        edge[5..14].copy_from_slice(above);
        if !has_top_right {
            let last = edge[9];
            edge[10..14].fill(last);
        }
        edge[14] = edge[13];
        Self::new(&edge, has_left, has_top, has_left && has_top && has_corner)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is one")]
    fn new(edge: &[u8; 15], has_left: bool, has_top: bool, has_all: bool) -> Self {
        let mut threes = [0; 13];
        for (index, three) in threes.iter_mut().enumerate() {
            let [a, b, c] = [edge[index], edge[index + 1], edge[index + 2]].map(u16::from);
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
            block(self.left.map(|sample| [sample; 4])),
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
    fn best(&self, source: &[u8; 16], predicted: u8, lambda: u32) -> (u8, [u8; 16], u32) {
        let predictions = self.predictions();
        let mut best = (DC, u32::MAX);
        for (mode, prediction) in (0..9).zip(&predictions) {
            let bits = if mode == predicted { 1 } else { 4 };
            let cost = distance(source, prediction) + lambda * bits;
            if self.allowed >> mode & 1 != 0 && cost < best.1 {
                best = (mode, cost);
            }
        }
        (best.0, predictions[usize::from(best.0)], best.1)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quantise::Rounding;
    use super::super::residual::code_luma;
    use super::*;
    use crate::h264::cases::{available, samples};
    use crate::simd::Instructions;

    /// The prediction of one sample as 8.3.1.2 writes it, of the samples around as its p[x, y].
    fn literal(mode: u8, p: &impl Fn(i32, i32) -> i32, has: (bool, bool), x: i32, y: i32) -> i32 {
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

    /// The order of coding as 6.4.3 computes it.
    fn place_of(index: usize) -> (usize, usize) {
        (index / 4 % 2 * 2 + index % 2, index / 8 * 2 + index % 4 / 2)
    }

    #[test]
    fn the_order_of_coding_is_the_standards() {
        for (index, lane) in CODING_ORDER.into_iter().enumerate() {
            let (x, y) = place_of(index);
            assert_eq!(lane, 4 * y + x);
        }
    }

    /// Replays what was coded sample by sample.
    fn check(
        source: &Luma,
        edges: &Edges<16>,
        coded: &Intra4x4,
        shown: &Luma,
        levels: &Levels<16>,
        quantiser: &Quantiser,
    ) {
        let available = edges.available;
        // What a decoder knows so far; -1 for what it does not.
        let mut known = [[-1; 16]; 16];
        for index in 0..16 {
            let (x, y) = place_of(index);
            let lane = 4 * y + x;
            let (left, top) = (4 * x, 4 * y);
            let around = |dx: i32, dy: i32| -> Option<i32> {
                let (x, y) = (i32::try_from(left).unwrap() + dx, i32::try_from(top).unwrap() + dy);
                match (usize::try_from(x), usize::try_from(y)) {
                    (Err(_), Err(_)) => available.top_left.then_some(i32::from(edges.top_left)),
                    (Err(_), Ok(y)) => available.left.then_some(i32::from(edges.left[y])),
                    (Ok(x), Err(_)) if x < 16 => available.top.then_some(i32::from(edges.top[x])),
                    (Ok(x), Err(_)) => available.top_right.then_some(i32::from(edges.top_right[x - 16])),
                    (Ok(x), Ok(y)) => (x < 16 && known[y][x] >= 0).then(|| known[y][x]),
                }
            };
            let has = (around(-1, 0).is_some(), around(0, -1).is_some());
            let mode = coded.modes[lane];
            let needs = match mode {
                0 | 3 | 7 => has.1,
                1 | 8 => has.0,
                2 => true,
                _ => has.0 && has.1 && around(-1, -1).is_some(),
            };
            assert!(needs, "mode {mode} without its neighbours");
            let p = |dx: i32, dy: i32| {
                let substitute = || if dx > 3 && dy == -1 { around(3, -1) } else { None };
                around(dx, dy).or_else(substitute).unwrap_or(0)
            };
            let mut prediction = [[0; 16]; 16];
            for dy in 0..4_u8 {
                for dx in 0..4_u8 {
                    let sample = literal(mode, &p, has, i32::from(dx), i32::from(dy));
                    prediction[top + usize::from(dy)][left + usize::from(dx)] = u8::try_from(sample).unwrap();
                }
            }
            let predicted = block_of(&prediction, x, y);
            let mut wanted = Levels::<1>::ZERO;
            let decoded = code_block(&block_of(source, x, y), &predicted, quantiser, &mut wanted);
            assert_eq!(levels.block(lane), wanted.block(0));
            assert_eq!(block_of(shown, x, y), decoded);
            for dy in 0..4 {
                for dx in 0..4 {
                    known[top + dy][left + dx] = i32::from(decoded[4 * dy + dx]);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn macroblocks_are_predicted_as_the_standard_says(
            source in samples(),
            around in samples(),
            available in available(),
            quantiser in 0..=Quantiser::MAX,
            modes in any::<[Option<[u8; 4]>; 2]>(),
            lambda in 0..20_u32,
        ) {
            let edges = Edges {
                available,
                top: around.luma[0],
                top_right: [1, 50, 100, 200],
                left: around.luma[1],
                top_left: around.luma[2][0],
            };
            let [left_modes, top_modes] = modes.map(|modes| modes.map(|modes| modes.map(|mode| mode % 9)));
            let quantiser = Quantiser::new(quantiser, Rounding::Intra);
            let coded = [Instructions::BASELINE, Instructions::detected()].map(|instructions| {
                let (mut shown, mut levels) = ([[0; 16]; 16], Levels::ZERO);
                let coded = instructions.run(CodeIntra4x4 {
                    source: &source.luma,
                    edges: &edges,
                    left_modes,
                    top_modes,
                    quantiser: &quantiser,
                    lambda,
                    samples: &mut shown,
                    levels: &mut levels,
                });
                check(&source.luma, &edges, &coded, &shown, &levels, &quantiser);
                (coded, shown, levels.nonzero)
            });
            prop_assert_eq!(&coded[0], &coded[1]);
        }

        #[test]
        fn a_block_is_coded_as_within_its_macroblock(
            source in samples(),
            prediction in samples(),
            quantiser in 0..=Quantiser::MAX,
        ) {
            let quantiser = Quantiser::new(quantiser, Rounding::Intra);
            let (mut shown, mut levels) = (prediction.luma, Levels::ZERO);
            code_luma(&source.luma, &mut shown, &quantiser, &mut levels);
            for lane in 0..16 {
                let (x, y) = (lane & 3, lane >> 2);
                let mut single = Levels::ZERO;
                let got = code_block(
                    &block_of(&source.luma, x, y),
                    &block_of(&prediction.luma, x, y),
                    &quantiser,
                    &mut single,
                );
                prop_assert_eq!(got, block_of(&shown, x, y));
                prop_assert_eq!(single.block(0), levels.block(lane));
            }
        }

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
