//! The source's samples in a row of macroblocks, made where they are asked for.

use std::ops::Range;

use kvm_capture::{Colour, FrameFormat, ImageView, PixelFormat};

use super::transform::Samples;
use crate::simd::{Instructions, Kernel};
use crate::ycc_rows::{RowMap, average, deal, deal_rgb, pad};

/// One row of macroblocks of a source as 4:2:0 samples, of which only the columns that are asked for are made.
#[derive(Debug)]
pub(super) struct SourceRow {
    format: FrameFormat,
    map: RowMap,
    stride: usize,
    luma: Vec<u8>,
    chroma: [Vec<u8>; 2],
    /// What luma gets of the colour differences of its row.
    to_luma: Vec<i16>,
    /// Two rows of three components each, before there are fewer colour differences; more than pictures of 4:2:0 need.
    full: [[Vec<u8>; 3]; 2],
    averages: [Vec<u8>; 3],
    pairs: Vec<u8>,
}

impl SourceRow {
    /// Room for a row of so many macroblocks; `None` for a format that is not known here.
    pub(super) fn new(format: FrameFormat, columns: usize) -> Option<Self> {
        if !is_known(format.pixel) {
            return None;
        }
        let stride = columns * 16;
        let full = || std::array::from_fn(|_| vec![0; stride]);
        let map = RowMap::between(format, Colour::VIDEO);
        Some(Self {
            format,
            map,
            stride,
            luma: vec![0; stride * 16],
            chroma: [vec![128; stride * 4], vec![128; stride * 4]],
            to_luma: vec![map.neutral(); stride],
            full: [full(), full()],
            averages: full(),
            pairs: vec![0; stride * 2],
        })
    }

    /// The format that this was made for.
    pub(super) fn format(&self) -> FrameFormat {
        self.format
    }

    /// Makes the samples of these columns of macroblocks.
    pub(super) fn fill(
        &mut self,
        image: &ImageView<'_>,
        row: usize,
        columns: Range<usize>,
        instructions: Instructions,
    ) {
        instructions.run(Fill { into: self, image, row, columns });
    }

    /// The samples of one macroblock that was made.
    pub(super) fn read(&self, column: usize, samples: &mut Samples) {
        for (row, out) in samples.luma.iter_mut().enumerate() {
            out.copy_from_slice(&self.luma[row * self.stride + column * 16..][..16]);
        }
        for (plane, out) in self.chroma.iter().zip(&mut samples.chroma) {
            for (row, out) in out.iter_mut().enumerate() {
                out.copy_from_slice(&plane[row * (self.stride / 2) + column * 8..][..8]);
            }
        }
    }
}

/// Makes the samples of some columns of a row.
struct Fill<'a> {
    into: &'a mut SourceRow,
    image: &'a ImageView<'a>,
    row: usize,
    columns: Range<usize>,
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        match self.into.format.pixel {
            PixelFormat::Yuyv | PixelFormat::Yvyu | PixelFormat::Uyvy | PixelFormat::Vyuy => {
                self.packed_422();
            }
            PixelFormat::Nv12 | PixelFormat::I420 | PixelFormat::Nv16 => self.planar(),
            PixelFormat::Nv24 => self.nv24(),
            PixelFormat::Grey => {
                for row in 0..16 {
                    self.copy_luma(row);
                    self.finish_luma(row);
                }
            }
            _ => self.rgb(),
        }
    }
}

impl<'a> Fill<'a> {
    /// The pixels of the columns, from and to, as far as the picture has them.
    fn pixels(&self) -> Range<usize> {
        self.columns.start * 16..(self.columns.end * 16).min(self.into.format.width_px as usize)
    }

    /// Those that share colour differences in pairs, counted by the pair.
    fn pairs(&self) -> Range<usize> {
        let pixels = self.pixels();
        pixels.start / 2..pixels.end.div_ceil(2)
    }

