//! Vectors between the samples of the picture before, for film, whose motion stops at no sample.

use super::inter::{Plane, Vector};
use super::search::{Found, signed_bits};
use super::transform::Luma;
use crate::simd::Kernel;

/// Looks between the samples around a whole vector that is the best of its neighbours.
///
/// Where between them the least difference lies is estimated from the differences of the whole vectors, so that only a
/// few predictions are made.
#[derive(Debug)]
pub(super) struct Between<'a> {
    pub(super) source: &'a Luma,
    pub(super) reference: Plane<'a>,
    /// Column and row of the macroblock.
    pub(super) at: [usize; 2],
    pub(super) found: Found,
    /// What the vector is told relative to.
    pub(super) expected: Vector,
    /// What a bit is worth, in sums of absolute differences.
    pub(super) lambda: u32,
}

impl Kernel for Between<'_> {
    type Output = Found;

    #[inline(always)]
    fn run(self) -> Found {
        let mut sums = [0; 4];
        for (sum, (x, y)) in sums.iter_mut().zip([(-4, 0), (4, 0), (0, -4), (0, 4)]) {
            *sum = self.look(self.found.vector, x, y).difference;
        }
        let [left, right, above, below] = sums;
        let centre = self.found.difference;
        let (x, y) = (lowest(left, centre, right), lowest(above, centre, below));
        let mut best = self.found;
        // Less than a sample from a whole vector is still within the level if that is.
        // What is estimated, what a skipped macroblock has, and the neighbours of what was best of these.
        let told = self.expected - self.found.vector;
        for (x, y) in [(x, y), (told.x, told.y)] {
            if (x, y) != (0, 0) && x.unsigned_abs() <= 2 && y.unsigned_abs() <= 2 {
                best = self.better(best, self.found.vector, x, y);
            }
        }
        let start = best.vector;
        for (x, y) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
            best = self.better(best, start, x, y);
        }
        best
    }
}

impl Between<'_> {
    #[inline(always)]
    fn better(&self, best: Found, from: Vector, x: i16, y: i16) -> Found {
        let tried = self.look(from, x, y);
        if tried.cost < best.cost { tried } else { best }
    }

    /// What a vector leaves that is so many quarters of a sample from another.
    #[inline(always)]
    fn look(&self, from: Vector, x: i16, y: i16) -> Found {
        let vector = Vector { x: from.x.saturating_add(x), y: from.y.saturating_add(y) };
        let [column, row] = self.at;
        let prediction = self.reference.macroblock(column, row, vector);
        let mut difference = 0;
        for (a, b) in self.source.as_flattened().iter().zip(prediction.as_flattened()) {
            difference += u32::from(a.abs_diff(*b));
        }
        let rest = vector - self.expected;
        let cost = difference + self.lambda * (signed_bits(rest.x) + signed_bits(rest.y));
        Found { vector, difference, cost }
    }
}

/// Where a parabola through three numbers, one sample from each other, is lowest: in quarters from the middle one, two
/// at most.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "sums of 256 bytes, then clamped"
)]
fn lowest(before: u32, centre: u32, after: u32) -> i16 {
    let (before, centre, after) = (before as i32, centre as i32, after as i32);
    let bend = (before + after - 2 * centre).max(1);
    // Twice the difference over the bend, rounded to nearest.
    let doubled = 4 * (before - after) + bend * (before - after).signum();
    (doubled / (2 * bend)).clamp(-2, 2) as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simd::Instructions;

    #[test]
    fn the_lowest_place_is_where_the_parabola_has_it() {
        assert_eq!(lowest(100, 50, 100), 0);
        assert_eq!(lowest(100, 50, 50), 2);
        assert_eq!(lowest(50, 50, 100), -2);
        // (x - 1/4)² at -1, 0 and 1, times 16: 25, 1 and 9.
        assert_eq!(lowest(25, 1, 9), 1);
        assert_eq!(lowest(7, 7, 7), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn smooth_motion_is_found_to_the_quarter(
            wave in 2.0..6.0_f64,
            x in -2..=2_i16,
            y in -2..=2_i16,
            whole in prop::sample::select(vec![(0, 0), (8, -4), (-12, 8)]),
        ) {
            let mut samples = vec![0; 96 * 96];
            for (index, sample) in samples.iter_mut().enumerate() {
                let (x, y) = (index % 96, index / 96);
                let height = (x as f64 / wave).sin() * (y as f64 / (wave + 1.0)).cos();
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 28 to 228")]
                let height = (128.0 + 100.0 * height) as u8;
                *sample = height;
            }
            let reference = Plane { samples: &samples, width: 96, height: 96 };
            let whole = Vector { x: whole.0, y: whole.1 };
            let wanted = Vector { x: whole.x + x, y: whole.y + y };
            let source = reference.macroblock(2, 2, wanted);
            let start = reference.macroblock(2, 2, whole);
            let difference = source.as_flattened().iter().zip(start.as_flattened())
                .map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
            let found = Found { vector: whole, difference, cost: difference };
            let [baseline, detected] = [Instructions::BASELINE, Instructions::detected()].map(|instructions| {
                instructions.run(Between {
                    source: &source, reference, at: [2, 2], found, expected: whole, lambda: 0,
                })
            });
            prop_assert_eq!(baseline, detected);
            prop_assert!(detected.difference <= difference / 2, "{:?} for {:?}", detected, wanted);
        }
    }
}
