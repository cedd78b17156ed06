//! Macroblocks as a slice holds them (ITU-T H.264, 7.3.4 and 7.3.5).

use super::bits::{BitWriter, Mark};
use super::cavlc::{Neighbours, write_block, write_nonzero};
use super::coded_block_pattern::{inter_number, intra_4x4_number};
use super::inter::Vector;
use super::intra::{Intra16x16, IntraChroma};
use super::intra4x4::CODING_ORDER;
use super::level::Level;
use super::residual::Residual;
use super::slice_header::{SliceHeader, SliceKind};
use super::surroundings::{Known, Partition, Surroundings};
use super::transform::Samples;

/// How a macroblock is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// From the picture before, by the vectors of these partitions.
    Inter(Shape),
    /// From its neighbours, as a whole.
    Intra16x16(Intra16x16, IntraChroma),
    /// From its neighbours, each block of luma by its own mode.
    Intra4x4(IntraChroma),
    /// Not at all: its samples are written as they are.
    Pcm,
}

/// How a macroblock is cut into parts that have a vector each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Whole,
    Rows,
    Columns,
    Quarters,
}

impl Shape {
    /// The parts, and a quarter of the macroblock that is in each.
    fn partitions(self) -> &'static [(Partition, usize)] {
        match self {
            Self::Whole => &[(Partition::Whole, 0)],
            Self::Rows => &[(Partition::Upper, 0), (Partition::Lower, 2)],
            Self::Columns => &[(Partition::Left, 0), (Partition::Right, 1)],
            Self::Quarters => &[
                (Partition::Quarter0, 0),
                (Partition::Quarter1, 1),
                (Partition::Quarter2, 2),
                (Partition::Quarter3, 3),
            ],
        }
    }

    /// The coarsest parts that keep the vectors of the four quarters.
    pub(super) fn of([a, b, c, d]: [Vector; 4]) -> Self {
        match (a == b && c == d, a == c && b == d) {
            (true, true) => Self::Whole,
            (true, false) => Self::Rows,
            (false, true) => Self::Columns,
            (false, false) => Self::Quarters,
        }
    }
}

/// A macroblock that is coded, but not written yet.
#[derive(Debug, Clone)]
pub(super) struct Coded {
    pub(super) kind: Kind,
    /// Vectors and modes. Numbers of coefficients come with the writing.
    pub(super) known: Known,
    /// The modes that those of 4×4 prediction are told relative to.
    pub(super) expected_modes: [u8; 16],
    pub(super) quantiser: u8,
    pub(super) residual: Residual,
    /// What a decoder shows.
    pub(super) samples: Samples,
}

impl Coded {
    pub(super) const fn new() -> Self {
        Self {
            kind: Kind::Pcm,
            known: Known::STILL,
            expected_modes: [Known::DC_MODE; 16],
            quantiser: 0,
            residual: Residual::ZERO,
            samples: Samples::ZERO,
        }
    }

    /// Whether it shows just what was there before.
    pub(super) fn is_still(&self) -> bool {
        self.kind == Kind::Inter(Shape::Whole)
            && self.known.vectors[0] == Vector::ZERO
            && self.residual.coded_block_pattern() == 0
    }
}

/// Writes the macroblocks of a slice, one after the other.
#[derive(Debug)]
pub(super) struct SliceWriter {
    bits: BitWriter,
    is_predicted: bool,
    /// Skipped macroblocks that are not written yet.
    skipped: u32,
    /// The one that the next is told relative to.
    quantiser: u8,
}

/// A place to go back to within a slice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    mark: Mark,
    skipped: u32,
    quantiser: u8,
}

impl SliceWriter {
    pub(super) fn new() -> Self {
        Self { bits: BitWriter::new(), is_predicted: false, skipped: 0, quantiser: 0 }
    }

    /// Begins a slice.
    pub(super) fn begin(&mut self, header: &SliceHeader) {
        self.bits.clear();
        header.write(&mut self.bits);
        self.is_predicted = header.kind == SliceKind::Predicted;
        self.skipped = 0;
        self.quantiser = header.quantiser;
    }

    /// Ends the slice and gives its payload.
    pub(super) fn finish(&mut self) -> &[u8] {
        if self.skipped > 0 {
            self.bits.ue(self.skipped);
        }
        self.bits.finish_rbsp();
        self.bits.as_bytes()
    }

    /// Whether macroblocks may be skipped and predicted from the picture before.
    pub(super) fn is_predicted(&self) -> bool {
        self.is_predicted
    }

