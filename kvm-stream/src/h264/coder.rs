//! The ways of coding a macroblock, tried one after the other.

use super::fractions::Between;
use super::inter::{Planes, Predict, Vector};
use super::intra::{CodeIntra16x16, Edges, EstimateIntra16x16, Intra16x16, IntraChroma, best_chroma};
use super::intra4x4::CodeIntra4x4;
use super::macroblock::{Coded, Kind, Shape, SliceWriter};
use super::quantise::Quantiser;
use super::quantisers::{Quantisers, absolute_worth, squared_worth_x16};
use super::residual::{CodeResidual, Residual, code_chroma};
use super::search::{Found, Quarters};
use super::surroundings::{Known, Surroundings};
use super::transform::{Chroma, Luma, Samples};
use crate::simd::{Instructions, Kernel};

/// A macroblock to be coded, with what is around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a> {
    pub(super) column: usize,
    pub(super) row: usize,
    pub(super) source: &'a Samples,
    /// The picture before.
    pub(super) reference: Planes<'a>,
    /// The picture as far as it is coded.
    pub(super) current: Planes<'a>,
    pub(super) surroundings: &'a Surroundings,
    pub(super) quantiser: u8,
}

/// Tries ways of coding a macroblock and keeps the best.
#[derive(Debug)]
pub(super) struct Coder {
    instructions: Instructions,
    quantisers: Quantisers,
    trial: Box<Coded>,
    best: Box<Coded>,
    /// What the best costs, in squared errors times 16; the bits are worth their share.
    cost: u64,
    /// Squared errors of the best.
    error: u32,
}

impl Coder {
    pub(super) fn new(instructions: Instructions) -> Self {
        Self {
            instructions,
            quantisers: Quantisers::new(),
            trial: Box::new(Coded::new()),
            best: Box::new(Coded::new()),
            cost: u64::MAX,
            error: 0,
        }
    }

    /// Begins with a macroblock: nothing was tried yet.
    pub(super) fn begin(&mut self) {
        self.cost = u64::MAX;
    }

    /// The best so far.
    pub(super) fn best(&mut self) -> &mut Coded {
        &mut self.best
    }

    /// Squared errors of what was kept last.
    pub(super) fn error(&self) -> u32 {
        self.error
    }

    /// Codes by the vectors of the four quarters.
    pub(super) fn inter(&mut self, task: &Task<'_>, vectors: [Vector; 4]) {
        let trial = &mut *self.trial;
        trial.kind = Kind::Inter(Shape::of(vectors));
        trial.known = Known { vectors, ..Known::STILL };
        trial.quantiser = task.quantiser;
        self.instructions.run(Predict {
            reference: task.reference,
            at: [task.column, task.row],
            vectors,
            samples: &mut trial.samples,
        });
        let [luma, chroma] = self.quantisers.of(task.quantiser, false);
        self.instructions.run(CodeResidual {
            source: task.source,
            samples: &mut trial.samples,
            luma,
            chroma,
            residual: &mut trial.residual,
        });
    }

    /// Takes over what moved by a vector; only chroma that is blurred on the way is coded.
    pub(super) fn moved(&mut self, task: &Task<'_>, vector: Vector) {
        let trial = &mut *self.trial;
        trial.kind = Kind::Inter(Shape::Whole);
        trial.known = Known { vectors: [vector; 4], ..Known::STILL };
        trial.quantiser = task.quantiser;
        self.instructions.run(Predict {
            reference: task.reference,
            at: [task.column, task.row],
            vectors: [vector; 4],
            samples: &mut trial.samples,
        });
        let [_, quantiser] = self.quantisers.of(task.quantiser, false);
        self.instructions.run(CodeMovedChroma {
            source: &task.source.chroma,
            quantiser,
            samples: &mut trial.samples.chroma,
            residual: &mut trial.residual,
        });
    }

