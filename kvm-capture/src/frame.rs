//! One captured picture, owned and cheap to clone.

use std::fmt;

use bytes::Bytes;

use crate::image::{ImageView, PlaneView};
use crate::{Colour, PixelFormat, Provenance, Timestamp};

/// Size, pixel layout and colour of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FrameFormat {
    /// How pixels lie in memory.
    pub pixel: PixelFormat,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// How the numbers are to be read as colour.
    pub colour: Colour,
}

impl FrameFormat {
    /// The largest width and height a frame may have, in pixels. More than any HDMI timing (CTA-861-I ends at
    /// 10,240 × 4,320), and small enough that no size computed from it overflows.
    pub const MAX_SIDE_PX: u32 = 16_384;

    /// A format with the colour that is usual for its pixels: full range for RGB, grey and JPEG,
    /// [`Colour::VIDEO`] for the others.
    pub const fn new(pixel: PixelFormat, width_px: u32, height_px: u32) -> Self {
        let colour = match pixel {
            PixelFormat::Mjpeg | PixelFormat::Grey => Colour::JPEG,
            _ if pixel.is_rgb() => Colour::RGB,
            _ => Colour::VIDEO,
        };
        Self { pixel, width_px, height_px, colour }
    }

    /// The same with another colour.
    #[must_use]
    pub const fn with_colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// Bytes of one frame without padding; 0 for compressed formats.
    pub fn len_bytes(self) -> usize {
        self.pixel.planes(self.width_px, self.height_px).map(|plane| plane.row_bytes * plane.rows).sum()
    }
}

impl fmt::Display for FrameFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{} {}", self.width_px, self.height_px, self.pixel)
    }
}

/// The memory of one plane: rows one `stride` apart.
#[derive(Debug, Clone)]
pub struct Plane {
    /// The bytes, from the first pixel on.
    pub bytes: Bytes,
    /// Distance from one row to the next, in bytes.
    pub stride: usize,
}

/// One captured picture.
///
/// Owned and cheap to clone: a clone shares the memory. Where the memory is a driver's buffer, it goes back to
/// the driver when the last owner of the last clone is gone, and not before.
#[derive(Clone)]
pub struct Frame {
    format: FrameFormat,
    // INVARIANT: a raw frame has a `Some` for each plane of its format, from the front, each holding
    // `(rows - 1) * stride + row_bytes` bytes or more with `stride >= row_bytes`; a compressed frame has one.
    planes: [Option<Plane>; 3],
    timestamp: Timestamp,
    sequence: u64,
    provenance: Provenance,
    /// The same memory for other drivers.
    #[cfg(all(feature = "v4l2", target_os = "linux"))]
    dmabuf: Option<std::sync::Arc<crate::v4l2::DmaBuf>>,
}

impl Frame {
    /// Makes a frame of its planes, in the format's order.
    ///
    /// # Errors
    ///
    /// The size is zero or above [`FrameFormat::MAX_SIDE_PX`], planes are missing or left over, a stride is
    /// shorter than a row, or a plane holds fewer bytes than its rows need.
    pub fn new(format: FrameFormat, planes: impl IntoIterator<Item = Plane>) -> Result<Self, FrameError> {
        let sides = 1..=FrameFormat::MAX_SIDE_PX;
        if !sides.contains(&format.width_px) || !sides.contains(&format.height_px) {
            return Err(FrameError::Size { format });
        }
        let mut given = planes.into_iter();
        let mut kept = [const { None }; 3];
        if format.pixel.is_compressed() {
            kept[0] = Some(given.next().ok_or(FrameError::PlaneCount { format })?);
        }
        let sizes = format.pixel.planes(format.width_px, format.height_px);
        for ((index, size), slot) in sizes.enumerate().zip(&mut kept) {
            let plane = given.next().ok_or(FrameError::PlaneCount { format })?;
            let needed = (size.rows - 1)
                .checked_mul(plane.stride)
                .and_then(|before_last| before_last.checked_add(size.row_bytes));
            if plane.stride < size.row_bytes || needed.is_none_or(|needed| plane.bytes.len() < needed) {
                return Err(FrameError::TooShort {
                    format,
                    plane: index,
                    stride: plane.stride,
                    len: plane.bytes.len(),
                });
            }
            *slot = Some(plane);
        }
        if given.next().is_some() {
            return Err(FrameError::PlaneCount { format });
        }
        Ok(Self {
            format,
            planes: kept,
            timestamp: Timestamp::default(),
            sequence: 0,
            provenance: Provenance::Live,
            #[cfg(all(feature = "v4l2", target_os = "linux"))]
            dmabuf: None,
        })
    }

