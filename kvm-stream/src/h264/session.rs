//! The pictures of one stream, of one size.

use std::ops::Range;
use std::time::Duration;

use kvm_capture::{FrameFormat, ImageView, Timestamp};

use super::choice::Effort;
use super::coder::Coder;
use super::inter::{Planes, Vector};
use super::macroblock::SliceWriter;
use super::moves::Moves;
use super::nal::{NalKind, Prevention, append_annex_b};
use super::parameters::Parameters;
use super::picture::Picture;
use super::quality::H264Quality;
use super::rate::{H264Rate, Rate};
use super::refinement::Refinement;
use super::slice_header::{SliceHeader, SliceKind};
use super::source::SourceRow;
use super::surroundings::Surroundings;
use super::transform::Samples;
use crate::simd::Instructions;
use crate::{Damage, Rect, Tiles};

/// What a decoder of the stream shows, and what is needed to make the next picture of it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) parameters: Parameters,
    pub(super) quality: H264Quality,
    pub(super) instructions: Instructions,
    pub(super) source: SourceRow,
    /// What a decoder shows.
    pub(super) reference: Picture,
    /// What it will show next: equal to `reference` but for the macroblocks of `stale`.
    pub(super) current: Picture,
    stale: Tiles,
    /// Macroblocks of the next picture that are not as they were.
    work: Tiles,
    /// Those of them that only get better.
    pub(super) refining: Tiles,
    pub(super) moves: Moves,
    pub(super) refinement: Refinement,
    pub(super) rate: Rate,
    budget: usize,
    pub(super) surroundings: Surroundings,
    pub(super) writer: SliceWriter,
    pub(super) coder: Coder,
    pub(super) samples: Box<Samples>,
    pub(super) effort: Effort,
    /// Macroblocks of the picture that are still to be coded, but for those that are refined or taken over.
    pub(super) left: usize,
    /// Bits of the picture before the slice's payload.
    head_bits: usize,
    prevention: Prevention,
    /// Of the next picture.
    frame_num: u32,
    key_id: u16,
}

impl Session {
    /// A session for frames of this format; `None` if there is no stream of such pictures.
    pub(super) fn new(format: FrameFormat, quality: H264Quality, limit: Option<H264Rate>) -> Option<Self> {
        let parameters = Parameters::new(format.width_px, format.height_px, SHORTEST_INTERVAL, limit)?;
        let (columns, rows) = parameters.macroblocks();
        let (columns, rows) = (columns as usize, rows as usize);
        let instructions = Instructions::detected();
        let (width_px, height_px) = parameters.size_px();
        let none = Tiles::new(width_px, height_px);
        Some(Self {
            parameters,
            quality,
            instructions,
            source: SourceRow::new(format, columns)?,
            reference: Picture::new(columns, rows),
            current: Picture::new(columns, rows),
            stale: none.clone(),
            work: none.clone(),
            refining: none,
            moves: Moves::new(parameters),
            refinement: Refinement::new(width_px, height_px),
            rate: Rate::new(limit),
            budget: usize::MAX,
            surroundings: Surroundings::new(columns),
            writer: SliceWriter::new(),
            coder: Coder::new(instructions),
            samples: Box::new(Samples::ZERO),
            effort: Effort::Estimated,
            left: 0,
            head_bits: 0,
            prevention: Prevention::default(),
            frame_num: 0,
            key_id: 0,
        })
    }

    /// Whether it is for frames of this format.
    pub(super) fn takes(&self, format: FrameFormat) -> bool {
        self.source.format() == format
    }