    /// Shows no more than a colour, for a key picture that must not take more bits.
    pub(super) fn flat(&mut self, task: &Task<'_>) {
        let trial = &mut *self.trial;
        let (edges, chroma_edges) = edges(task);
        trial.kind = Kind::Intra16x16(Intra16x16::Dc, IntraChroma::Dc);
        trial.known = Known::INTRA;
        trial.quantiser = task.quantiser;
        trial.samples.luma = Intra16x16::Dc.predict(&edges);
        trial.samples.chroma = chroma_edges.map(|edges| IntraChroma::Dc.predict(&edges));
        trial.residual.luma.clear();
        trial.residual.chroma.clear();
        trial.residual.luma_dc = [0; 16];
        trial.residual.chroma_dc = [[0; 4]; 2];
    }

    /// Whether a macroblock shows text, lines and flat areas: many neighbours in its rows are equal.
    pub(super) fn is_text(&self, samples: &Samples) -> bool {
        self.instructions.run(EqualNeighbours(&samples.luma)) >= TEXT_NEIGHBOURS
    }

    /// Looks for a better vector than a whole one, between the samples around it.
    pub(super) fn between(&self, task: &Task<'_>, found: Found) -> Found {
        self.instructions.run(Between {
            source: &task.source.luma,
            reference: task.reference[0],
            at: [task.column, task.row],
            found,
            expected: task.surroundings.skipped(task.column),
            lambda: absolute_worth(task.quantiser),
        })
    }

    /// What prediction of the whole macroblock from its neighbours would leave, as a sum of absolute differences.
    pub(super) fn estimate_intra_16x16(&self, task: &Task<'_>) -> u32 {
        let [luma, ..] = task.current;
        let available = task.surroundings.available(task.column);
        let edges = Edges::of(luma.samples, luma.width, task.column, task.row, available);
        self.instructions.run(EstimateIntra16x16 { source: &task.source.luma, edges: &edges }).1
    }

    /// Codes luma by one of the modes for the whole macroblock.
    pub(super) fn intra_16x16(&mut self, task: &Task<'_>) {
        let trial = &mut *self.trial;
        let (edges, chroma_edges) = edges(task);
        let [luma, chroma] = self.quantisers.of(task.quantiser, true);
        let (mode, chroma_mode) = self.instructions.run(CodeIntra16x16 {
            source: task.source,
            edges: &edges,
            chroma_edges: &chroma_edges,
            luma,
            chroma,
            samples: &mut trial.samples,
            residual: &mut trial.residual,
        });
        trial.kind = Kind::Intra16x16(mode, chroma_mode);
        trial.known = Known::INTRA;
        trial.quantiser = task.quantiser;
    }

    /// Codes luma block by block; says what the predictions left, as a sum of absolute differences, with the worth of the
    /// bits that tell the modes.
    pub(super) fn intra_4x4(&mut self, task: &Task<'_>) -> u32 {
        let trial = &mut *self.trial;
        let (edges, chroma_edges) = edges(task);
        let [left_modes, top_modes] = task.surroundings.modes(task.column);
        let [luma, chroma] = self.quantisers.of(task.quantiser, true);
        let coded = self.instructions.run(CodeIntra4x4 {
            source: &task.source.luma,
            edges: &edges,
            left_modes,
            top_modes,
            quantiser: luma,
            lambda: absolute_worth(task.quantiser),
            samples: &mut trial.samples.luma,
            levels: &mut trial.residual.luma,
        });
        let chroma_mode = self.instructions.run(CodeChroma {
            source: &task.source.chroma,
            edges: &chroma_edges,
            quantiser: chroma,
            samples: &mut trial.samples.chroma,
            residual: &mut trial.residual,
        });
        trial.kind = Kind::Intra4x4(chroma_mode);
        trial.known = Known { modes: coded.modes, ..Known::INTRA };
        trial.expected_modes = coded.predicted;
        trial.quantiser = task.quantiser;
        coded.cost
    }

    /// The best of some vectors for each quarter, and the sum of absolute differences that they leave.
    pub(super) fn quarters(&self, task: &Task<'_>, candidates: &[Vector]) -> ([Vector; 4], u32) {
        let [reference, ..] = task.reference;
        let (source, at) = (&task.source.luma, [task.column, task.row]);
        self.instructions.run(Quarters { source, reference, at, candidates })
    }

