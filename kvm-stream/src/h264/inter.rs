//! Blocks predicted from another picture (ITU-T H.264, 8.4.2.2).

use super::transform::{Luma, Samples};
use crate::simd::Kernel;

/// One plane of a picture that is there to predict from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plane<'a> {
    /// Row by row, without gaps.
    pub(super) samples: &'a [u8],
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The planes of a picture: Y, Cb, Cr.
pub(super) type Planes<'a> = [Plane<'a>; 3];

/// How far from its own place a block is predicted, in quarters of a luma sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Vector {
    pub(super) x: i16,
    pub(super) y: i16,
}

/// Predicts a macroblock, each quarter of it by its own vector.
#[derive(Debug)]
pub(super) struct Predict<'a> {
    pub(super) reference: Planes<'a>,
    /// Column and row of the macroblock.
    pub(super) at: [usize; 2],
    /// Of the quarters by rows.
    pub(super) vectors: [Vector; 4],
    pub(super) samples: &'a mut Samples,
}

impl Kernel for Predict<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        predict(&self.reference, self.at, self.vectors, self.samples);
    }
}

/// Predicts a macroblock.
#[inline(always)]
pub(super) fn predict(reference: &Planes<'_>, at: [usize; 2], vectors: [Vector; 4], samples: &mut Samples) {
    let [x, y] = at.map(|at| signed(16 * at));
    if vectors == [vectors[0]; 4] {
        samples.luma = reference[0].luma::<16>(x, y, vectors[0]);
        for (plane, chroma) in reference[1..].iter().zip(&mut samples.chroma) {
            *chroma = plane.chroma::<8>(x / 2, y / 2, vectors[0]);
        }
        return;
    }
    for (quarter, vector) in vectors.into_iter().enumerate() {
        let (right, down) = (quarter & 1, quarter >> 1);
        let luma = reference[0].luma::<8>(x + signed(8 * right), y + signed(8 * down), vector);
        put(&mut samples.luma, 8 * right, 8 * down, &luma);
        for (plane, chroma) in reference[1..].iter().zip(&mut samples.chroma) {
            let block = plane.chroma::<4>(x / 2 + signed(4 * right), y / 2 + signed(4 * down), vector);
            put(chroma, 4 * right, 4 * down, &block);
        }
    }
}

