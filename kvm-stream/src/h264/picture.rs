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

    /// Copies what moved by a vector to the macroblocks of these columns of a row, as a decoder predicts them, as long as
    /// that is no more than copying; says how many of them, from the first.
    ///
    /// It is if all of it is inside the picture and samples of chroma are moved by whole ones too, or are all equal, so
    /// that it makes no difference.
    pub(super) fn copy_moved(
        &mut self,
        from: &Self,
        columns: Range<usize>,
        row: usize,
        vector: Vector,
    ) -> usize {
        let start = |at: usize, moved: i16, limit: usize| {
            let from = usize::try_from(isize::try_from(at * 16).ok()? + isize::from(moved >> 2)).ok()?;
            (from + 16 <= limit * 16).then_some(from)
        };
        let Some(y) = start(row, vector.y, self.rows) else { return 0 };
        let count = columns
            .clone()
            .take_while(|column| {
                start(*column, vector.x, self.columns)
                    .is_some_and(|x| vector.is_whole_in_chroma() || from.is_even_in_chroma(x / 2, y / 2))
            })
            .count();
        let Some(x) = start(columns.start, vector.x, self.columns).filter(|_| count > 0) else { return 0 };
        for (index, (plane, from)) in self.planes.iter_mut().zip(&from.planes).enumerate() {
            let (side, stride) = (side(index), self.columns * side(index));
            let (x, y) = (x * side / 16, y * side / 16);
            let len = count * side;
            for line in 0..side {
                let to = (row * side + line) * stride + columns.start * side;
                let source = (y + line) * stride + x;
                plane[to..to + len].copy_from_slice(&from[source..source + len]);
            }
        }
        count
    }

    /// Whether the 9 by 9 samples of either chroma plane from this place on, as far as there are so many, are all equal.
    fn is_even_in_chroma(&self, x: usize, y: usize) -> bool {
        let (width, height) = (self.columns * 8, self.rows * 8);
        let (right, bottom) = ((x + 9).min(width), (y + 9).min(height));
        self.planes[1..].iter().all(|plane| {
            let first = plane[y * width + x];
            (y..bottom).all(|line| {
                let row = &plane[line * width + x..line * width + right];
                match row.first_chunk::<8>() {
                    Some(eight) => {
                        u64::from_ne_bytes(*eight) == u64::from_ne_bytes([first; 8])
                            && row.last() == Some(&first)
                    }
                    None => row.iter().all(|sample| *sample == first),
                }
            })
        })
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
