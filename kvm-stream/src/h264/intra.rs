//! Macroblocks predicted from their neighbours in the same picture: I16x16 and chroma (ITU-T H.264, 8.3.3, 8.3.4).

use super::quantise::Quantiser;
use super::residual::{Residual, code_chroma, code_luma_with_dc};
use super::transform::{Chroma, Luma, Samples};
use crate::simd::Kernel;

/// Which neighbours of a macroblock are in its slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four neighbours that are there or not")]
pub(super) struct Available {
    pub(super) left: bool,
    pub(super) top: bool,
    pub(super) top_left: bool,
    pub(super) top_right: bool,
}

/// The samples around one plane of a macroblock, `SIZE` wide. What is not available is of any value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edges<const SIZE: usize> {
    pub(super) available: Available,
    pub(super) top: [u8; SIZE],
    /// Of luma alone.
    pub(super) top_right: [u8; 4],
    pub(super) left: [u8; SIZE],
    pub(super) top_left: u8,
}

impl<const SIZE: usize> Edges<SIZE> {
    /// The edges of the macroblock at this column and row, in a plane with rows of so many samples.
    ///
    /// # Panics
    ///
    /// The macroblock is not in the plane, or a neighbour that is said to be available is not.
    #[inline]
    pub(super) fn of(plane: &[u8], stride: usize, column: usize, row: usize, available: Available) -> Self {
        let start = row * SIZE * stride + column * SIZE;
        let mut edges =
            Self { available, top: [128; SIZE], top_right: [128; 4], left: [128; SIZE], top_left: 128 };
        if available.top {
            edges.top.copy_from_slice(&plane[start - stride..start - stride + SIZE]);
        }
        if available.top_right {
            let start = start - stride + SIZE;
            edges.top_right.copy_from_slice(&plane[start..start + 4]);
        }
        if available.left {
            for (sample, row) in edges.left.iter_mut().zip(plane[start - 1..].chunks(stride)) {
                *sample = row[0];
            }
        }
        if available.top_left {
            edges.top_left = plane[start - stride - 1];
        }
        edges
    }

    /// Whether a plane can be laid through the neighbours.
    fn are_all(&self) -> bool {
        self.available.left && self.available.top && self.available.top_left
    }

    #[inline(always)]
    fn vertical(&self) -> [[u8; SIZE]; SIZE] {
        [self.top; SIZE]
    }

    #[inline(always)]
    fn horizontal(&self) -> [[u8; SIZE]; SIZE] {
        self.left.map(|sample| [sample; SIZE])
    }

    /// A plane through the neighbours (8.3.3.4, 8.3.4.4); `slope` brings a sum of differences to a slope times 32.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "within 16 bits, then clipped; places are below 16"
    )]
    fn plane(&self, slope: impl Fn(i32) -> i32) -> [[u8; SIZE]; SIZE] {
        let half = SIZE / 2;
        let sum = |edge: &[u8; SIZE]| {
            let mut sum = 0;
            for index in 0..half {
                let before = if index + 1 == half { self.top_left } else { edge[half - 2 - index] };
                sum += (index as i32 + 1) * (i32::from(edge[half + index]) - i32::from(before));
            }
            slope(sum) as i16
        };
        let (b, c) = (sum(&self.top), sum(&self.left));
        let last = 16 * (i16::from(self.left[SIZE - 1]) + i16::from(self.top[SIZE - 1])) + 16;
        let start = last - (half as i16 - 1) * (b + c);
        let mut rows = [[0; SIZE]; SIZE];
        for (y, row) in rows.iter_mut().enumerate() {
            let start = start + c * y as i16;
            for (x, sample) in row.iter_mut().enumerate() {
                *sample = ((start + b * x as i16) >> 5).clamp(0, 255) as u8;
            }
        }
        rows
    }
}

/// How luma of a macroblock is predicted as a whole (table 8-4, with its numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intra16x16 {
    Vertical = 0,
    Horizontal = 1,
    Dc = 2,
    Plane = 3,
}

impl Intra16x16 {
    pub(super) const ALL: [Self; 4] = [Self::Vertical, Self::Horizontal, Self::Dc, Self::Plane];

    /// Whether the neighbours that it needs are there.
    #[inline(always)]
    pub(super) fn fits(self, edges: &Edges<16>) -> bool {
        match self {
            Self::Vertical => edges.available.top,
            Self::Horizontal => edges.available.left,
            Self::Dc => true,
            Self::Plane => edges.are_all(),
        }
    }