impl Plane<'_> {
    /// Whether a rectangle lies inside.
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "looked at before")]
    fn contains(&self, x: i32, y: i32, width: usize, height: usize) -> bool {
        x >= 0 && y >= 0 && x as usize + width <= self.width && y as usize + height <= self.height
    }

    /// Samples of a rectangle; outside the plane those of its nearest edge (8.4.2.2.1).
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "inside, a place is not negative")]
    fn window<const WIDTH: usize, const HEIGHT: usize>(&self, x: i32, y: i32) -> [[u8; WIDTH]; HEIGHT] {
        let mut window = [[0; WIDTH]; HEIGHT];
        if self.contains(x, y, WIDTH, HEIGHT) {
            let start = y as usize * self.width + x as usize;
            for (row, samples) in window.iter_mut().zip(self.samples[start..].chunks(self.width)) {
                row.copy_from_slice(&samples[..WIDTH]);
            }
        } else {
            for (down, row) in window.iter_mut().enumerate() {
                self.fill_clamped(x, y.saturating_add(signed(down)), row);
            }
        }
        window
    }

    /// Samples of a row, of which not all are inside the plane.
    #[cold]
    #[inline(never)]
    #[expect(clippy::cast_sign_loss, reason = "clamped before")]
    fn fill_clamped(&self, x: i32, y: i32, row: &mut [u8]) {
        let clamp = |at: i32, size: usize| at.clamp(0, signed(size) - 1) as usize;
        let start = clamp(y, self.height) * self.width;
        for (right, sample) in row.iter_mut().enumerate() {
            *sample = self.samples[start + clamp(x.saturating_add(signed(right)), self.width)];
        }
    }

    /// The prediction of luma of the macroblock at this column and row.
    #[inline(always)]
    pub(super) fn macroblock(&self, column: usize, row: usize, vector: Vector) -> Luma {
        self.luma::<16>(signed(16 * column), signed(16 * row), vector)
    }

    /// The prediction of a square of luma at this place (8.4.2.2.1).
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "inside, a place is at least zero")]
    pub(super) fn luma<const SIZE: usize>(&self, x: i32, y: i32, vector: Vector) -> [[u8; SIZE]; SIZE] {
        let (x, y) = (x + (i32::from(vector.x) >> 2), y + (i32::from(vector.y) >> 2));
        let fraction = (vector.x & 3, vector.y & 3);
        if fraction == (0, 0) {
            return self.window::<SIZE, SIZE>(x, y);
        }
        if !self.contains(x - 2, y - 2, SIZE + 5, SIZE + 5) {
            return self.luma_across_edges(x, y, fraction);
        }
        let start = (y - 2) as usize * self.width + (x - 2) as usize;
        Around { samples: &self.samples[start..], stride: self.width }.at(fraction)
    }

    /// The same where not all samples that it is made of are inside the plane.
    #[cold]
    #[inline(never)]
    fn luma_across_edges<const SIZE: usize>(
        &self,
        x: i32,
        y: i32,
        fraction: (i16, i16),
    ) -> [[u8; SIZE]; SIZE] {
        let window = self.window::<21, 21>(x.saturating_sub(2), y.saturating_sub(2));
        Around { samples: window.as_flattened(), stride: 21 }.at(fraction)
    }

    /// The prediction of a square of chroma at this place (8.4.2.2.2).
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "a fraction, and inside a place, are at least zero")]
    pub(super) fn chroma<const SIZE: usize>(&self, x: i32, y: i32, vector: Vector) -> [[u8; SIZE]; SIZE] {
        let (x, y) = (x + (i32::from(vector.x) >> 3), y + (i32::from(vector.y) >> 3));
        let fraction = ((vector.x & 7) as u16, (vector.y & 7) as u16);
        if fraction == (0, 0) {
            return self.window::<SIZE, SIZE>(x, y);
        }
        if !self.contains(x, y, SIZE + 1, SIZE + 1) {
            return self.chroma_across_edges(x, y, fraction);
        }
        let start = y as usize * self.width + x as usize;
        Around { samples: &self.samples[start..], stride: self.width }.weighted(fraction)
    }

    /// The same where not all samples that it is made of are inside the plane.
    #[cold]
    #[inline(never)]
    fn chroma_across_edges<const SIZE: usize>(
        &self,
        x: i32,
        y: i32,
        fraction: (u16, u16),
    ) -> [[u8; SIZE]; SIZE] {
        let window = self.window::<9, 9>(x, y);
        Around { samples: window.as_flattened(), stride: 9 }.weighted(fraction)
    }
}

/// What a square of samples between others is made of: in luma from two samples to the left and above on.
#[derive(Clone, Copy)]
struct Around<'a> {
    samples: &'a [u8],
    stride: usize,
}

