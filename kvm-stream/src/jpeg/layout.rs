//! How a picture is cut into blocks.

use kvm_capture::{FrameFormat, PixelFormat};

use super::transform::{GROUP_BYTES, LANES};

/// Blocks and minimum coded units of a picture (section A.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) width: u16,
    pub(super) height: u16,
    /// Whether there are colour differences beside luma.
    pub(super) has_colour: bool,
    /// Blocks of luma in a unit, across.
    pub(super) across: usize,
    /// Blocks of luma in a unit, down.
    pub(super) down: usize,
}

impl Layout {
    /// The layout for a format: colour differences as the source has them, but of sources that have them for every
    /// pixel those of four pixels are averaged unless `keeps_chroma`. `None` for a format that is not known here.
    pub(super) fn of(format: FrameFormat, keeps_chroma: bool) -> Option<Self> {
        let (width, height) = (u16::try_from(format.width_px).ok()?, u16::try_from(format.height_px).ok()?);
        let (across, down) = match format.pixel {
            PixelFormat::Yuyv
            | PixelFormat::Uyvy
            | PixelFormat::Yvyu
            | PixelFormat::Vyuy
            | PixelFormat::Nv16 => (2, 1),
            PixelFormat::Nv12 | PixelFormat::I420 => (2, 2),
            PixelFormat::Nv24
            | PixelFormat::Rgb24
            | PixelFormat::Bgr24
            | PixelFormat::Xrgb
            | PixelFormat::Bgrx => {
                if keeps_chroma {
                    (1, 1)
                } else {
                    (2, 2)
                }
            }
            PixelFormat::Grey => (1, 1),
            _ => return None,
        };
        Some(Self { width, height, has_colour: format.pixel != PixelFormat::Grey, across, down })
    }

    /// Height of a unit in pixels.
    pub(super) fn unit_height(&self) -> usize {
        8 * self.down
    }

    /// Units in a row of them.
    pub(super) fn units(&self) -> usize {
        usize::from(self.width).div_ceil(8 * self.across)
    }

    /// Rows of units.
    pub(super) fn rows(&self) -> usize {
        usize::from(self.height).div_ceil(self.unit_height())
    }

    /// Pixels that the units of a row cover.
    pub(super) fn padded_width(&self) -> usize {
        self.units() * 8 * self.across
    }

    /// Colour differences that the units of a row cover.
    pub(super) fn padded_chroma_width(&self) -> usize {
        self.units() * 8
    }

    /// Groups of blocks of colour differences that cover a row of units; luma has [`across`](Self::across) times
    /// as many in each row of blocks.
    pub(super) fn groups(&self) -> usize {
        self.units().div_ceil(LANES)
    }

    /// From one row of luma to the next in a band, in bytes.
    pub(super) fn luma_stride(&self) -> usize {
        self.groups() * GROUP_BYTES * self.across
    }

    /// From one row of colour differences to the next in a band, in bytes.
    pub(super) fn chroma_stride(&self) -> usize {
        if self.has_colour { self.groups() * GROUP_BYTES } else { 0 }
    }
}