    pub(super) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// What a decoder shows.
    pub(super) fn shown(&self) -> Planes<'_> {
        self.reference.planes()
    }

    /// Whether there is something to send though nothing changes.
    pub(super) fn has_backlog(&self) -> bool {
        self.refinement.is_due()
    }

    /// Sets what each of the next pictures should not exceed, in bytes.
    pub(super) fn set_budget(&mut self, bytes: usize) {
        self.budget = bytes;
        self.rate.set_budget(bytes);
    }

    /// Codes a picture that decoding can start at, if the rate has room for one; says whether.
    pub(super) fn code_key(&mut self, image: &ImageView<'_>, at: Timestamp, out: &mut Vec<u8>) -> bool {
        let (width_px, height_px) = self.parameters.size_px();
        self.work.insert_rect(Rect::new(0, 0, width_px, height_px));
        if !self.rate.has_room(at, Some(self.work.len())) {
            self.refinement.owe_all(&self.work);
            return false;
        }
        let bits = self.writer.bits();
        bits.clear();
        self.parameters.write_sequence(bits);
        append_annex_b(out, NalKind::Sequence, bits.as_bytes());
        bits.clear();
        self.parameters.write_picture(bits);
        append_annex_b(out, NalKind::Picture, bits.as_bytes());
        self.frame_num = 0;
        self.moves.clear();
        self.refining.clear();
        self.refinement.begin();
        self.left = self.work.len();
        self.effort = Effort::Estimated;
        self.code(image, at, SliceKind::Key { id: self.key_id }, out);
        self.key_id = (self.key_id + 1) % 2;
        true
    }

    /// Codes a picture of which `damage` differs from the one before, if there is anything to code and the rate has room
    /// for it; says whether.
    pub(super) fn code_change(
        &mut self,
        image: &ImageView<'_>,
        at: Timestamp,
        damage: &Damage,
        is_checked: bool,
        out: &mut Vec<u8>,
    ) -> bool {
        self.refinement.begin();
        self.moves.plan(damage, self.refinement.owed(), is_checked);
        if !self.rate.has_room(at, None) {
            self.refinement.move_along(&self.moves);
            self.refinement.owe_all(self.moves.touched());
            return false;
        }
        let bytes = self.budget.min(REFINEMENT_BYTES);
        self.refinement.choose(self.moves.changing(), bytes, &mut self.refining);
        self.refinement.move_along(&self.moves);
        self.work.copy_from(self.moves.touched());
        self.work.union_with(&self.refining);
        if self.work.is_empty() {
            return false;
        }
        self.left = self.moves.painted().len();
        self.effort = if self.left <= MOST_MEASURED { Effort::Measured } else { Effort::Estimated };
        self.code(image, at, SliceKind::Predicted, out)
    }

    /// Codes the macroblocks of `work`. If all turn out to be as they were, there is no picture, and `false` is the answer.
    fn code(&mut self, image: &ImageView<'_>, at: Timestamp, kind: SliceKind, out: &mut Vec<u8>) -> bool {
        self.catch_up();
        let is_key = kind != SliceKind::Predicted;
        self.rate.begin(at, is_key);
        self.writer.begin(&SliceHeader {
            first_macroblock: 0,
            kind,
            frame_num: self.frame_num,
            quantiser: self.quality.quantiser,
        });
        self.head_bits = out.len() * 8 + UNIT_BITS;
        self.prevention = Prevention::default();
        self.surroundings.begin_slice();
        let (columns, rows) = self.parameters.macroblocks();
        for row in 0..rows {
            let mut done = 0;
            while let Some(run) = self.work.next_run(row, done) {
                self.pass_still(done..run.start);
                self.code_run(image, row, run.clone());
                done = run.end;
            }
            self.pass_still(done..columns);
            self.surroundings.next_row();
        }
        if self.writer.skips() == columns as usize * rows as usize {
            self.rate.end(0);
            // What was coded shows the same as the picture before, and the rest was brought to that.
            self.stale.clear();
            return false;
        }
        let nal = if is_key { NalKind::KeySlice } else { NalKind::Slice };
        append_annex_b(out, nal, self.writer.finish());
        self.rate.end(out.len());
        std::mem::swap(&mut self.reference, &mut self.current);
        std::mem::swap(&mut self.stale, &mut self.work);
        self.frame_num = self.frame_num.wrapping_add(1);
        true
    }

    /// Bits of the picture so far.
    pub(super) fn bits(&self) -> usize {
        self.head_bits + self.writer.bit_len()
    }

    /// Whether the rate allows what was written so far.
    pub(super) fn is_allowed(&mut self) -> bool {
        if !self.rate.is_bounded() {
            return true;
        }
        let mut prevention = self.prevention;
        let bits = self.bits() + prevention.advance(self.writer.bytes()) * 8;
        let is_allowed = self.rate.allows(bits, self.left);
        if is_allowed {
            self.prevention = prevention;
        }
        is_allowed
    }

    /// Brings what is not coded anew to what the picture before shows.
    fn catch_up(&mut self) {
        self.stale.subtract(&self.work);
        for row in 0..self.stale.rows() {
            for run in self.stale.runs(row) {
                self.current.copy_run(&self.reference, run.start as usize..run.end as usize, row as usize);
            }
        }
    }

    /// Passes macroblocks that are as they were.
    fn pass_still(&mut self, columns: Range<u32>) {
        let columns = columns.start as usize..columns.end as usize;
        if columns.is_empty() {
            return;
        }
        let mut rest = columns.clone();
        if self.surroundings.skipped(columns.start) != Vector::ZERO {
            self.writer.write_moved(Vector::ZERO, &self.surroundings, columns.start);
            rest.start += 1;
        }
        self.writer.skip(rest.len());
        self.surroundings.pass_still(columns);
    }
}

/// Macroblocks of a picture up to which the way of coding them is chosen with care.
const MOST_MEASURED: usize = 400;
/// Bytes of a picture that go into what stands still, at most.
const REFINEMENT_BYTES: usize = 500;
/// Bits of a unit's start code and header.
const UNIT_BITS: usize = 40;
/// The most pictures a second that a level is chosen for.
const SHORTEST_INTERVAL: Duration = Duration::from_micros(16_667);
