//! A stream of pictures.

use std::num::NonZeroUsize;

use bytes::Bytes;
use kvm_capture::{Frame, PixelFormat};

use super::BaselineJpeg;
use super::layout::Layout;
use super::stripes::Stripes;
use crate::{Codec, Damage, EncodeError, Encoder, Packet, PacketSink, Passthrough};

/// Encodes each changed frame as one baseline JPEG picture, at a cost that follows the change.
///
/// A picture is coded in stripes of 16 rows, with a restart marker between any two. What did not change since the
/// picture before is taken over from it as bytes, so each packet is a whole and standard JPEG, the same to the byte
/// as if all of it had been coded anew, and every picture is one that decoding can start at.
///
/// Every raw format is taken [as it is](BaselineJpeg). A frame that is a JPEG already [passes through](Passthrough).
/// In the steady state the packet's payload is all that is allocated.
#[derive(Debug)]
pub struct JpegEncoder {
    quality: u8,
    keeps_chroma: bool,
    threads: NonZeroUsize,
    /// Those of the newest picture that was pushed.
    stripes: Option<Stripes>,
    snapshots: BaselineJpeg,
    /// The length of the last snapshot, which the next one's is likely to be near.
    snapshot_len: usize,
    asked: bool,
    passthrough: Passthrough,
}

impl JpegEncoder {
    /// Creates an encoder of this quality, 1 to 100 on the scale of the Independent JPEG Group; values beyond are
    /// taken as the nearest.
    pub fn new(quality: u8) -> Self {
        Self {
            quality: quality.clamp(1, 100),
            keeps_chroma: false,
            threads: NonZeroUsize::MIN,
            stripes: None,
            snapshots: BaselineJpeg::new(),
            snapshot_len: 0,
            asked: false,
            passthrough: Passthrough::new(),
        }
    }

    /// The same, keeping the colour differences of every pixel where the source has them, as
    /// [`BaselineJpeg::with_full_chroma`].
    #[must_use]
    pub fn with_full_chroma(self) -> Self {
        Self { keeps_chroma: true, stripes: None, snapshots: self.snapshots.with_full_chroma(), ..self }
    }

    /// The same, coding the changed stripes of a frame on so many threads, which end before the call returns. They
    /// save time where much changes; what comes out is the same. To start them costs more than a small change does.
    #[must_use]
    pub fn with_threads(self, threads: NonZeroUsize) -> Self {
        Self { threads, stripes: None, ..self }
    }

    /// Changes the quality from the next picture on, of which then every stripe is coded anew.
    pub fn set_quality(&mut self, quality: u8) {
        self.quality = quality.clamp(1, 100);
    }

    /// Encodes one picture whatever changed, as for a snapshot; the stream goes on undisturbed. A frame that is a
    /// JPEG already is copied.
    ///
    /// # Errors
    ///
    /// The format is not one that can be encoded.
    pub fn picture(&mut self, frame: &Frame) -> Result<Bytes, EncodeError> {
        let Some(image) = frame.image() else { return copied(frame) };
        let mut out = Vec::with_capacity(self.snapshot_len + self.snapshot_len / 8);
        self.snapshots.encode(&image, self.quality, &mut out)?;
        self.snapshot_len = out.len();
        Ok(Bytes::from(out))
    }

    /// Brings the stripes to a frame of which `damage` differs from the one they show.
    fn update(&mut self, frame: &Frame, damage: &Damage) -> Result<&Stripes, EncodeError> {
        let format = frame.format();
        let fitting = |stripes: &Stripes| stripes.show(format) && stripes.are_of(self.quality);
        let image = frame.image();
        let layout = Layout::of(format, self.keeps_chroma);
        let Some((image, layout)) = image.zip(layout) else { return Err(unsupported(frame)) };
        let mut stripes = match self.stripes.take().filter(fitting) {
            Some(stripes) => stripes,
            None => Stripes::new(format, layout, self.quality, self.threads),
        };
        // What is copied is coded where it comes to lie.
        let copied = damage.copies().iter().map(|copy| copy.to);
        stripes.update(&image, damage.rects().iter().copied().chain(copied));
        Ok(self.stripes.insert(stripes))
    }
}

impl Encoder for JpegEncoder {
    fn encode(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        let asked = std::mem::take(&mut self.asked);
        if frame.format().pixel.is_compressed() {
            self.stripes = None;
            if asked {
                self.passthrough.request_keyframe();
            }
            return self.passthrough.encode(frame, damage, out);
        }
        if asked || !damage.is_empty() {
            let picture = self.update(frame, damage)?.picture();
            out.push(Packet::of(frame, Codec::Jpeg, picture, true))?;
        }
        Ok(())
    }

    fn request_keyframe(&mut self) {
        self.asked = true;
    }

    /// Pushes the newest picture as a whole, of bytes that are there already.
    fn encode_refresh(
        &mut self,
        frame: &Frame,
        lacking: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        let _ = lacking;
        let format = frame.format();
        let (picture, is_refresh) = if format.pixel.is_compressed() {
            (copied(frame)?, true)
        } else {
            match &self.stripes {
                Some(stripes) if stripes.show(format) => (stripes.picture(), true),
                // Nobody has this picture yet.
                _ => (self.update(frame, &Damage::NONE)?.picture(), false),
            }
        };
        out.push(Packet { is_refresh, ..Packet::of(frame, Codec::Jpeg, picture, true) })?;
        Ok(())
    }
}

