//! Luma blocks predicted each from its neighbours: I4x4 (ITU-T H.264, 8.3.1).

use super::block::code_block;
use super::directions::Around;
use super::intra::{Available, Edges};
use super::quantise::{Levels, Quantiser};
use super::transform::Luma;
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
            let around = window.around(self.edges.available, x, y);
            let (mode, prediction, cost) = around.best(u128::from_le_bytes(source), predicted, self.lambda);
            let mut shown = prediction.to_le_bytes();
            self.levels.nonzero[lane] = 0;
            if cost >= self.quantiser.least_difference() {
                if let Some((levels, decoded)) = code_block(&source, &shown, self.quantiser) {
                    self.levels.set_block(lane, &levels);
                    shown = decoded;
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

#[inline(always)]
pub(super) fn block_of(luma: &Luma, x: usize, y: usize) -> [u8; 16] {
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

    /// What is around a block.
    #[inline(always)]
    fn around(&self, available: Available, x: usize, y: usize) -> Around {
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
        let above = &self.rows[4 * y][LEFT + 4 * x - 1..LEFT + 4 * x + 8];
        let mut edge = [0; 16];
        for (row, sample) in edge[1..5].iter_mut().enumerate() {
            *sample = self.rows[4 * y + 4 - row][LEFT + 4 * x - 1];
        }
        edge[0] = edge[1];
        edge[5..14].copy_from_slice(above);
        if !has_top_right {
            let last = edge[9];
            edge[10..14].fill(last);
        }
        edge[14] = edge[13];
        Around::new(edge, has_left, has_top, has_left && has_top && has_corner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::directions::literal;
    use super::super::quantise::Rounding;
    use super::*;
    use crate::h264::cases::{available, samples};
    use crate::simd::Instructions;

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
            let coded = code_block(&block_of(source, x, y), &predicted, quantiser);
            let (wanted, decoded) = coded.unwrap_or(([0; 16], predicted));
            assert_eq!(levels.block(lane), wanted);
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
    }
}
