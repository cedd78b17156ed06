//! What a macroblock needs to know of those coded before it: their vectors, modes and numbers of coefficients.

use std::ops::Range;

use super::inter::Vector;
use super::intra::Available;
use super::vectors::{Around, Neighbour};

/// What later macroblocks ask about one that is coded. Blocks are counted in raster order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Of the four quarters.
    pub(super) vectors: [Vector; 4],
    pub(super) is_inter: bool,
    /// Coefficients of the blocks of luma, DC of [16×16 prediction](super::intra) left out (9.2.1).
    pub(super) luma_counts: [u8; 16],
    /// AC coefficients of the blocks of Cb and Cr.
    pub(super) chroma_counts: [[u8; 4]; 2],
    /// The modes of 4×4 prediction; [`DC`](Self::DC_MODE) in macroblocks that are predicted otherwise (8.3.1.1).
    pub(super) modes: [u8; 16],
}

impl Known {
    /// `Intra_4x4_DC`, which other kinds of macroblocks count as.
    pub(super) const DC_MODE: u8 = 2;

    /// A macroblock that is as it was.
    pub(super) const STILL: Self = Self {
        vectors: [Vector::ZERO; 4],
        is_inter: true,
        luma_counts: [0; 16],
        chroma_counts: [[0; 4]; 2],
        modes: [Self::DC_MODE; 16],
    };

    /// An intra-coded macroblock without coefficients so far.
    pub(super) const INTRA: Self = Self { is_inter: false, ..Self::STILL };

    fn quarter(&self, index: usize) -> Neighbour {
        if self.is_inter { Neighbour::Inter(self.vectors[index]) } else { Neighbour::Intra }
    }
}

/// The macroblocks of the row above and of this row, as far as they are of the slice.
#[derive(Debug)]
pub(super) struct Surroundings {
    above: Vec<Known>,
    current: Vec<Known>,
    has_above: bool,
    /// Whether all of them are [still](Known::STILL), so that a still row need not be written.
    is_above_still: bool,
    is_current_still: bool,
}

