//! How pixels lie in memory.

use std::fmt;

/// A four-character code, as V4L2 (`videodev2.h`) and AVI files name pixel formats.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// The code as V4L2 passes it: first character in the lowest byte.
    pub const fn from_u32(code: u32) -> Self {
        Self(code.to_le_bytes())
    }

    /// The code as V4L2 passes it.
    pub const fn to_u32(self) -> u32 {
        u32::from_le_bytes(self.0)
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FourCc({self})")
    }
}

/// How pixels lie in memory.
///
/// Names are those of V4L2, where a packed RGB format is named by the order of its bytes in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// 4:2:2 packed, Y₀ Cb Y₁ Cr.
    Yuyv,
    /// 4:2:2 packed, Cb Y₀ Cr Y₁.
    Uyvy,
    /// 4:2:2 packed, Y₀ Cr Y₁ Cb.
    Yvyu,
    /// 4:2:2 packed, Cr Y₀ Cb Y₁.
    Vyuy,
    /// 4:2:0, a plane of Y and a half-height plane of Cb Cr pairs.
    Nv12,
    /// 4:2:2, a plane of Y and a full-height plane of Cb Cr pairs.
    Nv16,
    /// 4:4:4, a plane of Y and a full-size plane of Cb Cr pairs.
    Nv24,
    /// 4:2:0, planes of Y, Cb and Cr.
    I420,
    /// 24 bits, R G B.
    Rgb24,
    /// 24 bits, B G R.
    Bgr24,
    /// 32 bits, X R G B.
    Xrgb,
    /// 32 bits, B G R X.
    Bgrx,
    /// 8 bits of luma.
    Grey,
    /// Every frame a JPEG picture.
    Mjpeg,
}

/// Size of one plane for a given picture: bytes that hold pixels in a row, and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlaneSize {
    /// Bytes of a row that hold pixels; a stride is at least this.
    pub row_bytes: usize,
    /// Rows.
    pub rows: usize,
}

impl PixelFormat {
    /// Every format, in the order of the enumeration.
    pub const ALL: [Self; 14] = [
        Self::Yuyv,
        Self::Uyvy,
        Self::Yvyu,
        Self::Vyuy,
        Self::Nv12,
        Self::Nv16,
        Self::Nv24,
        Self::I420,
        Self::Rgb24,
        Self::Bgr24,
        Self::Xrgb,
        Self::Bgrx,
        Self::Grey,
        Self::Mjpeg,
    ];

    /// The V4L2 code of the format in one buffer (`videodev2.h`, "Pixel format").
    pub const fn fourcc(self) -> FourCc {
        FourCc(*match self {
            Self::Yuyv => b"YUYV",
            Self::Uyvy => b"UYVY",
            Self::Yvyu => b"YVYU",
            Self::Vyuy => b"VYUY",
            Self::Nv12 => b"NV12",
            Self::Nv16 => b"NV16",
            Self::Nv24 => b"NV24",
            Self::I420 => b"YU12",
            Self::Rgb24 => b"RGB3",
            Self::Bgr24 => b"BGR3",
            Self::Xrgb => b"BX24",
            Self::Bgrx => b"XR24",
            Self::Grey => b"GREY",
            Self::Mjpeg => b"MJPG",
        })
    }

    /// The format of a V4L2 code. `RGB4`, `BGR4` and `JPEG`, older names of the same layouts, are known as well.
    pub fn from_fourcc(code: FourCc) -> Option<Self> {
        match &code.0 {
            b"RGB4" => Some(Self::Xrgb),
            b"BGR4" => Some(Self::Bgrx),
            b"JPEG" => Some(Self::Mjpeg),
            _ => Self::ALL.into_iter().find(|format| format.fourcc() == code),
        }
    }

    /// Whether a frame is compressed and has no planes to look at.
    pub const fn is_compressed(self) -> bool {
        matches!(self, Self::Mjpeg)
    }

    /// Whether the pixels are red, green and blue.
    pub const fn is_rgb(self) -> bool {
        matches!(self, Self::Rgb24 | Self::Bgr24 | Self::Xrgb | Self::Bgrx)
    }

    /// Horizontal and vertical chroma subsampling as shifts: (1, 1) for 4:2:0, (1, 0) for 4:2:2.
    pub const fn chroma_shifts(self) -> (u32, u32) {
        match self {
            Self::Yuyv | Self::Uyvy | Self::Yvyu | Self::Vyuy | Self::Nv16 => (1, 0),
            Self::Nv12 | Self::I420 | Self::Mjpeg => (1, 1),
            Self::Nv24 | Self::Rgb24 | Self::Bgr24 | Self::Xrgb | Self::Bgrx | Self::Grey => (0, 0),
        }
    }

    /// The planes of a picture of this size, in memory order; empty for compressed formats.
    ///
    /// Sizes that chroma subsampling does not divide are rounded up.
    pub fn planes(self, width_px: u32, height_px: u32) -> impl Iterator<Item = PlaneSize> + Clone {
        let (width, height) = (width_px as usize, height_px as usize);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let plane = |row_bytes, rows| Some(PlaneSize { row_bytes, rows });
        match self {
            Self::Yuyv | Self::Uyvy | Self::Yvyu | Self::Vyuy => [plane(half_width * 4, height), None, None],
            Self::Nv12 => [plane(width, height), plane(half_width * 2, half_height), None],
            Self::Nv16 => [plane(width, height), plane(half_width * 2, height), None],
            Self::Nv24 => [plane(width, height), plane(width * 2, height), None],
            Self::I420 => {
                [plane(width, height), plane(half_width, half_height), plane(half_width, half_height)]
            }
            Self::Rgb24 | Self::Bgr24 => [plane(width * 3, height), None, None],
            Self::Xrgb | Self::Bgrx => [plane(width * 4, height), None, None],
            Self::Grey => [plane(width, height), None, None],
            Self::Mjpeg => [None; 3],
        }
        .into_iter()
        .flatten()
    }
}

impl From<PixelFormat> for FourCc {
    fn from(format: PixelFormat) -> Self {
        format.fourcc()
    }
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fourcc().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        for format in PixelFormat::ALL {
            assert_eq!(PixelFormat::from_fourcc(format.fourcc()), Some(format));
        }
        assert_eq!(FourCc(*b"YUYV").to_u32(), 0x5659_5559);
    }

    #[test]
    fn odd_sizes_round_chroma_up() {
        let sizes: Vec<_> =
            PixelFormat::I420.planes(5, 3).map(|plane| (plane.row_bytes, plane.rows)).collect();
        assert_eq!(sizes, [(5, 3), (3, 2), (3, 2)]);
        assert_eq!(PixelFormat::Yuyv.planes(5, 3).next(), Some(PlaneSize { row_bytes: 12, rows: 3 }));
    }
}
