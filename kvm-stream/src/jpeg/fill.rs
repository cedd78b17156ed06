//! From a source's rows to a band of samples.

use kvm_capture::{ImageView, PixelFormat};

use super::band::Band;
use crate::simd::Kernel;
use crate::ycc_rows::{deal, deal_rgb, pad};

/// Fills a band with one row of units of a picture, rows below the picture repeating its last one.
pub(super) struct Fill<'a> {
    pub(super) band: &'a mut Band,
    pub(super) source: Source<'a>,
}

/// One row of units of a picture.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) image: &'a ImageView<'a>,
    pub(super) unit_row: usize,
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        match self.source.image.format().pixel {
            PixelFormat::Yuyv | PixelFormat::Yvyu | PixelFormat::Uyvy | PixelFormat::Vyuy => {
                self.packed_422();
            }
            PixelFormat::Nv12 | PixelFormat::Nv16 | PixelFormat::I420 => self.planar(),
            PixelFormat::Nv24 => self.nv24(),
            PixelFormat::Grey => self.grey(),
            _ => self.rgb(),
        }
    }
}

impl<'a> Source<'a> {
    /// One row of a plane that has `per_unit` rows in a row of units.
    #[inline(always)]
    fn row(&self, plane: usize, row: usize, per_unit: usize) -> &'a [u8] {
        let plane = self.image.plane(plane);
        plane.row((self.unit_row * per_unit + row).min(plane.size().rows - 1))
    }
}

impl Fill<'_> {
    #[inline(always)]
    fn packed_422(&mut self) {
        let pixel = self.source.image.format().pixel;
        let luma_first = matches!(pixel, PixelFormat::Yuyv | PixelFormat::Yvyu);
        let cb_first = matches!(pixel, PixelFormat::Yuyv | PixelFormat::Uyvy);
        for row in 0..8 {
            let source = self.source.row(0, row, 8);
            let (luma, [[pairs, ..], _]) = self.band.luma_row(row);
            if luma_first {
                deal(source, luma, pairs);
            } else {
                deal(source, pairs, luma);
            }
            let ([cb, cr], [[pairs, ..], _]) = self.band.chroma_row(row);
            let pairs = &pairs[..source.len() / 2];
            if cb_first {
                deal(pairs, cb, cr);
            } else {
                deal(pairs, cr, cb);
            }
            self.band.finish_chroma(row);
            self.band.finish_luma(row);
        }
    }

    #[inline(always)]
    fn planar(&mut self) {
        let (source, down) = (self.source, self.band.layout.down);
        for row in 0..8 {
            let ([cb, cr], _) = self.band.chroma_row(row);
            if source.image.planes().len() == 2 {
                deal(source.row(1, row, 8), cb, cr);
            } else {
                for (plane, out) in [(1, cb), (2, cr)] {
                    let source = source.row(plane, row, 8);
                    out[..source.len()].copy_from_slice(source);
                }
            }
            self.band.finish_chroma(row);
            for row in row * down..(row + 1) * down {
                self.copy_luma(row);
            }
        }
    }

    #[inline(always)]
    fn nv24(&mut self) {
        let down = self.band.layout.down;
        for row in 0..8 {
            for part in 0..down {
                let source = self.source.row(1, row * down + part, 8 * down);
                let (_, full) = self.band.chroma_row(row);
                let [cb, cr, _] = &mut full[part];
                deal(source, cb, cr);
                self.band.finish_full_chroma(part);
                self.copy_luma(row * down + part);
            }
            self.band.gather_chroma(row);
        }
    }

    #[inline(always)]
    fn grey(&mut self) {
        for row in 0..8 {
            self.copy_luma(row);
        }
    }

    #[inline(always)]
    fn copy_luma(&mut self, row: usize) {
        let source = self.source.row(0, row, self.band.layout.unit_height());
        let (luma, _) = self.band.luma_row(row);
        luma[..source.len()].copy_from_slice(source);
        self.band.finish_luma(row);
    }

    #[inline(always)]
    fn rgb(&mut self) {
        let (down, width) = (self.band.layout.down, usize::from(self.band.layout.width));
        let pixel = self.source.image.format().pixel;
        for row in 0..8 {
            for part in 0..down {
                let source = self.source.row(0, row * down + part, 8 * down);
                let (_, full) = self.band.luma_row(row);
                let components = full[part].each_mut().map(Vec::as_mut_slice);
                match pixel {
                    PixelFormat::Rgb24 => deal_rgb::<3>(source, [0, 1, 2], components),
                    PixelFormat::Bgr24 => deal_rgb::<3>(source, [2, 1, 0], components),
                    PixelFormat::Xrgb => deal_rgb::<4>(source, [1, 2, 3], components),
                    _ => deal_rgb::<4>(source, [2, 1, 0], components),
                }
                for component in &mut full[part] {
                    pad(component, width);
                }
                self.band.luma_of_rgb(row * down + part, part);
            }
            self.band.chroma_of_rgb(row);
        }
    }
}