    /// The prediction (8.3.3).
    #[inline(always)]
    pub(super) fn predict(self, edges: &Edges<16>) -> Luma {
        match self {
            Self::Vertical => edges.vertical(),
            Self::Horizontal => edges.horizontal(),
            Self::Dc => {
                let sum = |edge: &[u8; 16]| edge.iter().map(|sample| u16::from(*sample)).sum::<u16>();
                let mean = match (edges.available.top, edges.available.left) {
                    (true, true) => (sum(&edges.top) + sum(&edges.left) + 16) >> 5,
                    (true, false) => (sum(&edges.top) + 8) >> 4,
                    (false, true) => (sum(&edges.left) + 8) >> 4,
                    (false, false) => 128,
                };
                [[narrow(mean); 16]; 16]
            }
            Self::Plane => edges.plane(|sum| (5 * sum + 32) >> 6),
        }
    }
}

/// How chroma of a macroblock is predicted (table 8-5, with its numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntraChroma {
    Dc = 0,
    Horizontal = 1,
    Vertical = 2,
    Plane = 3,
}

impl IntraChroma {
    pub(super) const ALL: [Self; 4] = [Self::Dc, Self::Horizontal, Self::Vertical, Self::Plane];

    /// Whether the neighbours that it needs are there.
    #[inline(always)]
    pub(super) fn fits(self, edges: &Edges<8>) -> bool {
        match self {
            Self::Dc => true,
            Self::Horizontal => edges.available.left,
            Self::Vertical => edges.available.top,
            Self::Plane => edges.are_all(),
        }
    }

    /// The prediction of one plane (8.3.4).
    #[inline(always)]
    pub(super) fn predict(self, edges: &Edges<8>) -> Chroma {
        match self {
            Self::Dc => chroma_dc(edges),
            Self::Horizontal => edges.horizontal(),
            Self::Vertical => edges.vertical(),
            Self::Plane => edges.plane(|sum| (34 * sum + 32) >> 6),
        }
    }
}

/// A mean of samples, which is a sample.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is one")]
fn narrow(mean: u16) -> u8 {
    mean as u8
}

/// Each quarter of a chroma plane has its own mean (8.3.4.1 to 8.3.4.3).
#[inline(always)]
fn chroma_dc(edges: &Edges<8>) -> Chroma {
    let sum = |edge: &[u8]| edge.iter().map(|sample| u16::from(*sample)).sum::<u16>();
    let top = edges.available.top.then(|| [sum(&edges.top[..4]), sum(&edges.top[4..])]);
    let left = edges.available.left.then(|| [sum(&edges.left[..4]), sum(&edges.left[4..])]);
    let mut samples = [[0; 8]; 8];
    for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mean = match (top, left) {
            (Some(top), Some(left)) if x == y => (top[x] + left[y] + 4) >> 3,
            // The quarter at the top right rather takes the samples above it, that at the bottom left those beside.
            (Some(top), Some(left)) => ((if y == 0 { top[x] } else { left[y] }) + 2) >> 2,
            (Some(top), None) => (top[x] + 2) >> 2,
            (None, Some(left)) => (left[y] + 2) >> 2,
            (None, None) => 128,
        };
        for row in &mut samples[4 * y..4 * y + 4] {
            row[4 * x..4 * x + 4].fill(narrow(mean));
        }
    }
    samples
}

/// Codes a macroblock as I16x16 with the modes that promise to cost least.
#[derive(Debug)]
pub(super) struct CodeIntra16x16<'a> {
    pub(super) source: &'a Samples,
    pub(super) edges: &'a Edges<16>,
    /// Of Cb and Cr.
    pub(super) chroma_edges: &'a [Edges<8>; 2],
    pub(super) luma: &'a Quantiser,
    pub(super) chroma: &'a Quantiser,
    /// What a decoder will show.
    pub(super) samples: &'a mut Samples,
    pub(super) residual: &'a mut Residual,
}

impl Kernel for CodeIntra16x16<'_> {
    type Output = (Intra16x16, IntraChroma);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let (mode, _) = best_luma(&self.source.luma, self.edges, &mut self.samples.luma);
        code_luma_with_dc(&self.source.luma, &mut self.samples.luma, self.luma, self.residual);
        let (chroma_mode, _) = best_chroma(&self.source.chroma, self.chroma_edges, &mut self.samples.chroma);
        code_chroma(&self.source.chroma, &mut self.samples.chroma, self.chroma, self.residual);
        (mode, chroma_mode)
    }
}

