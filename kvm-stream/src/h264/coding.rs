//! One macroblock after the other: looked for, coded, written and remembered.

use std::ops::Range;

use kvm_capture::ImageView;

use super::choice::choose;
use super::coder::Task;
use super::inter::Vector;
use super::macroblock::Place;
use super::moves::Treatment;
use super::quality::H264Quality;
use super::quantisers::absolute_worth;
use super::search::{Found, Search, WideSearch};
use super::session::Session;
use super::surroundings::Known;

impl Session {
    /// Codes macroblocks of a row that are not as they were.
    pub(super) fn code_run(&mut self, image: &ImageView<'_>, row: u32, columns: Range<u32>) {
        let mut column = columns.start;
        while column < columns.end {
            let (treatment, end) = self.moves.treatment(row, column..columns.end);
            let run = column as usize..end as usize;
            let row = row as usize;
            match treatment {
                Treatment::Moved(vector) if self.writer.is_predicted() => {
                    let mut rest = run;
                    while !rest.is_empty() {
                        let count = self.current.copy_moved(&self.reference, rest.clone(), row, vector);
                        for column in rest.by_ref().take(count) {
                            let place = self.writer.place();
                            self.writer.write_moved(vector, &self.surroundings, column);
                            self.surroundings.note(column, &Known { vectors: [vector; 4], ..Known::STILL });
                            self.fit(place, row, column);
                        }
                        if let Some(column) = rest.next() {
                            self.source.fill(image, row, column..column + 1, self.instructions);
                            self.take_over(row, column, vector);
                        }
                    }
                }
                _ => {
                    self.source.fill(image, row, run.clone(), self.instructions);
                    let offset = self.rate.offset(self.bits(), self.left);
                    run.for_each(|column| self.code_macroblock(row, column, offset));
                }
            }
            column = end;
        }
    }

    /// Codes a macroblock that moved as a whole, but not by whole samples of chroma.
    fn take_over(&mut self, row: usize, column: usize, vector: Vector) {
        self.source.read(column, &mut self.samples);
        let task = Task {
            column,
            row,
            source: &self.samples,
            reference: self.reference.planes(),
            current: self.current.planes(),
            surroundings: &self.surroundings,
            quantiser: self.quality.quantiser,
        };
        self.coder.moved(&task, vector);
        self.coder.keep(&task);
        let place = self.writer.place();
        self.finish(row, column);
        self.fit(place, row, column);
    }

    /// Codes a macroblock that changed, or is to get better.
    fn code_macroblock(&mut self, row: usize, column: usize, offset: u8) {
        self.source.read(column, &mut self.samples);
        let tile = (narrow(column), narrow(row));
        let is_refining = self.refining.contains(tile.0, tile.1);
        // Where nothing can stay as it was, text has to give way too.
        let is_firm = self.writer.is_predicted() || !self.rate.is_bounded();
        let is_text = is_firm && self.coder.is_text(&self.samples);
        let quantiser = match (is_refining, is_text) {
            (true, _) => self.quality.still_quantiser.min(self.quality.quantiser),
            (false, true) => self.quality.quantiser,
            (false, false) => (self.quality.photo_quantiser + offset).min(H264Quality::COARSEST),
        };
        let mut candidates = [Vector::ZERO; CANDIDATES];
        let (found, count) = if self.writer.is_predicted() && !is_refining {
            self.search(row, column, quantiser, &mut candidates)
        } else {
            (None, 0)
        };
        let task = Task {
            column,
            row,
            source: &self.samples,
            reference: self.reference.planes(),
            current: self.current.planes(),
            surroundings: &self.surroundings,
            quantiser,
        };
        if is_refining {
            self.coder.inter(&task, [Vector::ZERO; 4]);
            self.coder.keep(&task);
        } else {
            choose(&mut self.coder, &task, found, &candidates[..count], self.effort, &mut self.writer);
        }
        let (place, start) = (self.writer.place(), self.writer.bit_len());
        let error = self.coder.error();
        let is_still = self.coder.best().is_still();
        self.finish(row, column);
        let bits = self.writer.bit_len() - start;
        if !is_refining {
            self.left = self.left.saturating_sub(1);
        }
        if !self.is_allowed() {
            self.writer.go_back(place);
            self.leave_out(row, column, is_refining);
        } else if is_refining {
            self.refinement.refined(tile.0, tile.1, bits);
        } else {
            self.rate.took(bits, (!is_text).then_some(offset));
            let can_be_finer = quantiser > self.quality.still_quantiser;
            self.refinement.changed(tile.0, tile.1, error, can_be_finer, is_still);
        }
    }

    /// Takes back a macroblock that moved if there is no room for it.
    fn fit(&mut self, place: Place, row: usize, column: usize) {
        if !self.is_allowed() {
            self.writer.go_back(place);
            self.leave_out(row, column, false);
        }
    }

    /// Shows of a macroblock that does not fit what was there before, or what takes no bits.
    fn leave_out(&mut self, row: usize, column: usize, is_refining: bool) {
        if self.writer.is_predicted() {
            self.writer.write_moved(Vector::ZERO, &self.surroundings, column);
            self.surroundings.note(column, &Known::STILL);
            self.current.copy_run(&self.reference, column..column + 1, row);
        } else {
            let task = Task {
                column,
                row,
                source: &self.samples,
                reference: self.reference.planes(),
                current: self.current.planes(),
                surroundings: &self.surroundings,
                quantiser: self.quality.quantiser,
            };
            self.coder.flat(&task);
            self.coder.keep(&task);
            self.finish(row, column);
        }
        if !is_refining {
            self.refinement.owe(narrow(column), narrow(row));
        }
    }

    /// Writes the best that was found for a macroblock, and remembers it.
    fn finish(&mut self, row: usize, column: usize) {
        let best = self.coder.best();
        self.writer.write(best, &self.samples, &self.surroundings, column);
        self.surroundings.note(column, &best.known);
        self.current.write([column, row], &best.samples);
    }

    /// Looks for a macroblock in the picture before; says what was found and how many vectors came into question.
    fn search(
        &mut self,
        row: usize,
        column: usize,
        quantiser: u8,
        candidates: &mut [Vector; CANDIDATES],
    ) -> (Option<Found>, usize) {
        let expected = self.surroundings.skipped(column);
        let given = [expected].into_iter().chain(self.surroundings.vectors(column));
        let mut count = self.moves.candidates(row, column, given, candidates);
        let worth = absolute_worth(quantiser);
        let [reference, ..] = self.reference.planes();
        let source = &self.samples.luma;
        let vertical_range = self.parameters.level().vertical_range;
        let at = [column, row];
        let search = |candidates: &[Vector]| {
            self.instructions.run(Search {
                source,
                reference,
                at,
                candidates,
                expected,
                vertical_range,
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

fn narrow(at: usize) -> u32 {
    u32::try_from(at).expect("a macroblock's place in a picture")
}

/// Vectors that are tried for a macroblock at most.
const CANDIDATES: usize = 12;
/// How far the search for a vector goes, in steps of a sample.
const SEARCH_STEPS: u32 = 16;
/// A macroblock is searched for in a wide window if what is left by the best of the candidates is worth more bits.
const WIDE_SEARCH_BITS: u32 = 160;
