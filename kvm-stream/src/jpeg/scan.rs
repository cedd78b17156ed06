//! Rows of units as entropy-coded bytes.

use std::ops::Range;

use kvm_capture::ImageView;

use super::band::Band;
use super::fill::{Fill, Source};
use super::huffman::{Bits, Codes};
use super::layout::Layout;
use super::transform::{Group, LANES, Quantiser};
use crate::simd::{Instructions, Kernel};
use crate::ycc_rows::RowMap;

/// Codes rows of units of one picture after another, keeping its working memory.
#[derive(Debug)]
pub(super) struct Scan {
    instructions: Instructions,
    band: Band,
    /// Sixteen units: luma by rows of blocks, then Cb, then Cr.
    groups: Box<[Group; 6]>,
}

impl Scan {
    pub(super) fn new(layout: Layout, map: RowMap, instructions: Instructions) -> Self {
        Self { instructions, band: Band::new(layout, map), groups: Box::new([const { Group::ZERO }; 6]) }
    }

    /// Whether it is for pictures of this layout and colour.
    pub(super) fn fits(&self, layout: Layout, map: &RowMap) -> bool {
        self.band.layout == layout && self.band.map == *map
    }

    /// Appends one restart interval, without a marker: these rows of units of a picture of this scan's format.
    /// The quantisers are those of luma and of colour differences.
    pub(super) fn interval(
        &mut self,
        image: &ImageView<'_>,
        rows: Range<usize>,
        quantisers: &[Quantiser; 2],
        out: &mut Vec<u8>,
    ) {
        let mut state = State { bits: Bits::NONE, last_dc: [0; 3] };
        for unit_row in rows {
            self.instructions.run(Fill { band: &mut self.band, source: Source { image, unit_row } });
            let code =
                CodeRow { band: &self.band, groups: &mut self.groups, quantisers, state, out: &mut *out };
            state = self.instructions.run(code);
        }
        state.bits.finish(out);
    }
}

/// What goes on from one row of units to the next.
#[derive(Debug, Clone, Copy)]
struct State {
    bits: Bits,
    last_dc: [i16; 3],
}

/// Transforms and codes the units in a band.
struct CodeRow<'a> {
    band: &'a Band,
    groups: &'a mut [Group; 6],
    quantisers: &'a [Quantiser; 2],
    state: State,
    out: &'a mut Vec<u8>,
}

impl Kernel for CodeRow<'_> {
    type Output = State;

    #[inline(always)]
    fn run(self) -> State {
        let Self { band, groups, quantisers, mut state, out } = self;
        let layout = band.layout;
        let luma_groups = layout.across * layout.down;
        let chroma_groups = if layout.has_colour { 2 } else { 0 };
        for chunk in 0..layout.groups() {
            for (index, group) in groups.iter_mut().enumerate().take(luma_groups + chroma_groups) {
                let (rows, quantiser) = if index < luma_groups {
                    let (block_row, part) = (index / layout.across, index % layout.across);
                    (band.luma(block_row, chunk * layout.across + part), &quantisers[0])
                } else {
                    (band.chroma(index - luma_groups, chunk), &quantisers[1])
                };
                group.fill(rows, quantiser);
            }
            let units = (layout.units() - chunk * LANES).min(LANES);
            for unit in 0..units {
                let blocks = luma_groups + chroma_groups;
                for block in 0..blocks {
                    let (index, lane, component, codes) = if block < luma_groups {
                        let (block_row, part) = (block / layout.across, block % layout.across);
                        let column = unit * layout.across + part;
                        (block_row * layout.across + column / LANES, column % LANES, 0, &Codes::LUMA)
                    } else {
                        (block, unit, 1 + block - luma_groups, &Codes::CHROMA)
                    };
                    let last_dc = &mut state.last_dc[component];
                    state.bits.put_block(&groups[index], lane, last_dc, codes, out);
                }
            }
        }
        state
    }
}
