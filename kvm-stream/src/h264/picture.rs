//! Pictures as a decoder holds them.

use std::ops::Range;

use super::inter::{Plane, Planes, Vector};
use super::transform::Samples;

/// Luma, Cb and Cr with half as many rows and columns, in whole macroblocks.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    columns: usize,
    rows: usize,
    planes: [Vec<u8>; 3],
}

impl Picture {
    /// A grey picture of so many macroblocks.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        let macroblocks = columns * rows;
        let chroma = vec![128; macroblocks * 64];
        Self { columns, rows, planes: [vec![128; macroblocks * 256], chroma.clone(), chroma] }
    }

    /// The planes, to predict from.
    pub(super) fn planes(&self) -> Planes<'_> {
        std::array::from_fn(|index| Plane {
            samples: &self.planes[index],
            width: self.columns * side(index),
            height: self.rows * side(index),
        })
    }

    /// Writes one macroblock.
    pub(super) fn write(&mut self, [column, row]: [usize; 2], samples: &Samples) {
        let [luma, cb, cr] = &mut self.planes;
        put(luma, self.columns * 16, [column, row], &samples.luma);
        put(cb, self.columns * 8, [column, row], &samples.chroma[0]);
        put(cr, self.columns * 8, [column, row], &samples.chroma[1]);
    }

    /// Copies the macroblocks of these columns of a row from a picture of the same size.
    pub(super) fn copy_run(&mut self, from: &Self, columns: Range<usize>, row: usize) {
        for (index, (plane, from)) in self.planes.iter_mut().zip(&from.planes).enumerate() {
            let (side, stride) = (side(index), self.columns * side(index));
            for line in row * side..(row + 1) * side {
                let place = line * stride + columns.start * side..line * stride + columns.end * side;
                plane[place.clone()].copy_from_slice(&from[place]);
            }
        }
    }

    /// Copies what moved by a vector to the macroblocks of these columns of a row, as a decoder predicts them: of luma,
    /// and of chroma if its samples are moved by whole ones too. Nothing is done, and `false` is the answer, if not all of
    /// that is inside the picture, or the vector has a fraction.
    pub(super) fn copy_moved(
        &mut self,
        from: &Self,
        columns: Range<usize>,
        row: usize,
        vector: Vector,
    ) -> bool {
        if !vector.is_whole_in_chroma() {
            return false;
        }
        let start = |at: usize, moved: i16, end: usize, limit: usize| {
            let from = isize::try_from(at * 16).ok()?.checked_add(isize::from(moved >> 2))?;
            let from = usize::try_from(from).ok()?;
            (from + (end - at) * 16 <= limit * 16).then_some(from)
        };
        let x = start(columns.start, vector.x, columns.end, self.columns);
        let y = start(row, vector.y, row + 1, self.rows);
        let Some((x, y)) = x.zip(y) else { return false };
        for (index, (plane, from)) in self.planes.iter_mut().zip(&from.planes).enumerate() {
            let (side, stride) = (side(index), self.columns * side(index));
            let (x, y) = (x * side / 16, y * side / 16);
            let len = columns.len() * side;
            for line in 0..side {
                let to = (row * side + line) * stride + columns.start * side;
                let source = (y + line) * stride + x;
                plane[to..to + len].copy_from_slice(&from[source..source + len]);
            }
        }
        true
    }
}

/// Samples of a macroblock across and down, in luma and in the other planes.
const fn side(plane: usize) -> usize {
    if plane == 0 { 16 } else { 8 }
}

fn put<const SIDE: usize>(
    plane: &mut [u8],
    stride: usize,
    [column, row]: [usize; 2],
    samples: &[[u8; SIDE]; SIDE],
) {
    let start = row * SIDE * stride + column * SIDE;
    for (line, samples) in plane[start..].chunks_mut(stride).zip(samples) {
        line[..SIDE].copy_from_slice(samples);
    }
}
