//! One moment of the screen as a PNG file. As JPEG, [`JpegEncoder::picture`](crate::JpegEncoder::picture) has it.

use kvm_capture::convert::Converter;
use kvm_capture::{Colour, Frame, FrameFormat, PixelFormat};

use crate::EncodeError;

/// Encodes a frame as a PNG file (ISO/IEC 15948), RGB with 8 bits each: exact for sources of RGB, and as exact as the
/// conversion for those of Y Cb Cr.
///
/// ```
/// use bytes::Bytes;
/// use kvm_capture::{Frame, FrameFormat, PixelFormat};
///
/// let frame = Frame::packed(FrameFormat::new(PixelFormat::Rgb24, 2, 1), Bytes::from_static(&[255, 0, 0, 0, 0, 255]))?;
/// assert!(kvm_stream::png_snapshot(&frame)?.starts_with(b"\x89PNG"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The frame is compressed already, as those of an MJPEG source: then the frame itself is the picture.
pub fn png_snapshot(frame: &Frame) -> Result<Vec<u8>, EncodeError> {
    let format = frame.format();
    let image = frame.image().ok_or(EncodeError::Unsupported { encoder: NAME, format })?;
    let (width, height) = (format.width_px, format.height_px);
    let target = FrameFormat::new(PixelFormat::Rgb24, width, height).with_colour(Colour::JPEG);
    let mut pixels = Vec::new();
    Converter::new().convert(&image, target, &mut pixels);
    let failed =
        |error: ::png::EncodingError| EncodeError::Codec { encoder: NAME, reason: error.to_string() };
    let mut file = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut file, width, height);
    encoder.set_color(::png::ColorType::Rgb);
    encoder.set_depth(::png::BitDepth::Eight);
    encoder.set_compression(::png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

const NAME: &str = "the PNG encoder";
