//! Whole pictures from one format to another.

use super::colour_map::{ColourMap, ColourModel};
use super::pack::{Components, pack_chroma_row, pack_row};
use super::unpack::unpack_row;
use crate::{FrameFormat, ImageView};

/// Converts whole pictures from one raw format to another of the same size.
///
/// Keeps its working rows, so that pictures of one size after the first allocate nothing. Colour differences are
/// averaged where the target has fewer of them and repeated where it has more.
///
/// ```
/// use bytes::Bytes;
/// use kvm_capture::convert::Converter;
/// use kvm_capture::{Frame, FrameFormat, PixelFormat};
///
/// let white = FrameFormat::new(PixelFormat::Bgrx, 2, 2);
/// let frame = Frame::packed(white, Bytes::from_static(&[255; 16]))?;
/// let mut planes = Vec::new();
/// let target = FrameFormat::new(PixelFormat::I420, 2, 2);
/// Converter::new().convert(&frame.image().unwrap(), target, &mut planes);
/// assert_eq!(planes, [235, 235, 235, 235, 128, 128]);
/// # Ok::<(), kvm_capture::FrameError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Converter {
    upper: Components,
    below: Components,
}

impl Converter {
    /// Creates a converter.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills `out` with the picture in the target's pixels and colour: planes one after the other, no padding.
    ///
    /// # Panics
    ///
    /// The target is compressed or of another size than the picture.
    pub fn convert(&mut self, image: &ImageView<'_>, target: FrameFormat, out: &mut Vec<u8>) {
        let source = image.format();
        assert!(
            (source.width_px, source.height_px) == (target.width_px, target.height_px)
                && !target.pixel.is_compressed(),
            "a converter changes neither size nor compression: {source} to {target}"
        );
        let map = ColourMap::between(ColourModel::of(source), ColourModel::of(target));
        let pixel = target.pixel;
        out.resize(target.len_bytes(), 0);
        self.upper.resize(target.width_px as usize);
        self.below.resize(target.width_px as usize);

        let (width, height) = (target.width_px, target.height_px as usize);
        let row_bytes = pixel.planes(width, 1).next().map_or(0, |plane| plane.row_bytes);
        let (first_plane, chroma) = out.split_at_mut(row_bytes * height);
        let rows_per_chroma_row = 1 << pixel.chroma_shifts().1;
        for (index, rows) in first_plane.chunks_mut(row_bytes * rows_per_chroma_row).enumerate() {
            let top = index * rows_per_chroma_row;
            let (upper_out, below_out) = rows.split_at_mut(row_bytes);
            read(image, &map, top, &mut self.upper);
            pack_row(pixel, &self.upper, upper_out);
            let below = if below_out.is_empty() {
                &self.upper
            } else {
                read(image, &map, top + 1, &mut self.below);
                pack_row(pixel, &self.below, below_out);
                &self.below
            };
            if !chroma.is_empty() {
                pack_chroma_row(pixel, &self.upper, below, chroma, index);
            }
        }
    }
}

fn read(image: &ImageView<'_>, map: &ColourMap, row: usize, components: &mut Components) {
    unpack_row(image, row, components.rows_mut());
    map.apply_rows(components.rows_mut());
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::{Frame, PixelFormat};

    fn raw_formats() -> impl Strategy<Value = PixelFormat> {
        proptest::sample::select(&PixelFormat::ALL[..PixelFormat::ALL.len() - 1])
    }

    proptest! {
        /// A picture of one colour is that colour in every format and back again.
        #[test]
        fn a_plain_picture_keeps_its_colour(
            from in raw_formats(),
            to in raw_formats(),
            (width, height) in (1_u32..9, 1_u32..9),
            rgb in any::<[u8; 3]>(),
        ) {
            let grey = [from, to].contains(&PixelFormat::Grey);
            let rgb = if grey { [rgb[0]; 3] } else { rgb };
            let format = |pixel| FrameFormat::new(pixel, width, height);
            let pixels: Vec<u8> = rgb.repeat((width * height) as usize);
            let mut converter = Converter::new();
            let mut frame = Frame::packed(format(PixelFormat::Rgb24), Bytes::from(pixels)).unwrap();
            for pixel in [from, to, PixelFormat::Rgb24] {
                let mut out = Vec::new();
                converter.convert(&frame.image().unwrap(), format(pixel), &mut out);
                frame = Frame::packed(format(pixel), Bytes::from(out)).unwrap();
            }
            let image = frame.image().unwrap();
            for row in image.plane(0).rows() {
                for pixel in row.chunks_exact(3) {
                    for (before, after) in rgb.iter().zip(pixel) {
                        prop_assert!(before.abs_diff(*after) <= 6, "{rgb:?} became {pixel:?}");
                    }
                }
            }
        }

        /// Between formats that hold the same numbers nothing is lost.
        #[test]
        fn reordering_is_lossless(
            pair in proptest::sample::select(&[
                (PixelFormat::Yuyv, PixelFormat::Vyuy),
                (PixelFormat::Uyvy, PixelFormat::Nv16),
                (PixelFormat::Yvyu, PixelFormat::Nv24),
                (PixelFormat::Nv12, PixelFormat::I420),
                (PixelFormat::Rgb24, PixelFormat::Bgrx),
                (PixelFormat::Bgr24, PixelFormat::Xrgb),
            ][..]),
            (half_width, half_height) in (1_u32..5, 1_u32..5),
            seed in any::<u64>(),
        ) {
            let format = |pixel| FrameFormat::new(pixel, half_width * 2, half_height * 2);
            let mut state = seed | 1;
            let bytes: Vec<u8> = (0..format(pair.0).len_bytes())
                .map(|_| { state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); (state >> 56) as u8 })
                .collect();
            let mut converter = Converter::new();
            let (mut there, mut back) = (Vec::new(), Vec::new());
            let frame = Frame::packed(format(pair.0), Bytes::from(bytes.clone())).unwrap();
            converter.convert(&frame.image().unwrap(), format(pair.1), &mut there);
            let frame = Frame::packed(format(pair.1), Bytes::from(there)).unwrap();
            converter.convert(&frame.image().unwrap(), format(pair.0), &mut back);
            prop_assert_eq!(bytes, back);
        }
    }
}
