//! Reading a part of a captured picture as a client's pixels.

use kvm_capture::convert::{ColourMap, ColourModel};
use kvm_capture::{FrameFormat, ImageView, PixelFormat, Range};

use super::ClientPixels;
use super::colours::{Packed, Planar, SemiPlanar, ToRgb};
use crate::simd::Instructions;

/// Reads parts of rows of pictures as a client's pixels, a word each.
///
/// The colours are those that [`Converter`](kvm_capture::convert::Converter) makes of the picture as full-range RGB;
/// subsampled colour differences are repeated, not interpolated.
#[derive(Debug)]
pub(super) struct PixelReader {
    pixels: ClientPixels,
    model: ColourModel,
    map: ColourMap,
    to_rgb: ToRgb,
    instructions: Instructions,
}

impl PixelReader {
    pub(super) fn new(pixels: ClientPixels) -> Self {
        let model = ColourModel::Rgb(Range::Full);
        let map = ColourMap::between(model, model);
        Self { pixels, model, map, to_rgb: ToRgb::new(&map), instructions: Instructions::detected() }
    }

    /// Takes the colours of pictures of this format from here on.
    pub(super) fn set_format(&mut self, format: FrameFormat) {
        let model = ColourModel::of(format);
        if model != self.model {
            self.model = model;
            self.map = ColourMap::between(model, ColourModel::Rgb(Range::Full));
            self.to_rgb = ToRgb::new(&self.map);
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
        match pixel {
            PixelFormat::Yuyv => self.packed_422::<0, 1, 2, 3>(&first[x * 2..], out),
            PixelFormat::Yvyu => self.packed_422::<0, 3, 2, 1>(&first[x * 2..], out),
            PixelFormat::Uyvy => self.packed_422::<1, 0, 3, 2>(&first[x * 2..], out),
            PixelFormat::Vyuy => self.packed_422::<1, 2, 3, 0>(&first[x * 2..], out),
            PixelFormat::Nv12 | PixelFormat::Nv16 | PixelFormat::I420 => self.planar_422(image, x, y, out),
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

    /// The numbers say where in four bytes the first luma, Cb, the second luma and Cr are.
    fn packed_422<const Y0: usize, const CB: usize, const Y1: usize, const CR: usize>(
        &self,
        row: &[u8],
        out: &mut [u32],
    ) {
        if let (Some(last), Some(four)) = (odd_last(out), row.chunks_exact(4).nth(out.len() / 2)) {
            out[last] = word(self.map.apply([four[Y0], four[CB], four[CR]]));
        }
        self.instructions.run(Packed::<Y0, CB, Y1, CR> { map: &self.to_rgb, row, out });
    }

    fn planar_422(&self, image: &ImageView<'_>, x: usize, y: usize, out: &mut [u32]) {
        let chroma_row = y >> image.format().pixel.chroma_shifts().1;
        let (map, luma) = (&self.to_rgb, &image.plane(0).row(y)[x..]);
        let last = odd_last(out);
        let [cb, cr] = if let [_, cb, cr] = image.planes() {
            let [cb, cr] = [cb, cr].map(|plane| &plane.row(chroma_row)[x / 2..]);
            self.instructions.run(Planar { map, luma, cb, cr, out: &mut *out });
            last.map_or([0; 2], |last| [cb[last / 2], cr[last / 2]])
        } else {
            let chroma = &image.plane(1).row(chroma_row)[x..];
            self.instructions.run(SemiPlanar { map, luma, chroma, out: &mut *out });
            last.map_or([0; 2], |last| [chroma[last], chroma[last + 1]])
        };
        if let Some(last) = last {
            out[last] = word(self.map.apply([luma[last], cb, cr]));
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

/// Where the last pixel of an odd number of them is, which shares its colour differences with none.
fn odd_last(pixels: &[u32]) -> Option<usize> {
    (pixels.len() % 2 == 1).then(|| pixels.len() - 1)
}

fn word([red, green, blue]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, red, green, blue])
}
