//! One picture.

use std::num::NonZeroU16;

use kvm_capture::{Colour, ImageView};

use super::headers::{self, END_OF_IMAGE, restart_marker};
use super::layout::Layout;
use super::quality::Quality;
use super::scan::Scan;
use crate::EncodeError;
use crate::simd::Instructions;
use crate::ycc_rows::RowMap;

/// Encodes pictures, and parts of pictures, as baseline JPEG in JFIF form (ITU-T T.81, T.871).
///
/// Every raw pixel format is taken as it is. Y Cb Cr sources keep the colour differences they have, 4:2:2 or 4:2:0;
/// matrix and range become those of JFIF on the way. Red, green and blue, and 4:4:4, become 4:2:0 unless
/// [told otherwise](Self::with_full_chroma). Pictures of one format after the first allocate nothing but what the
/// output needs.
///
/// ```
/// use bytes::Bytes;
/// use kvm_capture::{Frame, FrameFormat, PixelFormat};
/// use kvm_stream::BaselineJpeg;
///
/// let format = FrameFormat::new(PixelFormat::Grey, 8, 8);
/// let frame = Frame::packed(format, Bytes::from_static(&[128; 64]))?;
/// let mut picture = Vec::new();
/// BaselineJpeg::new().encode(&frame.image().unwrap(), 80, &mut picture)?;
/// assert!(picture.starts_with(&[0xFF, 0xD8]) && picture.ends_with(&[0xFF, 0xD9]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BaselineJpeg {
    keeps_chroma: bool,
    restart_rows: Option<NonZeroU16>,
    instructions: Instructions,
    scan: Option<Scan>,
    quality: Option<Quality>,
}

impl BaselineJpeg {
    /// Creates an encoder.
    pub fn new() -> Self {
        Self {
            keeps_chroma: false,
            restart_rows: None,
            instructions: Instructions::detected(),
            scan: None,
            quality: None,
        }
    }

    /// The same, keeping the colour differences of every pixel where the source has them (4:4:4): thin lines and
    /// text in colour stay sharp, for about twice the bytes of colour.
    #[must_use]
    pub fn with_full_chroma(mut self) -> Self {
        self.keeps_chroma = true;
        self
    }

    /// The same with a restart marker after every so many rows of units (of 16 pixel rows with 4:2:0, else of 8):
    /// a decoder that meets a broken byte goes on behind the next marker. Without it there are none.
    #[must_use]
    pub fn with_restart_rows(mut self, rows: NonZeroU16) -> Self {
        self.restart_rows = Some(rows);
        self
    }

    /// Appends one picture. The quality is 1 to 100, on the scale of the Independent JPEG Group; values beyond are
    /// taken as the nearest.
    ///
    /// # Errors
    ///
    /// The format is not one that can be encoded. Nothing is appended then.
    pub fn encode(
        &mut self,
        image: &ImageView<'_>,
        quality: u8,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let format = image.format();
        let unsupported = EncodeError::Unsupported { encoder: "the JPEG encoder", format };
        let layout = Layout::of(format, self.keeps_chroma).ok_or(unsupported)?;
        let scan = ready(&mut self.scan, image, layout, self.instructions);
        let quality = Quality::ready(&mut self.quality, quality);
        // Not more units than the marker has place for; fewer rows then.
        let most_rows = usize::from(u16::MAX) / layout.units();
        let step = self.restart_rows.map_or(layout.rows(), |rows| usize::from(rows.get()).min(most_rows));
        let restart_units = self.restart_rows.map_or(0, |_| step * layout.units());
        headers::write(&layout, &quality.steps, u16::try_from(restart_units).unwrap_or(u16::MAX), out);
        for (interval, first) in (0..layout.rows()).step_by(step).enumerate() {
            if interval > 0 {
                out.extend(restart_marker(interval - 1));
            }
            scan.interval(image, first..(first + step).min(layout.rows()), &quality.quantisers, out);
        }
        out.extend(END_OF_IMAGE);
        Ok(())
    }
}

impl Default for BaselineJpeg {
    fn default() -> Self {
        Self::new()
    }
}

/// A scan for pictures of this layout, kept from one picture to the next.
pub(super) fn ready<'a>(
    kept: &'a mut Option<Scan>,
    image: &ImageView<'_>,
    layout: Layout,
    instructions: Instructions,
) -> &'a mut Scan {
    let map = RowMap::between(image.format(), Colour::JPEG);
    let fitting = kept.take().filter(|scan| scan.fits(layout, &map));
    kept.insert(fitting.unwrap_or_else(|| Scan::new(layout, map, instructions)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kvm_capture::{Frame, FrameFormat, PixelFormat};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_processor_computes_the_same(
            pixel in proptest::sample::select(&PixelFormat::ALL[..PixelFormat::ALL.len() - 1]),
            (width, height) in (1_u32..300, 1_u32..40),
            quality in 1_u8..=100,
            keeps_chroma in any::<bool>(),
            bytes in proptest::collection::vec(any::<u8>(), 64..512),
        ) {
            let format = FrameFormat::new(pixel, width, height);
            let bytes: Vec<u8> = bytes.iter().copied().cycle().take(format.len_bytes()).collect();
            let frame = Frame::packed(format, Bytes::from(bytes)).unwrap();
            let pictures = [Instructions::BASELINE, Instructions::detected()].map(|instructions| {
                let mut encoder = BaselineJpeg { instructions, keeps_chroma, ..BaselineJpeg::new() };
                let mut out = Vec::new();
                encoder.encode(&frame.image().unwrap(), quality, &mut out).unwrap();
                out
            });
            prop_assert!(pictures[0] == pictures[1]);
        }
    }
}
