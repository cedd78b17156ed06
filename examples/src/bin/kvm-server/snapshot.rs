//! One picture as a file.

use bytes::Bytes;
use kvm_capture::convert::Converter;
use kvm_capture::{Colour, Frame, FrameFormat, PixelFormat};
use kvm_stream::{EncodeError, JpegEncoder};

/// What a snapshot is stored as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SnapshotFormat {
    Jpeg {
        quality: u8,
    },
    /// Exactly the colours that pages get in rectangles.
    Png,
}

impl SnapshotFormat {
    /// Its media type.
    pub(crate) fn mime(self) -> &'static str {
        match self {
            Self::Jpeg { .. } => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// The picture in this format. Takes some milliseconds.
    pub(crate) fn of(self, frame: &Frame) -> Result<Bytes, SnapshotError> {
        match self {
            Self::Jpeg { quality } => Ok(JpegEncoder::new(quality).picture(frame)?),
            Self::Png => png(frame),
        }
    }
}

fn png(frame: &Frame) -> Result<Bytes, SnapshotError> {
    let image = frame.image().ok_or(SnapshotError::Compressed)?;
    let FrameFormat { width_px, height_px, .. } = image.format();
    let target = FrameFormat::new(PixelFormat::Rgb24, width_px, height_px).with_colour(Colour::RGB);
    let mut pixels = Vec::new();
    Converter::new().convert(&image, target, &mut pixels);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width_px, height_px);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file.into())
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("the device compresses its pictures by itself, as JPEG")]
    Compressed,
    #[error(transparent)]
    Jpeg(#[from] EncodeError),
    #[error(transparent)]
    Png(#[from] png::EncodingError),
}
