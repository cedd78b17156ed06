//! What an integrator may choose about a capture device.

use crate::{FourCc, PixelFormat};

use super::queue::MAX_BUFFERS;

/// What an integrator may choose about a capture device. The default suits most.
///
/// ```
/// use kvm_capture::{PixelFormat, V4l2Options};
///
/// let options = V4l2Options::new().with_buffers(6).with_preferred([PixelFormat::Nv12, PixelFormat::Mjpeg]);
/// ```
#[derive(Debug, Clone)]
pub struct V4l2Options {
    pub(super) buffers: u32,
    pub(super) preferred: Vec<FourCc>,
    pub(super) size_px: (u32, u32),
    pub(super) exports: bool,
}

impl V4l2Options {
    /// Four buffers; raw formats before MJPEG, sharp colour before half colour before more bytes; 1920 × 1080
    /// where the device leaves the size to us.
    pub fn new() -> Self {
        let preferred = PREFERRED.map(FourCc::from).to_vec();
        Self { buffers: 4, preferred, size_px: (1920, 1080), exports: false }
    }

    /// The number of buffers, from 2 to 32. Each frame held is one the driver cannot fill, and drivers want two
    /// to themselves.
    #[must_use]
    pub fn with_buffers(mut self, buffers: u32) -> Self {
        self.buffers = buffers.clamp(2, MAX_BUFFERS);
        self
    }

    /// The formats to take, best first, as [`PixelFormat`]s or as V4L2 codes. The first one the device offers
    /// is used; with none of them the signal counts as [unsupported](crate::SignalLoss::Unsupported). A code
    /// stands for others of the same pixels as well, such as `NV12` for `NM12`.
    #[must_use]
    pub fn with_preferred<F: Into<FourCc>>(mut self, formats: impl IntoIterator<Item = F>) -> Self {
        self.preferred = formats.into_iter().map(Into::into).collect();
        self
    }

    /// The size to ask for where the signal does not decide it, as with USB grabbers, which scale. The driver
    /// takes the nearest it has.
    #[must_use]
    pub fn with_size(mut self, width_px: u32, height_px: u32) -> Self {
        self.size_px = (width_px, height_px);
        self
    }

    /// Lets [codecs](crate::m2m) read the frames where they are (DMABUF), where the driver can; they copy them
    /// otherwise. Each buffer takes a descriptor more for each of its planes, and a frame is held until the codec is
    /// done with it.
    #[must_use]
    pub fn with_shared_buffers(mut self) -> Self {
        self.exports = true;
        self
    }
}

impl Default for V4l2Options {
    fn default() -> Self {
        Self::new()
    }
}

const PREFERRED: [PixelFormat; 14] = [
    PixelFormat::Uyvy,
    PixelFormat::Yuyv,
    PixelFormat::Yvyu,
    PixelFormat::Vyuy,
    PixelFormat::Nv16,
    PixelFormat::Nv12,
    PixelFormat::I420,
    PixelFormat::Nv24,
    PixelFormat::Bgrx,
    PixelFormat::Xrgb,
    PixelFormat::Bgr24,
    PixelFormat::Rgb24,
    PixelFormat::Mjpeg,
    PixelFormat::Grey,
];