    /// Makes a frame of one run of bytes: planes one after the other without padding, or a compressed picture.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn packed(format: FrameFormat, bytes: Bytes) -> Result<Self, FrameError> {
        if format.pixel.is_compressed() {
            return Self::new(format, [Plane { bytes, stride: 0 }]);
        }
        let strides = format.pixel.planes(format.width_px, format.height_px).map(|plane| plane.row_bytes);
        Self::contiguous(format, &bytes, strides)
    }

    /// Makes a frame of one run of bytes that holds the planes one after the other, with these strides.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn contiguous(
        format: FrameFormat,
        bytes: &Bytes,
        strides: impl IntoIterator<Item = usize>,
    ) -> Result<Self, FrameError> {
        let mut start = 0_usize;
        let sizes = format.pixel.planes(format.width_px, format.height_px);
        let planes: Vec<Plane> = sizes
            .zip(strides)
            .map(|(size, stride)| {
                let from = start.min(bytes.len());
                let until = size.rows.saturating_mul(stride).saturating_add(from).min(bytes.len());
                start = until;
                Plane { bytes: bytes.slice(from..until), stride }
            })
            .collect();
        Self::new(format, planes)
    }

    /// The same frame with the time it was captured.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// The same frame with its number. A gap in the numbers is a frame the driver dropped.
    #[must_use]
    pub fn with_sequence(mut self, sequence: u64) -> Self {
        self.sequence = sequence;
        self
    }

    /// The same frame with where its picture is from.
    #[must_use]
    pub fn with_provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = provenance;
        self
    }

    #[cfg(all(feature = "v4l2", target_os = "linux"))]
    pub(crate) fn with_dmabuf(mut self, dmabuf: Option<std::sync::Arc<crate::v4l2::DmaBuf>>) -> Self {
        self.dmabuf = dmabuf;
        self
    }

    /// The same memory for other drivers, where its source shares it.
    #[cfg(all(feature = "v4l2", target_os = "linux"))]
    pub(crate) fn dmabuf(&self) -> Option<&std::sync::Arc<crate::v4l2::DmaBuf>> {
        self.dmabuf.as_ref()
    }

    /// Size, pixel layout and colour.
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// When the driver captured it.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The driver's number of the frame, rising from one frame to the next.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Where the picture is from.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// The pixels; `None` if the frame is compressed.
    pub fn image(&self) -> Option<ImageView<'_>> {
        if self.format.pixel.is_compressed() {
            return None;
        }
        let mut views = [PlaneView::EMPTY; 3];
        let sizes = self.format.pixel.planes(self.format.width_px, self.format.height_px);
        let mut count = 0;
        for ((view, size), plane) in views.iter_mut().zip(sizes).zip(self.planes.iter().flatten()) {
            *view = PlaneView::new(&plane.bytes, plane.stride, size);
            count += 1;
        }
        Some(ImageView::new(self.format, views, count))
    }

    /// The compressed picture; `None` if the frame has pixels.
    pub fn compressed(&self) -> Option<&Bytes> {
        let plane = self.planes[0].as_ref()?;
        self.format.pixel.is_compressed().then_some(&plane.bytes)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("format", &format_args!("{}", self.format))
            .field("timestamp", &self.timestamp)
            .field("sequence", &self.sequence)
            .field("provenance", &self.provenance)
            .finish_non_exhaustive()
    }
}

/// Bytes that are not the frame they were said to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The size is zero or too large.
    #[error("no frame can be {format}")]
    Size {
        /// What was said.
        format: FrameFormat,
    },
    /// Planes are missing or left over.
    #[error("{format} does not have that many planes")]
    PlaneCount {
        /// What was said.
        format: FrameFormat,
    },
    /// A plane's stride is shorter than its rows, or its bytes are fewer than its rows need.
    #[error("plane {plane} of {format} is too short: {len} bytes, stride {stride}")]
    TooShort {
        /// What was said.
        format: FrameFormat,
        /// The plane, from 0.
        plane: usize,
        /// Its stride in bytes.
        stride: usize,
        /// Its length in bytes.
        len: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_accepted_can_be_read_to_its_last_row(
            index in 0..PixelFormat::ALL.len(),
            (width, height) in (0_u32..40, 0_u32..40),
            len in 0_usize..8000,
            stride in 0_usize..200,
        ) {
            let format = FrameFormat::new(PixelFormat::ALL[index], width, height);
            let bytes = Bytes::from(vec![7; len]);
            for frame in [
                Frame::packed(format, bytes.clone()),
                Frame::contiguous(format, &bytes, [stride; 3]),
            ].into_iter().flatten() {
                let Some(image) = frame.image() else { continue };
                let sizes = format.pixel.planes(width, height);
                prop_assert_eq!(image.planes().len(), sizes.clone().count());
                for (plane, size) in image.planes().iter().zip(sizes) {
                    prop_assert_eq!(plane.rows().map(<[u8]>::len).sum::<usize>(), size.row_bytes * size.rows);
                }
            }
        }
    }

    #[test]
    fn exactly_enough_is_enough() {
        let format = FrameFormat::new(PixelFormat::Nv12, 6, 4);
        assert_eq!(format.len_bytes(), 36);
        assert!(Frame::packed(format, Bytes::from(vec![0; 36])).is_ok());
        assert!(matches!(
            Frame::packed(format, Bytes::from(vec![0; 35])),
            Err(FrameError::TooShort { plane: 1, .. })
        ));
    }

    #[test]
    fn a_bomb_of_a_size_is_refused() {
        let format = FrameFormat::new(PixelFormat::Bgrx, u32::MAX, u32::MAX);
        assert!(matches!(Frame::new(format, []), Err(FrameError::Size { .. })));
    }
}