impl Surroundings {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            above: vec![Known::STILL; columns],
            current: vec![Known::STILL; columns],
            has_above: false,
            is_above_still: true,
            is_current_still: true,
        }
    }

    /// Begins the first row of a slice.
    pub(super) fn begin_slice(&mut self) {
        self.has_above = false;
    }

    /// Goes on to the row below.
    pub(super) fn next_row(&mut self) {
        std::mem::swap(&mut self.above, &mut self.current);
        std::mem::swap(&mut self.is_above_still, &mut self.is_current_still);
        self.has_above = true;
    }

    /// Goes past a row that is still as a whole.
    pub(super) fn pass_still_row(&mut self) {
        if !self.is_current_still {
            self.current.fill(Known::STILL);
            self.is_current_still = true;
        }
    }

    /// Goes past still macroblocks of this row.
    pub(super) fn pass_still(&mut self, columns: Range<usize>) {
        if columns.len() == self.current.len() {
            self.pass_still_row();
        } else if !self.is_current_still {
            self.current[columns].fill(Known::STILL);
        }
    }

    /// Notes what the macroblock of a column is.
    pub(super) fn note(&mut self, column: usize, known: &Known) {
        if self.is_current_still && *known == Known::STILL {
            return;
        }
        self.current[column] = *known;
        self.is_current_still = false;
    }

    pub(super) fn left(&self, column: usize) -> Option<&Known> {
        self.current[..column].last()
    }

    pub(super) fn above(&self, column: usize) -> Option<&Known> {
        self.above.get(column).filter(|_| self.has_above)
    }

    pub(super) fn above_left(&self, column: usize) -> Option<&Known> {
        self.above[..column].last().filter(|_| self.has_above)
    }

    pub(super) fn above_right(&self, column: usize) -> Option<&Known> {
        self.above(column + 1)
    }

    /// The vector that the macroblock of a column has when it is skipped. If that is zero, all still ones right of it
    /// are skipped too, since each of them has a still one at its left.
    pub(super) fn skipped(&self, column: usize) -> Vector {
        self.around(column, Partition::Whole, &Known::INTRA).skipped()
    }

    /// Which neighbours of the macroblock in a column are there to predict samples from.
    pub(super) fn available(&self, column: usize) -> Available {
        Available {
            left: self.left(column).is_some(),
            top: self.above(column).is_some(),
            top_left: self.above_left(column).is_some(),
            top_right: self.above_right(column).is_some(),
        }
    }

    /// The vectors of the macroblocks left, above and above right, each as far as it has one.
    pub(super) fn vectors(&self, column: usize) -> impl Iterator<Item = Vector> {
        let near = [self.left(column), self.above(column), self.above_right(column)];
        near.into_iter().flatten().filter(|known| known.is_inter).map(|known| known.vectors[3])
    }

    /// The modes of the blocks at the left and above.
    pub(super) fn modes(&self, column: usize) -> [Option<[u8; 4]>; 2] {
        let left = self.left(column).map(|known| [3, 7, 11, 15].map(|block| known.modes[block]));
        let above = self.above(column).map(|known| [12, 13, 14, 15].map(|block| known.modes[block]));
        [left, above]
    }

    /// The neighbours of a partition of the macroblock in a column; `own` holds the vectors of the partitions before it.
    pub(super) fn around(&self, column: usize, partition: Partition, own: &Known) -> Around {
        let quarter =
            |known: Option<&Known>, index| known.map_or(Neighbour::Unavailable, |known| known.quarter(index));
        let own = |index: usize| Neighbour::Inter(own.vectors[index]);
        let (left, above) = (self.left(column), self.above(column));
        let above_left = || quarter(self.above_left(column), 3);
        let above_right = || quarter(self.above_right(column), 2);
        match partition {
            Partition::Whole | Partition::Upper => Around {
                left: quarter(left, 1),
                above: quarter(above, 2),
                diagonal: above_right().or(above_left()),
            },
            Partition::Lower => Around { left: quarter(left, 3), above: own(0), diagonal: quarter(left, 1) },
            Partition::Left | Partition::Quarter0 => Around {
                left: quarter(left, 1),
                above: quarter(above, 2),
                diagonal: quarter(above, 3).or(above_left()),
            },
            Partition::Right | Partition::Quarter1 => Around {
                left: own(0),
                above: quarter(above, 3),
                diagonal: above_right().or(quarter(above, 2)),
            },
            Partition::Quarter2 => Around { left: quarter(left, 3), above: own(0), diagonal: own(1) },
            Partition::Quarter3 => Around { left: own(2), above: own(1), diagonal: own(0) },
        }
    }

    /// Predicts the vector of a partition (8.4.1.3).
    pub(super) fn predict(&self, column: usize, partition: Partition, own: &Known) -> Vector {
        let around = self.around(column, partition, own);
        match partition {
            Partition::Upper => around.directed(around.above),
            Partition::Lower | Partition::Left => around.directed(around.left),
            Partition::Right => around.directed(around.diagonal),
            _ => around.median(),
        }
    }

    /// The number of coefficients to expect in a block of luma, from those left and above (9.2.1).
    pub(super) fn expected_luma(&self, column: usize, block: usize, own: &Known) -> u8 {
        let left = match block % 4 {
            0 => self.left(column).map(|known| known.luma_counts[block + 3]),
            _ => Some(own.luma_counts[block - 1]),
        };
        let above = match block / 4 {
            0 => self.above(column).map(|known| known.luma_counts[block + 12]),
            _ => Some(own.luma_counts[block - 4]),
        };
        expected(left, above)
    }

    /// The number of coefficients to expect in a block of Cb or Cr.
    pub(super) fn expected_chroma(&self, column: usize, component: usize, block: usize, own: &Known) -> u8 {
        let own = &own.chroma_counts[component];
        let of = |known: &Known, block: usize| known.chroma_counts[component][block];
        let left = match block % 2 {
            0 => self.left(column).map(|known| of(known, block + 1)),
            _ => Some(own[block - 1]),
        };
        let above = match block / 2 {
            0 => self.above(column).map(|known| of(known, block + 2)),
            _ => Some(own[block - 2]),
        };
        expected(left, above)
    }
}

/// A part of a macroblock that has a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Partition {
    Whole,
    Upper,
    Lower,
    Left,
    Right,
    Quarter0,
    Quarter1,
    Quarter2,
    Quarter3,
}

fn expected(left: Option<u8>, above: Option<u8>) -> u8 {
    match (left, above) {
        (Some(left), Some(above)) => (left + above).div_ceil(2),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => 0,
    }
}