    /// The bytes of a plane's row; rows below the picture repeat its last one.
    #[inline(always)]
    fn bytes(&self, plane: usize, row: usize, rows: usize, bytes: Range<usize>) -> &'a [u8] {
        let plane = self.image.plane(plane);
        &plane.row((self.row * rows + row).min(plane.size().rows - 1))[bytes]
    }

    #[inline(always)]
    fn packed_422(&mut self) {
        let pixel = self.into.format.pixel;
        let luma_first = matches!(pixel, PixelFormat::Yuyv | PixelFormat::Yvyu);
        let cb_first = matches!(pixel, PixelFormat::Yuyv | PixelFormat::Uyvy);
        let (pixels, pairs) = (self.pixels(), self.pairs());
        // A row of an odd width has a whole pair at its end.
        let even = pixels.start..pairs.end * 2;
        for row in 0..16 {
            let source = self.bytes(0, row, 16, even.start * 2..even.end * 2);
            let SourceRow { stride, luma, full, pairs: mixed, .. } = &mut *self.into;
            let luma = &mut luma[row * *stride..][even.clone()];
            let mixed = &mut mixed[..source.len() / 2];
            if luma_first {
                deal(source, luma, mixed);
            } else {
                deal(source, mixed, luma);
            }
            let [first, second, _] = &mut full[row % 2];
            let (first, second) = (&mut first[pairs.clone()], &mut second[pairs.clone()]);
            if cb_first {
                deal(mixed, first, second);
            } else {
                deal(mixed, second, first);
            }
            self.map_chroma::<2>(row % 2, pairs.clone());
            self.finish_luma(row);
            if row % 2 == 1 {
                self.halve_rows(row / 2, pairs.clone());
            }
        }
    }

    #[inline(always)]
    fn planar(&mut self) {
        let (pixels, pairs) = (self.pixels(), self.pairs());
        let is_422 = self.into.format.pixel == PixelFormat::Nv16;
        for row in 0..16 {
            if is_422 || row % 2 == 0 {
                let (row, rows) = if is_422 { (row, 16) } else { (row / 2, 8) };
                let interleaved = self.image.planes().len() == 2;
                let [first, second] = if interleaved { [1, 1] } else { [1, 2] };
                let bytes = if interleaved { pairs.start * 2..pairs.end * 2 } else { pairs.clone() };
                let (first, second) =
                    (self.bytes(first, row, rows, bytes.clone()), self.bytes(second, row, rows, bytes));
                let [cb, cr, _] = &mut self.into.full[row % 2];
                let (cb, cr) = (&mut cb[pairs.clone()], &mut cr[pairs.clone()]);
                if interleaved {
                    deal(first, cb, cr);
                } else {
                    cb.copy_from_slice(first);
                    cr.copy_from_slice(second);
                }
                self.map_chroma::<2>(row % 2, pairs.clone());
                if !is_422 {
                    self.take_row(row, pairs.clone());
                }
            }
            let source = self.bytes(0, row, 16, pixels.clone());
            self.into.luma[row * self.into.stride..][pixels.clone()].copy_from_slice(source);
            self.finish_luma(row);
            if is_422 && row % 2 == 1 {
                self.halve_rows(row / 2, pairs.clone());
            }
        }
    }

    #[inline(always)]
    fn nv24(&mut self) {
        let pixels = self.pixels();
        for row in 0..16 {
            let source = self.bytes(1, row, 16, pixels.start * 2..pixels.end * 2);
            let [cb, cr, _] = &mut self.into.full[row % 2];
            deal(source, &mut cb[pixels.clone()], &mut cr[pixels.clone()]);
            self.map_chroma::<1>(row % 2, pixels.clone());
            self.copy_luma(row);
            self.finish_luma(row);
            if row % 2 == 1 {
                self.pad_full(2);
                let columns = self.columns.start * 16..self.columns.end * 16;
                let half = columns.start / 2..columns.end / 2;
                let SourceRow { stride, chroma, full: [upper, lower], .. } = &mut *self.into;
                for (component, plane) in chroma.iter_mut().enumerate() {
                    let out = &mut plane[row / 2 * (*stride / 2)..][half.clone()];
                    average(&upper[component][columns.clone()], &lower[component][columns.clone()], out);
                }
            }
        }
    }

    #[inline(always)]
    fn rgb(&mut self) {
        let pixels = self.pixels();
        let columns = self.columns.start * 16..self.columns.end * 16;
        let half = columns.start / 2..columns.end / 2;
        let pixel = self.into.format.pixel;
        let bytes_per_pixel = if matches!(pixel, PixelFormat::Rgb24 | PixelFormat::Bgr24) { 3 } else { 4 };
        for row in 0..16 {
            let source = self.bytes(0, row, 16, pixels.start * bytes_per_pixel..pixels.end * bytes_per_pixel);
            let components =
                self.into.full[row % 2].each_mut().map(|component| &mut component[pixels.clone()]);
            match pixel {
                PixelFormat::Rgb24 => deal_rgb::<3>(source, [0, 1, 2], components),
                PixelFormat::Bgr24 => deal_rgb::<3>(source, [2, 1, 0], components),
                PixelFormat::Xrgb => deal_rgb::<4>(source, [1, 2, 3], components),
                _ => deal_rgb::<4>(source, [2, 1, 0], components),
            }
            self.pad_full(3);
            let SourceRow { stride, map, luma, chroma, full, averages, .. } = &mut *self.into;
            let [r, g, b] = full[row % 2].each_ref().map(|component| &component[columns.clone()]);
            map.of_rgb(0, [r, g, b], &mut luma[row * *stride..][columns.clone()]);
            if row % 2 == 1 {
                let [upper, lower] = &*full;
                for ((upper, lower), out) in upper.iter().zip(lower).zip(averages.iter_mut()) {
                    average(&upper[columns.clone()], &lower[columns.clone()], &mut out[half.clone()]);
                }
                let [r, g, b] = averages.each_ref().map(|component| &component[half.clone()]);
                for (component, plane) in chroma.iter_mut().enumerate() {
                    let out = &mut plane[row / 2 * (*stride / 2)..][half.clone()];
                    map.of_rgb(component + 1, [r, g, b], out);
                }
            }
        }
    }

    #[inline(always)]
    fn copy_luma(&mut self, row: usize) {
        let pixels = self.pixels();
        let source = self.bytes(0, row, 16, pixels.clone());
        self.into.luma[row * self.into.stride..][pixels].copy_from_slice(source);
    }

    /// Maps colour differences in the first two components of one of the two rows, each shared by `SPREAD` pixels.
    #[inline(always)]
    fn map_chroma<const SPREAD: usize>(&mut self, row: usize, places: Range<usize>) {
        let SourceRow { map, full, to_luma, .. } = &mut *self.into;
        if !map.is_identity {
            let [cb, cr, _] = &mut full[row];
            let to_luma = &mut to_luma[places.start * SPREAD..places.end * SPREAD];
            map.chroma::<SPREAD>(&mut cb[places.clone()], &mut cr[places], to_luma);
        }
    }

    /// Maps luma of one row and repeats the last pixel up to the end of the macroblock.
    #[inline(always)]
    fn finish_luma(&mut self, row: usize) {
        let (pixels, end) = (self.pixels(), self.columns.end * 16);
        let SourceRow { stride, map, luma, to_luma, .. } = &mut *self.into;
        let luma = &mut luma[row * *stride..][..end];
        if !map.is_identity {
            map.luma(&mut luma[pixels.clone()], &to_luma[pixels.clone()]);
        }
        pad(luma, pixels.end);
    }

    /// Repeats the last of the first components in both rows up to the end of the macroblock.
    #[inline(always)]
    fn pad_full(&mut self, components: usize) {
        let (pixels, end) = (self.pixels(), self.columns.end * 16);
        for row in &mut self.into.full {
            for component in &mut row[..components] {
                pad(&mut component[..end], pixels.end);
            }
        }
    }

    /// Makes a row of colour differences the means of the two rows of them.
    #[inline(always)]
    fn halve_rows(&mut self, row: usize, pairs: Range<usize>) {
        let end = self.columns.end * 8;
        let SourceRow { stride, chroma, full: [upper, lower], .. } = &mut *self.into;
        for (component, plane) in chroma.iter_mut().enumerate() {
            let out = &mut plane[row * (*stride / 2)..][..end];
            let sources = upper[component][pairs.clone()].iter().zip(&lower[component][pairs.clone()]);
            for (out, (upper, lower)) in out[pairs.clone()].iter_mut().zip(sources) {
                *out = mean(*upper, *lower);
            }
            pad(out, pairs.end);
        }
    }

    /// Takes a row of colour differences as it is.
    #[inline(always)]
    fn take_row(&mut self, row: usize, pairs: Range<usize>) {
        let end = self.columns.end * 8;
        let SourceRow { stride, chroma, full, .. } = &mut *self.into;
        for (component, plane) in chroma.iter_mut().enumerate() {
            let out = &mut plane[row * (*stride / 2)..][..end];
            out[pairs.clone()].copy_from_slice(&full[row % 2][component][pairs.clone()]);
            pad(out, pairs.end);
        }
    }
}

fn is_known(pixel: PixelFormat) -> bool {
    matches!(
        pixel,
        PixelFormat::Yuyv
            | PixelFormat::Yvyu
            | PixelFormat::Uyvy
            | PixelFormat::Vyuy
            | PixelFormat::Nv12
            | PixelFormat::I420
            | PixelFormat::Nv16
            | PixelFormat::Nv24
            | PixelFormat::Grey
            | PixelFormat::Rgb24
            | PixelFormat::Bgr24
            | PixelFormat::Xrgb
            | PixelFormat::Bgrx
    )
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is one")]
fn mean(a: u8, b: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + 1) >> 1) as u8
}