    /// Keeps the last trial without a comparison.
    pub(super) fn keep(&mut self, task: &Task<'_>) {
        self.error = self.instructions.run(SquaredError { a: task.source, b: &self.trial.samples });
        std::mem::swap(&mut self.trial, &mut self.best);
    }

    /// Keeps the last trial if it costs less than the best so far, bits and errors together.
    pub(super) fn compare(&mut self, task: &Task<'_>, writer: &mut SliceWriter) {
        let error = self.instructions.run(SquaredError { a: task.source, b: &self.trial.samples });
        let place = writer.place();
        let start = writer.bit_len();
        writer.write(&mut self.trial, task.source, task.surroundings, task.column);
        let bits = writer.bit_len() - start;
        writer.go_back(place);
        // Samples that are written as they are have no errors.
        let error = if self.trial.kind == Kind::Pcm { 0 } else { error };
        let cost = u64::from(error) * 16 + squared_worth_x16(task.quantiser) * bits as u64;
        if cost < self.cost {
            self.cost = cost;
            self.error = error;
            std::mem::swap(&mut self.trial, &mut self.best);
        }
    }
}

/// What is around a macroblock in the picture being coded.
fn edges(task: &Task<'_>) -> (Edges<16>, [Edges<8>; 2]) {
    let available = task.surroundings.available(task.column);
    let [luma, cb, cr] = task.current;
    let chroma =
        [cb, cr].map(|plane| Edges::of(plane.samples, plane.width, task.column, task.row, available));
    (Edges::of(luma.samples, luma.width, task.column, task.row, available), chroma)
}

/// Codes chroma of an intra macroblock by the mode that promises to cost least.
struct CodeChroma<'a> {
    source: &'a [Chroma; 2],
    edges: &'a [Edges<8>; 2],
    quantiser: &'a Quantiser,
    samples: &'a mut [Chroma; 2],
    residual: &'a mut Residual,
}

impl Kernel for CodeChroma<'_> {
    type Output = IntraChroma;

    #[inline(always)]
    fn run(self) -> Self::Output {
        let (mode, _) = best_chroma(self.source, self.edges, self.samples);
        code_chroma(self.source, self.samples, self.quantiser, self.residual);
        mode
    }
}

/// Codes chroma that moved, where it is not good enough as it is.
struct CodeMovedChroma<'a> {
    source: &'a [Chroma; 2],
    quantiser: &'a Quantiser,
    samples: &'a mut [Chroma; 2],
    residual: &'a mut Residual,
}

impl Kernel for CodeMovedChroma<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.residual.luma.clear();
        let (source, samples) =
            (self.source.as_flattened().as_flattened(), self.samples.as_flattened().as_flattened());
        if squares(source, samples) <= MOVED_ERROR {
            self.residual.chroma.clear();
            self.residual.chroma_dc = [[0; 4]; 2];
        } else {
            code_chroma(self.source, self.samples, self.quantiser, self.residual);
        }
    }
}

/// How many samples of luma equal their right neighbour, of 240.
struct EqualNeighbours<'a>(&'a Luma);

impl Kernel for EqualNeighbours<'_> {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        let mut equal = 0;
        for row in self.0 {
            let mut in_row = 0_u8;
            for index in 0..15 {
                in_row += u8::from(row[index] == row[index + 1]);
            }
            equal += u32::from(in_row);
        }
        equal
    }
}

/// Equal neighbours of a macroblock of text at least: 45 % of them.
const TEXT_NEIGHBOURS: u32 = 108;
/// The squared error of moved chroma (128 samples) that is let be.
const MOVED_ERROR: u32 = 256;

/// The sum of squared errors of a macroblock.
struct SquaredError<'a> {
    a: &'a Samples,
    b: &'a Samples,
}

impl Kernel for SquaredError<'_> {
    type Output = u32;

    #[inline(always)]
    fn run(self) -> u32 {
        let luma = squares(self.a.luma.as_flattened(), self.b.luma.as_flattened());
        let chroma =
            squares(self.a.chroma.as_flattened().as_flattened(), self.b.chroma.as_flattened().as_flattened());
        luma + chroma
    }
}

#[inline(always)]
fn squares(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2)).sum()
}