/// Finds how luma is predicted best as a whole, and the sum of absolute differences that is left.
#[derive(Debug)]
pub(super) struct EstimateIntra16x16<'a> {
    pub(super) source: &'a Luma,
    pub(super) edges: &'a Edges<16>,
}

impl Kernel for EstimateIntra16x16<'_> {
    type Output = (Intra16x16, u32);

    #[inline(always)]
    fn run(self) -> Self::Output {
        best_luma(self.source, self.edges, &mut [[0; 16]; 16])
    }
}

/// The mode that leaves least to code, its prediction, and the sum of absolute differences.
#[inline(always)]
pub(super) fn best_luma(source: &Luma, edges: &Edges<16>, prediction: &mut Luma) -> (Intra16x16, u32) {
    let mut best = (Intra16x16::Dc, u32::MAX);
    for mode in Intra16x16::ALL {
        if mode.fits(edges) {
            let tried = mode.predict(edges);
            let cost = distance(source.as_flattened(), tried.as_flattened());
            if cost < best.1 {
                best = (mode, cost);
                *prediction = tried;
            }
            if cost == 0 {
                break;
            }
        }
    }
    best
}

/// The mode of chroma that leaves least to code, its prediction, and the sum of absolute differences.
#[inline(always)]
pub(super) fn best_chroma(
    source: &[Chroma; 2],
    edges: &[Edges<8>; 2],
    prediction: &mut [Chroma; 2],
) -> (IntraChroma, u32) {
    let mut best = (IntraChroma::Dc, u32::MAX);
    for mode in IntraChroma::ALL {
        if mode.fits(&edges[0]) {
            let tried = [mode.predict(&edges[0]), mode.predict(&edges[1])];
            let cost = distance(source.as_flattened().as_flattened(), tried.as_flattened().as_flattened());
            if cost < best.1 {
                best = (mode, cost);
                *prediction = tried;
            }
            if cost == 0 {
                break;
            }
        }
    }
    best
}

