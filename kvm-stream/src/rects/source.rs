//! Reading a part of a captured picture as a client's pixels.

use kvm_capture::convert::{ColourMap, ColourModel};
use kvm_capture::{FrameFormat, ImageView, PixelFormat, Range};

use super::ClientPixels;

/// Reads parts of rows of pictures as a client's pixels, a word each.
///
/// The colours are those that [`Converter`](kvm_capture::convert::Converter) makes of the picture as full-range RGB;
/// subsampled colour differences are repeated, not interpolated.
#[derive(Debug)]
pub(super) struct PixelReader {
    pixels: ClientPixels,
    model: ColourModel,
    map: ColourMap,
}

impl PixelReader {
    pub(super) fn new(pixels: ClientPixels) -> Self {
        let model = ColourModel::Rgb(Range::Full);
        Self { pixels, model, map: ColourMap::between(model, model) }
    }

    /// Takes the colours of pictures of this format from here on.
    pub(super) fn set_format(&mut self, format: FrameFormat) {
        let model = ColourModel::of(format);
        if model != self.model {
            self.model = model;
            self.map = ColourMap::between(model, ColourModel::Rgb(Range::Full));
        }
    }

    /// Fills `out` with pixels of row `y` from column `x` on, which is even where pixels share colour differences.
    ///
    /// # Panics
    ///
    /// The row or a column is outside the picture.
    pub(super) fn read_row(&self, image: &ImageView<'_>, x: u32, y: u32, out: &mut [u32]) {
        self.read_rgb(image, x as usize, y as usize, out);
        if !self.pixels.is_rgb_word() {
            for pixel in out {
                let [_, red, green, blue] = pixel.to_be_bytes();
                *pixel = self.pixels.pixel_of([red, green, blue]);
            }
        }
    }

    /// As words of which the lower three bytes are red, green and blue.
    fn read_rgb(&self, image: &ImageView<'_>, x: usize, y: usize, out: &mut [u32]) {
        let pixel = image.format().pixel;
        let first = image.plane(0).row(y);
        let chroma_row = y >> pixel.chroma_shifts().1;
        match pixel {
            PixelFormat::Yuyv => self.packed_422(&first[x * 2..], [0, 8, 16, 24], out),
            PixelFormat::Yvyu => self.packed_422(&first[x * 2..], [0, 24, 16, 8], out),
            PixelFormat::Uyvy => self.packed_422(&first[x * 2..], [8, 0, 24, 16], out),
            PixelFormat::Vyuy => self.packed_422(&first[x * 2..], [8, 16, 24, 0], out),
            PixelFormat::Nv12 | PixelFormat::Nv16 => {
                let chroma = image.plane(1).row(chroma_row)[x..].chunks_exact(2);
                self.planar_422(&first[x..], chroma.map(|pair| [pair[0], pair[1]]), out);
            }
            PixelFormat::I420 => {
                let [cb, cr] = [1, 2].map(|plane| &image.plane(plane).row(chroma_row)[x / 2..]);
                self.planar_422(&first[x..], cb.iter().zip(cr).map(|(cb, cr)| [*cb, *cr]), out);
            }
            PixelFormat::Nv24 => {
                let pairs = image.plane(1).row(y)[x * 2..].chunks_exact(2);
                for ((out, luma), pair) in out.iter_mut().zip(&first[x..]).zip(pairs) {
                    *out = word(self.map.apply([*luma, pair[0], pair[1]]));
                }
            }
            PixelFormat::Grey => {
                for (out, luma) in out.iter_mut().zip(&first[x..]) {
                    *out = word(self.map.apply([*luma, 128, 128]));
                }
            }
            PixelFormat::Rgb24 => self.packed_rgb::<3>(&first[x * 3..], [0, 1, 2], out),
            PixelFormat::Bgr24 => self.packed_rgb::<3>(&first[x * 3..], [2, 1, 0], out),
            PixelFormat::Xrgb => self.packed_rgb::<4>(&first[x * 4..], [1, 2, 3], out),
            PixelFormat::Bgrx => self.packed_rgb::<4>(&first[x * 4..], [2, 1, 0], out),
            _ => unreachable!("a frame without pixels has no picture"),
        }
    }

    /// `shifts`: where in four bytes, read as a word from the least significant, are the first luma, Cb, the second
    /// luma and Cr.
    fn packed_422(&self, row: &[u8], shifts: [u32; 4], out: &mut [u32]) {
        let mut last = None;
        let mut colours = [0; 2];
        for (out, four) in out.chunks_mut(2).zip(row.chunks_exact(4)) {
            let group = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            if last != Some(group) {
                last = Some(group);
                let [first, cb, second, cr] = shifts.map(|shift| group.to_le_bytes()[(shift / 8) as usize]);
                colours = [first, second].map(|luma| word(self.map.apply([luma, cb, cr])));
            }
            out.copy_from_slice(&colours[..out.len()]);
        }
    }

    fn planar_422(&self, luma: &[u8], chroma: impl Iterator<Item = [u8; 2]>, out: &mut [u32]) {
        for ((out, luma), [cb, cr]) in out.chunks_mut(2).zip(luma.chunks(2)).zip(chroma) {
            for (out, luma) in out.iter_mut().zip(luma) {
                *out = word(self.map.apply([*luma, cb, cr]));
            }
        }
    }

    /// `places`: where in a pixel's bytes red, green and blue are.
    fn packed_rgb<const BYTES: usize>(&self, row: &[u8], places: [usize; 3], out: &mut [u32]) {
        let is_full = self.map.is_identity();
        for (out, pixel) in out.iter_mut().zip(row.chunks_exact(BYTES)) {
            let rgb = places.map(|place| pixel[place]);
            *out = word(if is_full { rgb } else { self.map.apply(rgb) });
        }
    }
}

fn word([red, green, blue]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, red, green, blue])
}
