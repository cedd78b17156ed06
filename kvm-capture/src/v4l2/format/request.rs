//! What a driver is asked to make of its pixels.

use super::{
    COLORSPACE_REC709, HEIGHT, PIXELFORMAT, PixelLayout, QUANTIZATION_FULL_RANGE, QUANTIZATION_LIM_RANGE,
    WIDTH, YCBCR_ENC_601, multi, single,
};
use crate::v4l2::abi::{BufferType, Format, FormatUnion, MAX_PLANES};
use crate::{Colour, FourCc, FrameFormat, Matrix, Range};

impl PixelLayout {
    /// What to ask a driver for: this code at this size, and everything else as the driver likes it.
    pub(in crate::v4l2) fn request(kind: BufferType, fourcc: FourCc, width: u32, height: u32) -> Format {
        let mut format = Format::new(kind);
        for (offset, word) in [(WIDTH, width), (HEIGHT, height), (PIXELFORMAT, fourcc.to_u32())] {
            put(&mut format, offset, word);
        }
        format
    }

    /// What to tell a codec of the pictures it gets: code, size, colour, and how far the rows should be apart.
    pub(in crate::v4l2) fn request_of(
        kind: BufferType,
        fourcc: FourCc,
        picture: FrameFormat,
        strides: &[usize],
    ) -> Format {
        let mut format = Self::request(kind, fourcc, picture.width_px, picture.height_px);
        let (colorspace, ycbcr_enc, quantization) = colour_words(picture);
        let strides = strides.iter().map(|&stride| u32::try_from(stride).unwrap_or(0));
        if kind.is_multi() {
            put(&mut format, multi::COLORSPACE, colorspace);
            let FormatUnion(bytes) = &mut format.fmt;
            // Each of them is below 256, and the driver decides how many planes there are.
            (bytes[multi::YCBCR_ENC], bytes[multi::QUANTIZATION]) =
                (low_byte(ycbcr_enc), low_byte(quantization));
            for (plane, stride) in strides.enumerate().take(MAX_PLANES) {
                put(
                    &mut format,
                    multi::PLANE_FMT + plane * multi::PLANE_LEN + multi::PLANE_BYTESPERLINE,
                    stride,
                );
            }
        } else {
            put(&mut format, single::COLORSPACE, colorspace);
            // Without this word the kernel takes what follows it for garbage ("struct v4l2_pix_format").
            put(&mut format, single::PRIV, PRIV_MAGIC);
            put(&mut format, single::YCBCR_ENC, ycbcr_enc);
            put(&mut format, single::QUANTIZATION, quantization);
            put(&mut format, single::BYTESPERLINE, strides.take(1).next().unwrap_or(0));
        }
        format
    }

    /// What to ask a codec for: this code, in buffers of this many bytes.
    pub(in crate::v4l2) fn request_coded(
        kind: BufferType,
        fourcc: FourCc,
        picture: FrameFormat,
        buffer_bytes: u32,
    ) -> Format {
        let mut format = Self::request(kind, fourcc, picture.width_px, picture.height_px);
        if kind.is_multi() {
            put(&mut format, multi::PLANE_FMT + multi::PLANE_SIZEIMAGE, buffer_bytes);
            let FormatUnion(bytes) = &mut format.fmt;
            bytes[multi::NUM_PLANES] = 1;
        } else {
            put(&mut format, single::SIZEIMAGE, buffer_bytes);
        }
        format
    }
}

/// Colour space, encoding and quantisation, as the header numbers them.
fn colour_words(picture: FrameFormat) -> (u32, u32, u32) {
    let Colour { matrix, range } = picture.colour;
    let quantization = match range {
        Range::Full => QUANTIZATION_FULL_RANGE,
        Range::Limited => QUANTIZATION_LIM_RANGE,
    };
    match matrix {
        _ if picture.pixel.is_rgb() => (COLORSPACE_SRGB, 0, quantization),
        Matrix::Bt709 => (COLORSPACE_REC709, YCBCR_ENC_709, quantization),
        Matrix::Bt601 => (COLORSPACE_SMPTE170M, YCBCR_ENC_601, quantization),
    }
}

fn put(format: &mut Format, offset: usize, word: u32) {
    let FormatUnion(bytes) = &mut format.fmt;
    bytes[offset..offset + 4].copy_from_slice(&word.to_ne_bytes());
}

fn low_byte(word: u32) -> u8 {
    word.to_le_bytes()[0]
}

/// `V4L2_PIX_FMT_PRIV_MAGIC`.
pub(super) const PRIV_MAGIC: u32 = 0xfeed_cafe;
pub(super) const COLORSPACE_SMPTE170M: u32 = 1;
pub(super) const COLORSPACE_SRGB: u32 = 8;
pub(super) const YCBCR_ENC_709: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PixelFormat;

    const KINDS: [BufferType; 4] =
        [BufferType::Single, BufferType::SingleOut, BufferType::Multi, BufferType::MultiOut];

    #[test]
    fn what_is_asked_for_reads_back() {
        for kind in KINDS {
            let read = PixelLayout::read(kind, &PixelLayout::request(kind, FourCc(*b"NV12"), 640, 480));
            assert_eq!((read.width, read.height, read.fourcc), (640, 480, FourCc(*b"NV12")));
        }
    }

    #[test]
    fn what_is_told_of_colour_and_strides_reads_back() {
        for kind in KINDS {
            for colour in [Colour::VIDEO, Colour::JPEG, Colour::new(Matrix::Bt601, Range::Limited)] {
                let picture = FrameFormat::new(PixelFormat::Nv12, 640, 480).with_colour(colour);
                let told = PixelLayout::request_of(kind, FourCc(*b"NV12"), picture, &[704, 704]);
                let read = PixelLayout::read(kind, &told).arrangement().unwrap();
                assert_eq!(read.format, picture);
                assert_eq!(read.places().next().unwrap().stride, 704);
            }
        }
    }
}
