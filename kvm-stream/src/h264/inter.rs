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
    fn contains(&self, x: i32, y: i32, width: usize, height: usize) -> bool {
        x >= 0 && y >= 0 && x as usize + width <= self.width && y as usize + height <= self.height
    }

    /// Samples of a rectangle; outside the plane those of its nearest edge (8.4.2.2.1).
    #[inline(always)]
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

    /// The prediction of a square of luma at this place (8.4.2.2.1).
    #[inline(always)]
    pub(super) fn luma<const SIZE: usize>(&self, x: i32, y: i32, vector: Vector) -> [[u8; SIZE]; SIZE] {
        let (x, y) = (x + (i32::from(vector.x) >> 2), y + (i32::from(vector.y) >> 2));
        let fraction = (vector.x & 3, vector.y & 3);
        if fraction == (0, 0) {
            return self.window::<SIZE, SIZE>(x, y);
        }
        let around = Around::<SIZE> { rows: self.window::<24, 21>(x - 2, y - 2) };
        match fraction {
            (1, 0) => mean(&around.whole(0, 0), &around.across(0)),
            (2, 0) => around.across(0),
            (3, 0) => mean(&around.whole(1, 0), &around.across(0)),
            (0, 1) => mean(&around.whole(0, 0), &around.down(0)),
            (1, 1) => mean(&around.across(0), &around.down(0)),
            (2, 1) => mean(&around.across(0), &around.centre()),
            (3, 1) => mean(&around.across(0), &around.down(1)),
            (0, 2) => around.down(0),
            (1, 2) => mean(&around.down(0), &around.centre()),
            (2, 2) => around.centre(),
            (3, 2) => mean(&around.down(1), &around.centre()),
            (0, _) => mean(&around.whole(0, 1), &around.down(0)),
            (1, _) => mean(&around.across(1), &around.down(0)),
            (2, _) => mean(&around.across(1), &around.centre()),
            _ => mean(&around.across(1), &around.down(1)),
        }
    }

    /// The prediction of a square of chroma at this place (8.4.2.2.2).
    #[inline(always)]
    #[expect(clippy::cast_sign_loss, reason = "a fraction is at least zero")]
    pub(super) fn chroma<const SIZE: usize>(&self, x: i32, y: i32, vector: Vector) -> [[u8; SIZE]; SIZE] {
        let (x, y) = (x + (i32::from(vector.x) >> 3), y + (i32::from(vector.y) >> 3));
        let (right, down) = ((vector.x & 7) as u16, (vector.y & 7) as u16);
        if (right, down) == (0, 0) {
            return self.window::<SIZE, SIZE>(x, y);
        }
        let window = self.window::<9, 9>(x, y);
        let mut out = [[0; SIZE]; SIZE];
        for (y, out) in out.iter_mut().enumerate() {
            let (upper, lower) = (&window[y], &window[y + 1]);
            for (x, out) in out.iter_mut().enumerate() {
                let above = (8 - right) * u16::from(upper[x]) + right * u16::from(upper[x + 1]);
                let below = (8 - right) * u16::from(lower[x]) + right * u16::from(lower[x + 1]);
                *out = (((8 - down) * above + down * below + 32) >> 6) as u8;
            }
        }
        out
    }
}

/// The samples that those between the samples of a square are made of: two more to the left and above.
struct Around<const SIZE: usize> {
    rows: [[u8; 24]; 21],
}

impl<const SIZE: usize> Around<SIZE> {
    /// The samples themselves, from so far to the right and down on.
    #[inline(always)]
    fn whole(&self, right: usize, down: usize) -> [[u8; SIZE]; SIZE] {
        let mut out = [[0; SIZE]; SIZE];
        for (out, row) in out.iter_mut().zip(&self.rows[2 + down..]) {
            out.copy_from_slice(&row[2 + right..2 + right + SIZE]);
        }
        out
    }

    /// Those half way to the right (b, s).
    #[inline(always)]
    fn across(&self, down: usize) -> [[u8; SIZE]; SIZE] {
        let mut out = [[0; SIZE]; SIZE];
        for (out, row) in out.iter_mut().zip(&self.rows[2 + down..]) {
            for (x, out) in out.iter_mut().enumerate() {
                *out = rounded::<5>(six(std::array::from_fn(|tap| i16::from(row[x + tap]))));
            }
        }
        out
    }

    /// Those half way down (h, m).
    #[inline(always)]
    fn down(&self, right: usize) -> [[u8; SIZE]; SIZE] {
        let mut out = [[0; SIZE]; SIZE];
        for (y, out) in out.iter_mut().enumerate() {
            for (x, out) in out.iter_mut().enumerate() {
                let taps = std::array::from_fn(|tap| i16::from(self.rows[y + tap][x + 2 + right]));
                *out = rounded::<5>(six(taps));
            }
        }
        out
    }

    /// Those half way both ways (j).
    #[inline(always)]
    fn centre(&self) -> [[u8; SIZE]; SIZE] {
        let mut between = [[0; SIZE]; 21];
        for (between, row) in between[..SIZE + 5].iter_mut().zip(&self.rows) {
            for (x, between) in between.iter_mut().enumerate() {
                *between = six(std::array::from_fn(|tap| i16::from(row[x + tap])));
            }
        }
        let mut out = [[0; SIZE]; SIZE];
        for (y, out) in out.iter_mut().enumerate() {
            for (x, out) in out.iter_mut().enumerate() {
                let [a, b, c, d, e, f] = std::array::from_fn(|tap| i32::from(between[y + tap][x]));
                let sum = a - 5 * b + 20 * c + 20 * d - 5 * e + f;
                *out = ((sum + 512) >> 10).clamp(0, 255) as u8;
            }
        }
        out
    }
}

/// The filter of half samples: between -2550 and 10710.
#[inline(always)]
fn six([a, b, c, d, e, f]: [i16; 6]) -> i16 {
    a + f - 5 * (b + e) + 20 * (c + d)
}

#[inline(always)]
#[expect(clippy::cast_sign_loss, reason = "clipped before")]
fn rounded<const BITS: u16>(value: i16) -> u8 {
    ((value + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}

#[inline(always)]
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