impl<'a> Around<'a> {
    /// So many samples of a row.
    #[inline(always)]
    fn row<const SIZE: usize>(self, right: usize, down: usize) -> &'a [u8; SIZE] {
        let start = down * self.stride + right;
        self.samples[start..start + SIZE].first_chunk().expect("just as many")
    }

    /// The samples at fractions of a quarter, by the names of figure 8-4.
    #[inline(always)]
    fn at<const SIZE: usize>(self, fraction: (i16, i16)) -> [[u8; SIZE]; SIZE] {
        match fraction {
            (0, 0) => self.whole(0, 0),
            (1, 0) => mean(&self.whole(0, 0), &self.across(0)),
            (2, 0) => self.across(0),
            (3, 0) => mean(&self.whole(1, 0), &self.across(0)),
            (0, 1) => mean(&self.whole(0, 0), &self.down(0)),
            (1, 1) => mean(&self.across(0), &self.down(0)),
            (2, 1) => mean(&self.across(0), &self.centre()),
            (3, 1) => mean(&self.across(0), &self.down(1)),
            (0, 2) => self.down(0),
            (1, 2) => mean(&self.down(0), &self.centre()),
            (2, 2) => self.centre(),
            (3, 2) => mean(&self.down(1), &self.centre()),
            (0, _) => mean(&self.whole(0, 1), &self.down(0)),
            (1, _) => mean(&self.across(1), &self.down(0)),
            (2, _) => mean(&self.across(1), &self.centre()),
            _ => mean(&self.across(1), &self.down(1)),
        }
    }

    /// The samples themselves (G, H, M), from so far to the right and down on.
    #[inline(always)]
    fn whole<const SIZE: usize>(self, right: usize, down: usize) -> [[u8; SIZE]; SIZE] {
        let mut out = [[0; SIZE]; SIZE];
        for (y, out) in out.iter_mut().enumerate() {
            *out = *self.row(2 + right, 2 + y + down);
        }
        out
    }

    /// Those half way to the right (b, s).
    #[inline(always)]
    fn across<const SIZE: usize>(self, down: usize) -> [[u8; SIZE]; SIZE] {
        let mut out = [[0; SIZE]; SIZE];
        for (y, out) in out.iter_mut().enumerate() {
            let sums = self.sums_across::<SIZE>(2 + y + down);
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = halved(sum);
            }
        }
        out
    }

    /// Those half way down (h, m).
    #[inline(always)]
    fn down<const SIZE: usize>(self, right: usize) -> [[u8; SIZE]; SIZE] {
        let mut out = [[0; SIZE]; SIZE];
        for (y, out) in out.iter_mut().enumerate() {
            let sums = six(
                self.row::<SIZE>(2 + right, y),
                self.row(2 + right, y + 1),
                self.row(2 + right, y + 2),
                self.row(2 + right, y + 3),
                self.row(2 + right, y + 4),
                self.row(2 + right, y + 5),
            );
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = halved(sum);
            }
        }
        out
    }

    /// Those half way both ways (j).
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "clipped before")]
    fn centre<const SIZE: usize>(self) -> [[u8; SIZE]; SIZE] {
        let mut between = [[0; SIZE]; 21];
        for (y, between) in between[..SIZE + 5].iter_mut().enumerate() {
            *between = self.sums_across(y);
        }
        let mut out = [[0; SIZE]; SIZE];
        for (y, out) in out.iter_mut().enumerate() {
            for (x, out) in out.iter_mut().enumerate() {
                let outer = i32::from(between[y][x]) + i32::from(between[y + 5][x]);
                let near = i32::from(between[y + 1][x]) + i32::from(between[y + 4][x]);
                let inner = i32::from(between[y + 2][x]) + i32::from(between[y + 3][x]);
                *out = ((outer - 5 * near + 20 * inner + 512) >> 10).clamp(0, 255) as u8;
            }
        }
        out
    }

    /// The filter of half samples along a row.
    #[inline(always)]
    fn sums_across<const SIZE: usize>(self, y: usize) -> [i16; SIZE] {
        six(self.row(0, y), self.row(1, y), self.row(2, y), self.row(3, y), self.row(4, y), self.row(5, y))
    }

    /// Samples of chroma at fractions of an eighth.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the weights make 64, of which a mean is taken")]
    fn weighted<const SIZE: usize>(self, (right, down): (u16, u16)) -> [[u8; SIZE]; SIZE] {
        let weights = [(8 - right) * (8 - down), right * (8 - down), (8 - right) * down, right * down];
        let mut out = [[0; SIZE]; SIZE];
        for (y, out) in out.iter_mut().enumerate() {
            let (a, b): (&[u8; SIZE], &[u8; SIZE]) = (self.row(0, y), self.row(1, y));
            let (c, d): (&[u8; SIZE], &[u8; SIZE]) = (self.row(0, y + 1), self.row(1, y + 1));
            for (x, out) in out.iter_mut().enumerate() {
                let above = weights[0] * u16::from(a[x]) + weights[1] * u16::from(b[x]);
                let below = weights[2] * u16::from(c[x]) + weights[3] * u16::from(d[x]);
                *out = ((above + below + 32) >> 6) as u8;
            }
        }
        out
    }
}

