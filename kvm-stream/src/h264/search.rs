//! Where in the picture before a macroblock is found again.

use super::inter::{Plane, Vector};
use super::transform::Luma;
use crate::simd::Kernel;

/// Compares a macroblock with what whole vectors point to, and looks around the best of them.
///
/// Vectors to samples outside the picture are left out.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) source: &'a Luma,
    pub(super) reference: Plane<'a>,
    /// Column and row of the macroblock.
    pub(super) at: [usize; 2],
    /// Vectors of whole samples.
    pub(super) candidates: &'a [Vector],
    /// What the vector is told relative to.
    pub(super) expected: Vector,
    /// What a bit is worth, in sums of absolute differences.
    pub(super) lambda: u32,
    /// How many steps of a sample to go from the best candidate at most.
    pub(super) steps: u32,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The best vector for the whole macroblock.
    pub(super) vector: Vector,
    /// Its sum of absolute differences.
    pub(super) difference: u32,
    /// The best candidate for each quarter, by rows, and their sums of absolute differences.
    pub(super) quarters: [(Vector, u32); 4],
}

impl Kernel for Search<'_> {
    type Output = Option<Found>;

    #[inline(always)]
    fn run(self) -> Option<Found> {
        let mut best: Option<(u32, Found)> = None;
        for vector in self.candidates {
            let Some(quarters) = self.differences(*vector) else { continue };
            let difference = quarters.iter().sum();
            let cost = difference + self.cost_of(*vector);
            match &mut best {
                None => {
                    let quarters = quarters.map(|difference| (*vector, difference));
                    best = Some((cost, Found { vector: *vector, difference, quarters }));
                }
                Some((least, found)) => {
                    if cost < *least {
                        *least = cost;
                        (found.vector, found.difference) = (*vector, difference);
                    }
                    for (found, difference) in found.quarters.iter_mut().zip(quarters) {
                        if difference < found.1 {
                            *found = (*vector, difference);
                        }
                    }
                }
            }
        }
        let (mut least, mut found) = best?;
        for _ in 0..self.steps {
            let centre = found.vector;
            for (x, y) in [(4, 0), (-4, 0), (0, 4), (0, -4)] {
                let vector = Vector { x: centre.x.saturating_add(x), y: centre.y.saturating_add(y) };
                let Some(quarters) = self.differences(vector) else { continue };
                let difference = quarters.iter().sum();
                let cost = difference + self.cost_of(vector);
                if cost < least {
                    least = cost;
                    (found.vector, found.difference) = (vector, difference);
                }
            }
            if found.vector == centre {
                break;
            }
        }
        Some(found)
    }
}

impl Search<'_> {
    /// The sums of absolute differences of the quarters; `None` if the vector points outside.
    #[inline(always)]
    fn differences(&self, vector: Vector) -> Option<[u32; 4]> {
        let start = |at: usize, moved: i16, limit: usize| {
            let start = usize::try_from(isize::try_from(at * 16).ok()? + isize::from(moved >> 2)).ok()?;
            (start + 16 <= limit).then_some(start)
        };
        let x = start(self.at[0], vector.x, self.reference.width)?;
        let y = start(self.at[1], vector.y, self.reference.height)?;
        let rows = self.reference.samples[y * self.reference.width + x..].chunks(self.reference.width);
        let mut sums = [0; 4];
        for (line, (source, row)) in self.source.iter().zip(rows).enumerate() {
            let row: &[u8; 16] = row.first_chunk()?;
            let half = line / 8 * 2;
            for side in 0..2 {
                let mut sum = 0;
                for index in side * 8..side * 8 + 8 {
                    sum += u32::from(source[index].abs_diff(row[index]));
                }
                sums[half + side] += sum;
            }
        }
        Some(sums)
    }

    #[inline(always)]
    fn cost_of(&self, vector: Vector) -> u32 {
        let rest = vector - self.expected;
        self.lambda * (signed_bits(rest.x) + signed_bits(rest.y))
    }
}

/// Bits of a number as `se(v)` (9.1.1).
#[inline(always)]
pub(super) fn signed_bits(value: i16) -> u32 {
    let code = 2 * u32::from(value.unsigned_abs()) + u32::from(value <= 0);
    2 * code.ilog2() + 1
}