/// The bytes of a frame that is a JPEG.
fn copied(frame: &Frame) -> Result<Bytes, EncodeError> {
    let picture = frame.compressed().filter(|_| frame.format().pixel == PixelFormat::Mjpeg);
    picture.map(|picture| Bytes::copy_from_slice(picture)).ok_or_else(|| unsupported(frame))
}

fn unsupported(frame: &Frame) -> EncodeError {
    EncodeError::Unsupported { encoder: "the JPEG encoder", format: frame.format() }
}

#[cfg(test)]
mod tests {
    use kvm_capture::convert::YccRows;
    use kvm_capture::pattern::{Pattern, PatternSource};
    use kvm_capture::{Captured, Colour, FrameFormat, FrameSource, Matrix, PixelFormat, Range};
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;

    use super::*;

    fn frame(pattern: Pattern, format: FrameFormat) -> Frame {
        match PatternSource::new(pattern, format, 1).unwrap().poll_capture() {
            Ok(Some(Captured::Frame(frame))) => frame,
            other => panic!("{other:?}"),
        }
    }

    /// What a decoder that is not ours makes of a picture: Y Cb Cr for each pixel, and the size.
    fn decoded(picture: &[u8]) -> (Vec<u8>, (usize, usize)) {
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options);
        decoder.decode_headers().unwrap();
        let is_grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
        if is_grey {
            decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
        }
        let mut pixels = decoder.decode().unwrap();
        if is_grey {
            pixels = pixels.into_iter().flat_map(|luma| [luma, 128, 128]).collect();
        }
        (pixels, decoder.dimensions().unwrap())
    }

    /// Peak signal-to-noise ratio of one component, in dB.
    fn psnr(frame: &Frame, decoded: &[u8], component: usize) -> f64 {
        let format = frame.format();
        let (width, height) = (format.width_px as usize, format.height_px as usize);
        let rows = YccRows::new(frame.image().unwrap(), Colour::JPEG);
        let mut components = [vec![0; width], vec![0; width], vec![0; width]];
        let mut squares = 0.0;
        for row in 0..height {
            rows.read(row, components.each_mut().map(Vec::as_mut_slice));
            for (column, &wanted) in components[component].iter().enumerate() {
                let got = decoded[(row * width + column) * 3 + component];
                squares += f64::from(wanted.abs_diff(got)).powi(2);
            }
        }
        10.0 * (255.0_f64.powi(2) * (width * height) as f64 / squares).log10()
    }

    #[test]
    fn a_decoder_sees_the_picture_in_every_format() {
        for pixel in PixelFormat::ALL.into_iter().filter(|pixel| !pixel.is_compressed()) {
            for pattern in [Pattern::Film, Pattern::Desktop] {
                let frame = frame(pattern, FrameFormat::new(pixel, 318, 178));
                let picture = JpegEncoder::new(90).picture(&frame).unwrap();
                let (pixels, size) = decoded(&picture);
                assert_eq!(size, (318, 178));
                let luma = psnr(&frame, &pixels, 0);
                assert!(luma > 33.0, "{pixel} {pattern}: {luma:.1} dB");
                for component in [1, 2] {
                    let chroma = psnr(&frame, &pixels, component);
                    assert!(chroma > 30.0, "{pixel} {pattern}: {chroma:.1} dB in component {component}");
                }
            }
        }
    }

    #[test]
    fn matrix_and_range_become_those_of_jfif() {
        let source = |colour| FrameFormat::new(PixelFormat::Uyvy, 64, 64).with_colour(colour);
        let centre = |colour| {
            let picture = JpegEncoder::new(95).picture(&frame(Pattern::Film, source(colour))).unwrap();
            let (pixels, _) = decoded(&picture);
            [0, 1, 2].map(|component| pixels[(32 * 64 + 32) * 3 + component])
        };
        let video = centre(Colour::VIDEO);
        for colour in [Colour::JPEG, Colour::new(Matrix::Bt601, Range::Limited)] {
            for (one, other) in video.into_iter().zip(centre(colour)) {
                assert!(one.abs_diff(other) <= 6, "{video:?} {colour:?}");
            }
        }
    }

    #[test]
    fn what_did_not_change_is_not_encoded_unless_asked_for() {
        let frame = frame(Pattern::Text, FrameFormat::new(PixelFormat::Nv12, 64, 64));
        let (mut encoder, mut out) = (JpegEncoder::new(80), Vec::new());
        encoder.encode(&frame, &Damage::NONE, &mut out).unwrap();
        assert!(out.is_empty());
        encoder.request_keyframe();
        encoder.encode(&frame, &Damage::NONE, &mut out).unwrap();
        encoder.encode(&frame, &Damage::full(64, 64), &mut out).unwrap();
        assert_eq!(out.len(), 2);
    }

    #[test]
    fn a_jpeg_passes_through() {
        let format = FrameFormat::new(PixelFormat::Mjpeg, 64, 64);
        let frame = Frame::packed(format, Bytes::from_static(b"\xff\xd8 picture")).unwrap();
        let mut out = Vec::new();
        JpegEncoder::new(80).encode(&frame, &Damage::full(64, 64), &mut out).unwrap();
        assert_eq!(out[0].payload, *frame.compressed().unwrap());
    }
}