/// The filter of half samples, on all columns of six rows: sums between -2550 and 10710.
#[inline(always)]
fn six<const SIZE: usize>(
    a: &[u8; SIZE],
    b: &[u8; SIZE],
    c: &[u8; SIZE],
    d: &[u8; SIZE],
    e: &[u8; SIZE],
    f: &[u8; SIZE],
) -> [i16; SIZE] {
    let mut sums = [0; SIZE];
    for (x, sum) in sums.iter_mut().enumerate() {
        let outer = i16::from(a[x]) + i16::from(f[x]);
        let near = i16::from(b[x]) + i16::from(e[x]);
        let inner = i16::from(c[x]) + i16::from(d[x]);
        *sum = outer - 5 * near + 20 * inner;
    }
    sums
}

/// A half sample of the filter's sum.
#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "clipped before")]
fn halved(sum: i16) -> u8 {
    ((sum + 16) >> 5).clamp(0, 255) as u8
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the mean of two bytes is one")]
fn mean<const SIZE: usize>(a: &[[u8; SIZE]; SIZE], b: &[[u8; SIZE]; SIZE]) -> [[u8; SIZE]; SIZE] {
    let mut out = [[0; SIZE]; SIZE];
    for ((out, a), b) in out.as_flattened_mut().iter_mut().zip(a.as_flattened()).zip(b.as_flattened()) {
        *out = ((u16::from(*a) + u16::from(*b) + 1) >> 1) as u8;
    }
    out
}

#[inline(always)]
fn put<const SIZE: usize, const WHOLE: usize>(
    samples: &mut [[u8; WHOLE]; WHOLE],
    x: usize,
    y: usize,
    block: &[[u8; SIZE]; SIZE],
) {
    for (row, block) in samples[y..y + SIZE].iter_mut().zip(block) {
        row[x..x + SIZE].copy_from_slice(block);
    }
}

#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a picture's sides are below 2 to the 16th"
)]
fn signed(size: usize) -> i32 {
    size as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simd::Instructions;

    const WIDTH: usize = 48;
    const HEIGHT: usize = 32;

    fn at(plane: &Plane<'_>, x: i32, y: i32) -> i32 {
        let x = x.clamp(0, i32::try_from(plane.width).unwrap() - 1);
        let y = y.clamp(0, i32::try_from(plane.height).unwrap() - 1);
        i32::from(plane.samples[usize::try_from(y).unwrap() * plane.width + usize::try_from(x).unwrap()])
    }

    /// 8.4.2.2.1, by the names of its figure 8-4.
    fn literal_luma(plane: &Plane<'_>, x: i32, y: i32, fraction: (i32, i32)) -> i32 {
        let tap = |v: [i32; 6]| v[0] - 5 * v[1] + 20 * v[2] + 20 * v[3] - 5 * v[4] + v[5];
        let across = |x: i32, y: i32| tap([-2, -1, 0, 1, 2, 3].map(|d| at(plane, x + d, y)));
        let down = |x: i32, y: i32| tap([-2, -1, 0, 1, 2, 3].map(|d| at(plane, x, y + d)));
        let clip = |value: i32| value.clamp(0, 255);
        let half = |value: i32| clip((value + 16) >> 5);
        let (whole, b, h) = (at(plane, x, y), half(across(x, y)), half(down(x, y)));
        let (s, m) = (half(across(x, y + 1)), half(down(x + 1, y)));
        let j = clip((tap([-2, -1, 0, 1, 2, 3].map(|d| across(x, y + d))) + 512) >> 10);
        let (right, below) = (at(plane, x + 1, y), at(plane, x, y + 1));
        let mean = |a: i32, b: i32| (a + b + 1) >> 1;
        match fraction {
            (0, 0) => whole,
            (0, 1) => mean(whole, h),
            (0, 2) => h,
            (0, 3) => mean(below, h),
            (1, 0) => mean(whole, b),
            (1, 1) => mean(b, h),
            (1, 2) => mean(h, j),
            (1, 3) => mean(h, s),
            (2, 0) => b,
            (2, 1) => mean(b, j),
            (2, 2) => j,
            (2, 3) => mean(j, s),
            (3, 0) => mean(b, right),
            (3, 1) => mean(b, m),
            (3, 2) => mean(j, m),
            _ => mean(s, m),
        }
    }

    /// 8.4.2.2.2.
    fn literal_chroma(plane: &Plane<'_>, x: i32, y: i32, fraction: (i32, i32)) -> i32 {
        let (fx, fy) = fraction;
        ((8 - fx) * (8 - fy) * at(plane, x, y)
            + fx * (8 - fy) * at(plane, x + 1, y)
            + (8 - fx) * fy * at(plane, x, y + 1)
            + fx * fy * at(plane, x + 1, y + 1)
            + 32)
            >> 6
    }

    fn vector() -> impl Strategy<Value = Vector> {
        let component = || prop_oneof![-24..24_i16, -300..300_i16, any::<i16>()];
        (component(), component()).prop_map(|(x, y)| Vector { x, y })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn predictions_are_the_standards(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), WIDTH * HEIGHT),
                proptest::collection::vec(prop_oneof![Just(0), Just(255)], WIDTH * HEIGHT),
            ],
            column in 0..3_usize,
            row in 0..2_usize,
            vectors in prop_oneof![
                vector().prop_map(|vector| [vector; 4]),
                [vector(), vector(), vector(), vector()],
            ],
        ) {
            let luma = Plane { samples: &bytes, width: WIDTH, height: HEIGHT };
            let chroma = [0, 400].map(|start| Plane {
                samples: &bytes[start..start + WIDTH * HEIGHT / 4],
                width: WIDTH / 2,
                height: HEIGHT / 2,
            });
            let reference = [luma, chroma[0], chroma[1]];
            let [baseline, detected] = [Instructions::BASELINE, Instructions::detected()].map(|instructions| {
                let mut samples = Samples::ZERO;
                instructions.run(Predict { reference, at: [column, row], vectors, samples: &mut samples });
                samples
            });
            prop_assert_eq!(&baseline, &detected);
            for (y, row_of_samples) in (0..).zip(&baseline.luma) {
                for (x, sample) in (0..).zip(row_of_samples) {
                    let vector = vectors[usize::from(y >= 8) * 2 + usize::from(x >= 8)];
                    let (vx, vy) = (i32::from(vector.x), i32::from(vector.y));
                    let (x, y) = (signed(16 * column) + x, signed(16 * row) + y);
                    let wanted = literal_luma(&luma, x + (vx >> 2), y + (vy >> 2), (vx & 3, vy & 3));
                    prop_assert_eq!(i32::from(*sample), wanted);
                }
            }
            for (plane, samples) in reference[1..].iter().zip(&baseline.chroma) {
                for (y, row_of_samples) in (0..).zip(samples) {
                    for (x, sample) in (0..).zip(row_of_samples) {
                        let vector = vectors[usize::from(y >= 4) * 2 + usize::from(x >= 4)];
                        let (vx, vy) = (i32::from(vector.x), i32::from(vector.y));
                        let (x, y) = (signed(8 * column) + x, signed(8 * row) + y);
                        let wanted = literal_chroma(plane, x + (vx >> 3), y + (vy >> 3), (vx & 7, vy & 7));
                        prop_assert_eq!(i32::from(*sample), wanted);
                    }
                }
            }
        }
    }
}
