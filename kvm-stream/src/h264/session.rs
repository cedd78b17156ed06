//! The pictures of one stream, of one size.

use std::time::Duration;

use kvm_capture::{FrameFormat, ImageView};

use super::choice::{Effort, choose};
use super::coder::{Coder, Task};
use super::inter::{Planes, Vector};
use super::macroblock::SliceWriter;
use super::moves::{Moves, Treatment};
use super::nal::{NalKind, append_annex_b};
use super::parameters::Parameters;
use super::picture::Picture;
use super::quality::H264Quality;
use super::quantisers::absolute_worth;
use super::search::{Found, Search, WideSearch};
use super::slice_header::{Deblocking, SliceHeader, SliceKind};
use super::source::SourceRow;
use super::surroundings::{Known, Surroundings};
use super::transform::Samples;
use crate::simd::Instructions;
use crate::{Damage, Tiles};

/// What a decoder of the stream shows, and what is needed to make the next picture of it.
#[derive(Debug)]
pub(super) struct Session {
    parameters: Parameters,
    quality: H264Quality,
    instructions: Instructions,
    source: SourceRow,
    /// What a decoder shows.
    reference: Picture,
    /// What it will show next: equal to `reference` but for the macroblocks of `stale`.
    current: Picture,
    stale: Tiles,
    /// Macroblocks of the next picture that are not as they were.
    work: Tiles,
    moves: Moves,
    surroundings: Surroundings,
    writer: SliceWriter,
    coder: Coder,
    samples: Box<Samples>,
    effort: Effort,
    /// Of the next picture.
    frame_num: u32,
    key_id: u16,
}