#[inline(always)]
fn distance(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quantise::Rounding;
    use super::*;
    use crate::h264::cases::{available, samples};
    use crate::simd::Instructions;

    /// The sample at a place around a macroblock, as the standard's p[x, y].
    fn p<const SIZE: usize>(edges: &Edges<SIZE>, x: i32, y: i32) -> i32 {
        i32::from(match (x, y) {
            (-1, -1) => edges.top_left,
            (-1, y) => edges.left[usize::try_from(y).unwrap()],
            (x, -1) => edges.top[usize::try_from(x).unwrap()],
            _ => unreachable!(),
        })
    }

    fn literal_luma(mode: Intra16x16, edges: &Edges<16>, x: i32, y: i32) -> i32 {
        let (has_top, has_left) = (edges.available.top, edges.available.left);
        match mode {
            Intra16x16::Vertical => p(edges, x, -1),
            Intra16x16::Horizontal => p(edges, -1, y),
            Intra16x16::Dc => {
                let top: i32 = (0..16).map(|x| p(edges, x, -1)).sum();
                let left: i32 = (0..16).map(|y| p(edges, -1, y)).sum();
                match (has_top, has_left) {
                    (true, true) => (top + left + 16) >> 5,
                    (false, true) => (left + 8) >> 4,
                    (true, false) => (top + 8) >> 4,
                    (false, false) => 128,
                }
            }
            Intra16x16::Plane => {
                let h: i32 = (0..8).map(|x| (x + 1) * (p(edges, 8 + x, -1) - p(edges, 6 - x, -1))).sum();
                let v: i32 = (0..8).map(|y| (y + 1) * (p(edges, -1, 8 + y) - p(edges, -1, 6 - y))).sum();
                let (a, b, c) =
                    (16 * (p(edges, -1, 15) + p(edges, 15, -1)), (5 * h + 32) >> 6, (5 * v + 32) >> 6);
                ((a + b * (x - 7) + c * (y - 7) + 16) >> 5).clamp(0, 255)
            }
        }
    }

    fn literal_chroma(mode: IntraChroma, edges: &Edges<8>, x: i32, y: i32) -> i32 {
        let (has_top, has_left) = (edges.available.top, edges.available.left);
        match mode {
            IntraChroma::Vertical => p(edges, x, -1),
            IntraChroma::Horizontal => p(edges, -1, y),
            IntraChroma::Dc => {
                let (xo, yo) = (x / 4 * 4, y / 4 * 4);
                let top: i32 = (0..4).map(|x| p(edges, x + xo, -1)).sum();
                let left: i32 = (0..4).map(|y| p(edges, -1, y + yo)).sum();
                if xo == yo {
                    match (has_top, has_left) {
                        (true, true) => (top + left + 4) >> 3,
                        (false, true) => (left + 2) >> 2,
                        (true, false) => (top + 2) >> 2,
                        (false, false) => 128,
                    }
                } else {
                    let first_is_top = xo > 0;
                    let choices = if first_is_top {
                        [(has_top, top), (has_left, left)]
                    } else {
                        [(has_left, left), (has_top, top)]
                    };
                    choices.iter().find(|(has, _)| *has).map_or(128, |(_, sum)| (sum + 2) >> 2)
                }
            }
            IntraChroma::Plane => {
                let h: i32 = (0..4).map(|x| (x + 1) * (p(edges, 4 + x, -1) - p(edges, 2 - x, -1))).sum();
                let v: i32 = (0..4).map(|y| (y + 1) * (p(edges, -1, 4 + y) - p(edges, -1, 2 - y))).sum();
                let (a, b, c) =
                    (16 * (p(edges, -1, 7) + p(edges, 7, -1)), (34 * h + 32) >> 6, (34 * v + 32) >> 6);
                ((a + b * (x - 3) + c * (y - 3) + 16) >> 5).clamp(0, 255)
            }
        }
    }

    /// A plane, of which the macroblock at column and row 1 is looked at.
    fn plane<const SIZE: usize>(bytes: &[u8], available: Available) -> Edges<SIZE> {
        let edges = Edges::of(bytes, 3 * SIZE, 1, 1, available);
        let at = |x: usize, y: usize| bytes[y * 3 * SIZE + x];
        for index in 0..SIZE {
            assert!(!available.top || edges.top[index] == at(SIZE + index, SIZE - 1));
            assert!(!available.left || edges.left[index] == at(SIZE - 1, SIZE + index));
        }
        for index in 0..4 {
            assert!(!available.top_right || edges.top_right[index] == at(2 * SIZE + index, SIZE - 1));
        }
        assert!(!available.top_left || edges.top_left == at(SIZE - 1, SIZE - 1));
        edges
    }

    proptest! {
        #[test]
        fn predictions_are_the_standards(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 48 * 48),
                proptest::collection::vec(prop_oneof![Just(0), Just(255)], 48 * 48),
            ],
            available in available(),
        ) {
            let edges = plane::<16>(&bytes, available);
            for mode in Intra16x16::ALL.into_iter().filter(|mode| mode.fits(&edges)) {
                let got = mode.predict(&edges);
                for (y, row) in (0..).zip(got) {
                    for (x, sample) in (0..).zip(row) {
                        prop_assert_eq!(i32::from(sample), literal_luma(mode, &edges, x, y), "{:?}", mode);
                    }
                }
            }
            let edges = plane::<8>(&bytes[..24 * 24], available);
            for mode in IntraChroma::ALL.into_iter().filter(|mode| mode.fits(&edges)) {
                let got = mode.predict(&edges);
                for (y, row) in (0..).zip(got) {
                    for (x, sample) in (0..).zip(row) {
                        prop_assert_eq!(i32::from(sample), literal_chroma(mode, &edges, x, y), "{:?}", mode);
                    }
                }
            }
        }

        #[test]
        fn what_is_coded_is_the_same_by_all_instructions(
            source in samples(),
            bytes in proptest::collection::vec(any::<u8>(), 48 * 48),
            available in available(),
            quantiser in 12..=Quantiser::MAX,
        ) {
            let edges = plane::<16>(&bytes, available);
            let chroma_edges = [plane::<8>(&bytes[..24 * 24], available), plane::<8>(&bytes[1000..], available)];
            let quantiser = Quantiser::new(quantiser, Rounding::Intra);
            let coded = [Instructions::BASELINE, Instructions::detected()].map(|instructions| {
                let (mut samples, mut residual) = (Samples::ZERO, Residual::ZERO);
                let modes = instructions.run(CodeIntra16x16 {
                    source: &source,
                    edges: &edges,
                    chroma_edges: &chroma_edges,
                    luma: &quantiser,
                    chroma: &quantiser,
                    samples: &mut samples,
                    residual: &mut residual,
                });
                assert!(modes.0.fits(&edges) && modes.1.fits(&chroma_edges[0]));
                (modes, samples, residual.luma_dc, residual.coded_block_pattern())
            });
            prop_assert_eq!(&coded[0], &coded[1]);
        }
    }
}
