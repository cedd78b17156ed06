//! Where in the picture before a macroblock is found again.

use super::inter::{Plane, Vector};
use super::level::Level;
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
    /// How far a vector may point up or down, in samples (table A-1, `MaxVmvR`).
    pub(super) vertical_range: u32,
    /// What a bit is worth, in sums of absolute differences.
    pub(super) lambda: u32,
    /// How many steps of a sample to go from the best candidate at most.
    pub(super) steps: u32,
    /// A sum of absolute differences that need not be less.
    pub(super) enough: u32,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The best vector for the whole macroblock.
    pub(super) vector: Vector,
    /// Its sum of absolute differences.
    pub(super) difference: u32,
    /// The same with the worth of the bits that tell the vector.
    pub(super) cost: u32,
}

impl Kernel for Search<'_> {
    type Output = Option<Found>;

    #[inline(always)]
    fn run(self) -> Option<Found> {
        let mut best: Option<Found> = None;
        for vector in self.candidates {
            let Some(found) = self.look(*vector) else { continue };
            if best.is_none_or(|best| found.cost < best.cost) {
                best = Some(found);
            }
            if found.difference == 0 {
                break;
            }
        }
        let mut found = best?;
        for _ in 0..self.steps {
            if found.difference <= self.enough {
                break;
            }
            let centre = found.vector;
            for (x, y) in [(4, 0), (-4, 0), (0, 4), (0, -4)] {
                let vector = Vector { x: centre.x.saturating_add(x), y: centre.y.saturating_add(y) };
                match self.look(vector) {
                    Some(better) if better.cost < found.cost => found = better,
                    _ => {}
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
    /// What is where a vector points to; `None` if that is outside.
    #[inline(always)]
    fn look(&self, vector: Vector) -> Option<Found> {
        let horizontal = i32::from(vector.x).unsigned_abs() / 4;
        let vertical = i32::from(vector.y).unsigned_abs() / 4;
        if horizontal >= Level::HORIZONTAL_RANGE || vertical >= self.vertical_range {
            return None;
        }
        let window = window(&self.reference, self.at, vector)?;
        let difference = distance(self.source.as_flattened(), window.as_flattened());
        let rest = vector - self.expected;
        let cost = difference + self.lambda * (signed_bits(rest.x) + signed_bits(rest.y));
        Some(Found { vector, difference, cost })
    }
}

/// Finds the best of some vectors for each quarter of a macroblock.
#[derive(Debug)]
pub(super) struct Quarters<'a> {
    pub(super) source: &'a Luma,
    pub(super) reference: Plane<'a>,
    /// Column and row of the macroblock.
    pub(super) at: [usize; 2],
    /// Vectors of whole samples.
    pub(super) candidates: &'a [Vector],
}

impl Kernel for Quarters<'_> {
    /// The vectors, by rows of quarters, and the sum of absolute differences of all.
    type Output = ([Vector; 4], u32);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let mut best = [(Vector::ZERO, u32::MAX); 4];
        for vector in self.candidates {
            let Some(window) = window(&self.reference, self.at, *vector) else { continue };
            for (quarter, best) in best.iter_mut().enumerate() {
                let (x, y) = (quarter % 2 * 8, quarter / 2 * 8);
                let rows = self.source[y..y + 8].iter().zip(&window[y..y + 8]);
                let difference = rows.map(|(a, b)| distance(&a[x..x + 8], &b[x..x + 8])).sum();
                if difference < best.1 {
                    *best = (*vector, difference);
                }
            }
        }
        let all = best.iter().fold(0_u32, |all, (_, difference)| all.saturating_add(*difference));
        (best.map(|(vector, _)| vector), all)
    }
}

/// What a whole vector points to; `None` if that is outside.
#[inline(always)]
fn window(reference: &Plane<'_>, at: [usize; 2], vector: Vector) -> Option<Luma> {
    let start = |at: usize, moved: i16, limit: usize| {
        let start = usize::try_from(isize::try_from(at * 16).ok()? + isize::from(moved >> 2)).ok()?;
        (start + 16 <= limit).then_some(start)
    };
    let x = start(at[0], vector.x, reference.width)?;
    let y = start(at[1], vector.y, reference.height)?;
    let mut window = [[0; 16]; 16];
    for (row, samples) in
        window.iter_mut().zip(reference.samples[y * reference.width + x..].chunks(reference.width))
    {
        row.copy_from_slice(&samples[..16]);
    }
    Some(window)
}

#[inline(always)]
fn distance(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
}

/// Bits of a number as `se(v)` (9.1.1).
#[inline(always)]
pub(super) fn signed_bits(value: i16) -> u32 {
    let code = 2 * u32::from(value.unsigned_abs()) + u32::from(value <= 0);
    2 * code.ilog2() + 1
}

/// Looks for a macroblock in a wide window around its place.
///
/// Only where one row of samples is found nearly as it is are the others compared, so that the window costs as much as
/// a read of it by rows.
#[derive(Debug)]
pub(super) struct WideSearch<'a> {
    pub(super) source: &'a Luma,
    pub(super) reference: Plane<'a>,
    /// Column and row of the macroblock.
    pub(super) at: [usize; 2],
    /// A sum of absolute differences that is no find.
    pub(super) limit: u32,
}

impl Kernel for WideSearch<'_> {
    type Output = Option<Vector>;

    #[inline(always)]
    fn run(self) -> Option<Vector> {
        let Plane { samples, width, height } = self.reference;
        let [x, y] = self.at.map(|at| at * 16);
        let (line, texture) = most_textured(self.source);
        if texture < LEAST_TEXTURE {
            return None;
        }
        let row = &self.source[line];
        let columns = x.saturating_sub(WIDE_X)..(x + WIDE_X).min(width - 16) + 1;
        let rows = y.saturating_sub(WIDE_Y)..(y + WIDE_Y).min(height - 16) + 1;
        let mut limit = self.limit;
        let mut best = None;
        for to_y in rows {
            let start = (to_y + line) * width;
            let places = samples[start + columns.start..start + columns.end + 15].windows(16);
            for (to_x, place) in columns.clone().zip(places) {
                let difference = distance(row, place);
                // A sixteenth of all differences on average, and twice that by chance.
                if difference > limit / 8 {
                    continue;
                }
                let lines = samples[to_y * width + to_x..].chunks(width);
                let all =
                    self.source.iter().zip(lines).map(|(source, line)| distance(source, &line[..16])).sum();
                if all < limit {
                    limit = all;
                    best = Some((to_x, to_y));
                }
            }
        }
        let (to_x, to_y) = best?;
        let moved = |to: usize, from: usize| i64::try_from(to).ok()?.checked_sub(i64::try_from(from).ok()?);
        Vector::whole(moved(to_x, x)?, moved(to_y, y)?)
    }
}

/// The row whose neighbours differ most, and by how much.
#[inline(always)]
fn most_textured(luma: &Luma) -> (usize, u32) {
    let mut best = (0, 0);
    for (line, row) in luma.iter().enumerate() {
        let texture = row.windows(2).map(|pair| u32::from(pair[0].abs_diff(pair[1]))).sum();
        if texture > best.1 {
            best = (line, texture);
        }
    }
    best
}

/// How far a window reaches to both sides, in samples.
const WIDE_X: usize = 128;
/// How far a window reaches up and down, in samples.
const WIDE_Y: usize = 72;
/// Differences of neighbours in a row below which it would be found everywhere.
const LEAST_TEXTURE: u32 = 64;
