//! The samples of one row of units.

use super::layout::Layout;
use super::transform::GROUP_BYTES;
use crate::ycc_rows::{RowMap, average, pad};

/// One row of units as planes of samples, padded by repetition to whole units.
#[derive(Debug)]
pub(super) struct Band {
    pub(super) layout: Layout,
    pub(super) map: RowMap,
    luma: Vec<u8>,
    chroma: [Vec<u8>; 2],
    /// What luma gets of the colour differences of its row.
    to_luma: Vec<i16>,
    /// Two rows of three components each, before there are fewer colour differences.
    full: [[Vec<u8>; 3]; 2],
    /// The averages of their red, green and blue.
    averages: [Vec<u8>; 3],
}

impl Band {
    pub(super) fn new(layout: Layout, map: RowMap) -> Self {
        let chroma = vec![0; layout.chroma_stride() * 8];
        let full = || std::array::from_fn(|_| vec![0; layout.padded_width()]);
        Self {
            layout,
            map,
            luma: vec![0; layout.luma_stride() * layout.unit_height()],
            chroma: [chroma.clone(), chroma],
            to_luma: vec![map.neutral(); layout.padded_width()],
            full: [full(), full()],
            averages: full(),
        }
    }

    /// Eight rows of sixteen blocks of luma.
    #[inline(always)]
    pub(super) fn luma(&self, block_row: usize, group: usize) -> [&[u8; GROUP_BYTES]; 8] {
        let stride = self.layout.luma_stride();
        rows(&self.luma, stride, block_row * 8 * stride + group * GROUP_BYTES)
    }

    /// Eight rows of sixteen blocks of Cb (0) or Cr (1).
    #[inline(always)]
    pub(super) fn chroma(&self, component: usize, group: usize) -> [&[u8; GROUP_BYTES]; 8] {
        rows(&self.chroma[component], self.layout.chroma_stride(), group * GROUP_BYTES)
    }

    /// The place of one row of luma, and the scratch rows.
    #[inline(always)]
    pub(super) fn luma_row(&mut self, row: usize) -> (&mut [u8], &mut [[Vec<u8>; 3]; 2]) {
        let (stride, width) = (self.layout.luma_stride(), self.layout.padded_width());
        (&mut self.luma[row * stride..][..width], &mut self.full)
    }

    /// The places of one row of colour differences, and the scratch rows.
    #[inline(always)]
    pub(super) fn chroma_row(&mut self, row: usize) -> ([&mut [u8]; 2], &mut [[Vec<u8>; 3]; 2]) {
        let (stride, width) = (self.layout.chroma_stride(), self.layout.padded_chroma_width());
        (self.chroma.each_mut().map(|plane| &mut plane[row * stride..][..width]), &mut self.full)
    }

    /// Maps luma of one row, which is the source's, and pads it.
    #[inline(always)]
    pub(super) fn finish_luma(&mut self, row: usize) {
        let (stride, width) = (self.layout.luma_stride(), self.layout.padded_width());
        let luma = &mut self.luma[row * stride..][..width];
        let width = usize::from(self.layout.width);
        if !self.map.is_identity {
            self.map.luma(&mut luma[..width], &self.to_luma);
        }
        pad(luma, width);
    }

    /// Maps colour differences of one row, which are the source's and shared by two pixels each, and pads them.
    #[inline(always)]
    pub(super) fn finish_chroma(&mut self, row: usize) {
        let (stride, width) = (self.layout.chroma_stride(), self.layout.padded_chroma_width());
        let [cb, cr] = self.chroma.each_mut().map(|plane| &mut plane[row * stride..][..width]);
        let width = usize::from(self.layout.width).div_ceil(2);
        if !self.map.is_identity {
            self.map.chroma::<2>(&mut cb[..width], &mut cr[..width], &mut self.to_luma);
        }
        pad(cb, width);
        pad(cr, width);
    }

    /// Maps and pads colour differences of one of the two scratch rows, which are in its first two places.
    #[inline(always)]
    pub(super) fn finish_full_chroma(&mut self, part: usize) {
        let [cb, cr, _] = &mut self.full[part];
        let width = usize::from(self.layout.width);
        if !self.map.is_identity {
            self.map.chroma::<1>(&mut cb[..width], &mut cr[..width], &mut self.to_luma);
        }
        pad(cb, width);
        pad(cr, width);
    }

    /// Makes one row of colour differences of those in the scratch rows.
    #[inline(always)]
    pub(super) fn gather_chroma(&mut self, row: usize) {
        let averages = self.layout.down == 2;
        let (planes, [upper, lower]) = self.chroma_row(row);
        for (component, out) in planes.into_iter().enumerate() {
            if averages {
                average(&upper[component], &lower[component], out);
            } else {
                out.copy_from_slice(&upper[component]);
            }
        }
    }

    /// Makes luma of the red, green and blue in one of the two scratch rows.
    #[inline(always)]
    pub(super) fn luma_of_rgb(&mut self, row: usize, part: usize) {
        let map = self.map;
        let (luma, full) = self.luma_row(row);
        let [r, g, b] = &full[part];
        map.of_rgb(0, [r, g, b], luma);
    }

    /// Makes one row of colour differences of the red, green and blue in the scratch rows.
    #[inline(always)]
    pub(super) fn chroma_of_rgb(&mut self, row: usize) {
        let (stride, width) = (self.layout.chroma_stride(), self.layout.padded_chroma_width());
        let [upper, lower] = &self.full;
        if self.layout.down == 2 {
            for ((upper, lower), out) in upper.iter().zip(lower).zip(&mut self.averages) {
                average(upper, lower, out);
            }
        }
        let source = if self.layout.down == 2 { &self.averages } else { upper };
        let [r, g, b] = source.each_ref().map(|component| &component[..width]);
        for (component, plane) in self.chroma.iter_mut().enumerate() {
            self.map.of_rgb(component + 1, [r, g, b], &mut plane[row * stride..][..width]);
        }
    }
}

#[inline(always)]
fn rows(plane: &[u8], stride: usize, start: usize) -> [&[u8; GROUP_BYTES]; 8] {
    std::array::from_fn(|row| {
        let row = plane[start + row * stride..].first_chunk();
        row.expect("strides are whole groups")
    })
}