    /// The slice's bytes so far, but for the last few.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bits.as_bytes()
    }

    /// How many macroblocks were skipped since the last one that was not.
    pub(super) fn skips(&self) -> usize {
        self.skipped as usize
    }

    /// The slice's length so far.
    pub(super) fn bit_len(&self) -> usize {
        self.bits.bit_len()
    }

    pub(super) fn place(&self) -> Place {
        Place { mark: self.bits.mark(), skipped: self.skipped, quantiser: self.quantiser }
    }

    /// Takes back what was written since.
    pub(super) fn go_back(&mut self, place: Place) {
        self.bits.rewind(place.mark);
        self.skipped = place.skipped;
        self.quantiser = place.quantiser;
    }

    /// Skips so many macroblocks.
    pub(super) fn skip(&mut self, count: usize) {
        self.skipped += u32::try_from(count).expect("macroblocks of a picture");
    }

    /// Where parameter sets are written between slices.
    pub(super) fn bits(&mut self) -> &mut BitWriter {
        &mut self.bits
    }

    /// Writes the macroblock of a column that a vector is all of.
    pub(super) fn write_moved(&mut self, vector: Vector, surroundings: &Surroundings, column: usize) {
        if surroundings.skipped(column) == vector {
            self.skipped += 1;
            return;
        }
        self.bits.ue(self.skipped);
        self.skipped = 0;
        self.bits.ue(0);
        let rest = vector - surroundings.predict(column, Partition::Whole, &Known::STILL);
        self.bits.se(i32::from(rest.x));
        self.bits.se(i32::from(rest.y));
        self.bits.ue(inter_number(0));
    }

    /// Writes the macroblock of a column. It says of itself how many coefficients its blocks have.
    ///
    /// One that takes more bits than a level allows is [not predicted](Kind::Pcm): then its samples become `source`.
    pub(super) fn write(
        &mut self,
        coded: &mut Coded,
        source: &Samples,
        surroundings: &Surroundings,
        column: usize,
    ) {
        coded.known.luma_counts = [0; 16];
        coded.known.chroma_counts = [[0; 4]; 2];
        if let Kind::Inter(Shape::Whole) = coded.kind {
            let is_skipped = coded.residual.coded_block_pattern() == 0
                && surroundings.skipped(column) == coded.known.vectors[0];
            if is_skipped {
                self.skipped += 1;
                return;
            }
        }
        if self.is_predicted {
            self.bits.ue(self.skipped);
            self.skipped = 0;
        }
        let (place, start) = (self.place(), self.bits.bit_len());
        match coded.kind {
            Kind::Inter(shape) => self.inter(shape, coded, surroundings, column),
            Kind::Intra16x16(mode, chroma) => self.intra_16x16(mode, chroma, coded, surroundings, column),
            Kind::Intra4x4(chroma) => self.intra_4x4(chroma, coded, surroundings, column),
            Kind::Pcm => self.pcm(coded, source),
        }
        if self.bits.bit_len() - start > Level::MACROBLOCK_BITS {
            self.go_back(place);
            coded.kind = Kind::Pcm;
            coded.known = Known::INTRA;
            self.pcm(coded, source);
        }
    }

    fn inter(&mut self, shape: Shape, coded: &mut Coded, surroundings: &Surroundings, column: usize) {
        self.bits.ue(match shape {
            Shape::Whole => 0,
            Shape::Rows => 1,
            Shape::Columns => 2,
            Shape::Quarters => 3,
        });
        if shape == Shape::Quarters {
            // Each of the quarters is not cut further (table 7-17).
            self.bits.put(4, 0b1111);
        }
        for (partition, quarter) in shape.partitions() {
            let expected = surroundings.predict(column, *partition, &coded.known);
            let rest = coded.known.vectors[*quarter] - expected;
            self.bits.se(i32::from(rest.x));
            self.bits.se(i32::from(rest.y));
        }
        let pattern = coded.residual.coded_block_pattern();
        self.bits.ue(inter_number(pattern));
        if pattern != 0 {
            self.quantiser_delta(coded.quantiser);
            self.luma(pattern, coded, surroundings, column);
            self.chroma(pattern, coded, surroundings, column);
        }
    }

    fn intra_4x4(
        &mut self,
        chroma: IntraChroma,
        coded: &mut Coded,
        surroundings: &Surroundings,
        column: usize,
    ) {
        self.bits.ue(self.intra_type(0));
        for block in CODING_ORDER {
            let (mode, expected) = (coded.known.modes[block], coded.expected_modes[block]);
            if mode == expected {
                self.bits.put(1, 1);
            } else {
                self.bits.put(4, u32::from(mode - u8::from(mode > expected)));
            }
        }
        self.bits.ue(chroma as u32);
        let pattern = coded.residual.coded_block_pattern();
        self.bits.ue(intra_4x4_number(pattern));
        if pattern != 0 {
            self.quantiser_delta(coded.quantiser);
            self.luma(pattern, coded, surroundings, column);
            self.chroma(pattern, coded, surroundings, column);
        }
    }

    fn intra_16x16(
        &mut self,
        mode: Intra16x16,
        chroma: IntraChroma,
        coded: &mut Coded,
        surroundings: &Surroundings,
        column: usize,
    ) {
        let pattern = coded.residual.coded_block_pattern();
        let has_ac = pattern & 15 != 0;
        // Table 7-11.
        let number = 1 + mode as u32 + 4 * u32::from(pattern >> 4) + if has_ac { 12 } else { 0 };
        self.bits.ue(self.intra_type(number));
        self.bits.ue(chroma as u32);
        self.quantiser_delta(coded.quantiser);
        let expected = surroundings.expected_luma(column, 0, &coded.known);
        write_block(&mut self.bits, &coded.residual.luma_dc, Neighbours::Blocks(expected));
        if has_ac {
            for block in CODING_ORDER {
                let expected = surroundings.expected_luma(column, block, &coded.known);
                let levels = coded.residual.luma.block(block);
                let nonzero = u32::from(coded.residual.luma.nonzero[block]) >> 1;
                coded.known.luma_counts[block] =
                    write_nonzero(&mut self.bits, &levels[1..], nonzero, Neighbours::Blocks(expected));
            }
        }
        self.chroma(pattern, coded, surroundings, column);
    }

    fn pcm(&mut self, coded: &mut Coded, source: &Samples) {
        self.bits.ue(self.intra_type(25));
        self.bits.align_with_zeros();
        self.bits.bytes(source.luma.as_flattened());
        for chroma in &source.chroma {
            self.bits.bytes(chroma.as_flattened());
        }
        coded.samples.clone_from(source);
        coded.known.luma_counts = [16; 16];
        coded.known.chroma_counts = [[16; 4]; 2];
    }

    /// The blocks of the quarters of luma that have levels.
    fn luma(&mut self, pattern: u8, coded: &mut Coded, surroundings: &Surroundings, column: usize) {
        for (index, block) in CODING_ORDER.into_iter().enumerate() {
            if pattern >> (index / 4) & 1 != 0 {
                let expected = surroundings.expected_luma(column, block, &coded.known);
                let levels = coded.residual.luma.block(block);
                let nonzero = u32::from(coded.residual.luma.nonzero[block]);
                coded.known.luma_counts[block] =
                    write_nonzero(&mut self.bits, &levels, nonzero, Neighbours::Blocks(expected));
            }
        }
    }

    fn chroma(&mut self, pattern: u8, coded: &mut Coded, surroundings: &Surroundings, column: usize) {
        if pattern >> 4 == 0 {
            return;
        }
        for levels in &coded.residual.chroma_dc {
            write_block(&mut self.bits, levels, Neighbours::ChromaDc);
        }
        if pattern >> 4 == 1 {
            return;
        }
        for component in 0..2 {
            for block in 0..4 {
                let expected = surroundings.expected_chroma(column, component, block, &coded.known);
                let lane = component * 4 + block;
                let levels = coded.residual.chroma.block(lane);
                let nonzero = u32::from(coded.residual.chroma.nonzero[lane]) >> 1;
                coded.known.chroma_counts[component][block] =
                    write_nonzero(&mut self.bits, &levels[1..], nonzero, Neighbours::Blocks(expected));
            }
        }
    }

    /// `mb_qp_delta` (7.4.5), which goes round from 51 to 0.
    fn quantiser_delta(&mut self, quantiser: u8) {
        let delta = (i32::from(quantiser) - i32::from(self.quantiser) + 26).rem_euclid(52) - 26;
        self.bits.se(delta);
        self.quantiser = quantiser;
    }

    /// `mb_type` of an intra macroblock; those come after five others in a predicted slice (table 7-13).
    fn intra_type(&self, number: u32) -> u32 {
        if self.is_predicted { number + 5 } else { number }
    }
}
