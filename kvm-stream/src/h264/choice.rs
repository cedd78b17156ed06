//! Which way of coding a macroblock is taken.

use super::coder::{Coder, Task};
use super::inter::Vector;
use super::macroblock::SliceWriter;
use super::quantisers::absolute_worth;
use super::search::Found;

/// How carefully the way of coding a macroblock is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// By what predictions leave, for pictures of which much changes.
    Estimated,
    /// By bits and errors of all that come into question.
    Measured,
}

/// Chooses for a macroblock, of which `found` is what it may be predicted from in the picture before, by one of the `candidates`
/// or from near by.
pub(super) fn choose(
    coder: &mut Coder,
    task: &Task<'_>,
    found: Option<Found>,
    candidates: &[Vector],
    effort: Effort,
    writer: &mut SliceWriter,
) {
    coder.begin();
    let worth = absolute_worth(task.quantiser);
    let found = found.map(|found| {
        if found.difference > worth * WHOLE_VECTOR_BITS { coder.between(task, found) } else { found }
    });
    let easy = if effort == Effort::Measured { CAREFUL_BITS } else { EASY_BITS };
    if let Some(found) = found.filter(|found| found.cost <= worth * easy) {
        coder.inter(task, [found.vector; 4]);
        coder.keep(task);
        return;
    }
    if effort == Effort::Measured {
        measure(coder, task, found, candidates, writer);
        return;
    }
    let inter = found.map_or(u32::MAX, |found| found.cost);
    let whole = coder.estimate_intra_16x16(task).saturating_add(worth * WHOLE_BITS);
    // Blocks are rarely predicted better than a third of what the whole is.
    let is_tried = whole > worth * FLAT_BITS && inter > whole / 3;
    let blocks = if is_tried { coder.intra_4x4(task) } else { u32::MAX };
    match found {
        Some(found) if inter <= whole.min(blocks) => coder.inter(task, [found.vector; 4]),
        _ if whole <= blocks => coder.intra_16x16(task),
        // What was tried last.
        _ => {}
    }
    coder.keep(task);
}

/// Compares all that come into question.
fn measure(
    coder: &mut Coder,
    task: &Task<'_>,
    found: Option<Found>,
    candidates: &[Vector],
    writer: &mut SliceWriter,
) {
    if let Some(found) = found {
        coder.inter(task, [found.vector; 4]);
        coder.compare(task, writer);
        let (vectors, difference) = coder.quarters(task, candidates);
        if difference + found.difference / 8 < found.difference {
            coder.inter(task, vectors);
            coder.compare(task, writer);
        }
    }
    coder.intra_16x16(task);
    coder.compare(task, writer);
    coder.intra_4x4(task);
    coder.compare(task, writer);
}

/// A macroblock that is predicted as well as that many bits are worth is not tried otherwise.
const EASY_BITS: u32 = 96;
/// The same where there is time.
const CAREFUL_BITS: u32 = 24;
/// One that the whole is predicted for as well as that is not tried block by block.
const FLAT_BITS: u32 = 40;
/// Bits that tell the mode of a macroblock predicted from its neighbours, by estimate.
const WHOLE_BITS: u32 = 6;
/// A macroblock that a whole vector predicts as well as that many bits are worth is not looked for between samples.
const WHOLE_VECTOR_BITS: u32 = 48;