impl Session {
    /// A session for frames of this format; `None` if there is no stream of such pictures.
    pub(super) fn new(format: FrameFormat, quality: H264Quality) -> Option<Self> {
        let parameters = Parameters::new(format.width_px, format.height_px, SHORTEST_INTERVAL)?;
        let (columns, rows) = parameters.macroblocks();
        let (columns, rows) = (columns as usize, rows as usize);
        let instructions = Instructions::detected();
        let (width_px, height_px) = parameters.size_px();
        Some(Self {
            parameters,
            quality,
            instructions,
            source: SourceRow::new(format, columns)?,
            reference: Picture::new(columns, rows),
            current: Picture::new(columns, rows),
            stale: Tiles::new(width_px, height_px),
            work: Tiles::new(width_px, height_px),
            moves: Moves::new(parameters),
            surroundings: Surroundings::new(columns),
            writer: SliceWriter::new(),
            coder: Coder::new(instructions),
            samples: Box::new(Samples::ZERO),
            effort: Effort::Estimated,
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

    /// Codes a picture that decoding can start at.
    pub(super) fn code_key(&mut self, image: &ImageView<'_>, out: &mut Vec<u8>) {
        let bits = self.writer.bits();
        bits.clear();
        self.parameters.write_sequence(bits);
        append_annex_b(out, NalKind::Sequence, bits.as_bytes());
        bits.clear();
        self.parameters.write_picture(bits);
        append_annex_b(out, NalKind::Picture, bits.as_bytes());
        self.frame_num = 0;
        self.moves.clear();
        let (width_px, height_px) = self.parameters.size_px();
        self.work.insert_rect(crate::Rect::new(0, 0, width_px, height_px));
        self.code(image, SliceKind::Key { id: self.key_id }, NalKind::KeySlice, out);
        self.key_id = (self.key_id + 1) % 2;
    }

    /// Codes a picture of which `damage` differs from the one before.
    pub(super) fn code_change(&mut self, image: &ImageView<'_>, damage: &Damage, out: &mut Vec<u8>) {
        self.moves.plan(damage);
        self.work.copy_from(self.moves.touched());
        self.code(image, SliceKind::Predicted, NalKind::Slice, out);
    }

    /// Codes the macroblocks of `work`.
    fn code(&mut self, image: &ImageView<'_>, kind: SliceKind, nal: NalKind, out: &mut Vec<u8>) {
        self.catch_up();
        let is_small = self.moves.painted().len() <= MOST_MEASURED;
        self.effort = if is_small && nal == NalKind::Slice { Effort::Measured } else { Effort::Estimated };
        self.writer.begin(&SliceHeader {
            first_macroblock: 0,
            kind,
            frame_num: self.frame_num,
            quantiser: self.quality.quantiser,
            deblocking: Deblocking::Off,
        });
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
        append_annex_b(out, nal, self.writer.finish());
        std::mem::swap(&mut self.reference, &mut self.current);
        std::mem::swap(&mut self.stale, &mut self.work);
        self.frame_num = self.frame_num.wrapping_add(1);
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
    fn pass_still(&mut self, columns: std::ops::Range<u32>) {
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

    fn code_run(&mut self, image: &ImageView<'_>, row: u32, columns: std::ops::Range<u32>) {
        let mut column = columns.start;
        while column < columns.end {
            let (treatment, end) = self.moves.treatment(row, column..columns.end);
            let run = column as usize..end as usize;
            match treatment {
                Treatment::Moved(vector)
                    if self.writer.is_predicted()
                        && self.current.copy_moved(&self.reference, run.clone(), row as usize, vector) =>
                {
                    for column in run {
                        self.writer.write_moved(vector, &self.surroundings, column);
                        self.surroundings.note(column, &Known { vectors: [vector; 4], ..Known::STILL });
                    }
                }
                _ => {
                    self.source.fill(image, row as usize, run.clone(), self.instructions);
                    for column in run {
                        self.code_macroblock(row as usize, column);
                    }
                }
            }
            column = end;
        }
    }

    fn code_macroblock(&mut self, row: usize, column: usize) {
        self.source.read(column, &mut self.samples);
        let mut candidates = [Vector::ZERO; CANDIDATES];
        let (found, count) =
            if self.writer.is_predicted() { self.search(row, column, &mut candidates) } else { (None, 0) };
        let task = Task {
            column,
            row,
            source: &self.samples,
            reference: self.reference.planes(),
            current: self.current.planes(),
            surroundings: &self.surroundings,
            quantiser: self.quality.quantiser,
        };
        choose(&mut self.coder, &task, found, &candidates[..count], self.effort, &mut self.writer);
        let best = self.coder.best();
        self.writer.write(best, task.source, &self.surroundings, column);
        self.surroundings.note(column, &best.known);
        self.current.write([column, row], &best.samples);
    }
}

impl Session {
    /// Looks for a macroblock in the picture before; says which vectors came into question, how many of them, and what
    /// was found.
    fn search(
        &mut self,
        row: usize,
        column: usize,
        candidates: &mut [Vector; CANDIDATES],
    ) -> (Option<Found>, usize) {
        let expected = self.surroundings.skipped(column);
        let given = [expected].into_iter().chain(self.surroundings.vectors(column));
        let mut count = self.moves.candidates(row, column, given, candidates);
        let worth = absolute_worth(self.quality.quantiser);
        let [reference, ..] = self.reference.planes();
        let source = &self.samples.luma;
        let at = [column, row];
        let search = |candidates: &[Vector]| {
            self.instructions.run(Search {
                source,
                reference,
                at,
                candidates,
                expected,
                lambda: worth,
                steps: SEARCH_STEPS,
                enough: worth * 16,
            })
        };
        let mut found = search(&candidates[..count]);
        if let Some(near) = found.filter(|near| near.difference > worth * WIDE_SEARCH_BITS) {
            let wide = WideSearch { source, reference, at, limit: near.difference / 2 };
            let wide = if self.moves.take_search() { self.instructions.run(wide) } else { None };
            if let Some(vector) = wide {
                self.moves.remember(vector);
                count = (count + 1).min(candidates.len());
                candidates[count - 1] = vector;
                found = search(&candidates[..count]);
            }
        }
        if let Some(found) = found.filter(|found| found.vector != Vector::ZERO) {
            self.moves.used(found.vector);
        }
        (found, count)
    }
}

/// A macroblock is searched for in a wide window if what is left by the best of the candidates is worth more bits.
const WIDE_SEARCH_BITS: u32 = 160;
/// Macroblocks of a picture up to which the way of coding them is chosen with care.
const MOST_MEASURED: usize = 400;
/// Vectors that are tried for a macroblock at most.
const CANDIDATES: usize = 12;
/// How far the search for a vector goes, in steps of a sample.
const SEARCH_STEPS: u32 = 16;
/// The most pictures a second that a level is chosen for.
const SHORTEST_INTERVAL: Duration = Duration::from_micros(16_667);
