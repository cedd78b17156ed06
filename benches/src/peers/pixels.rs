//! Pictures as the C files see them.

use std::ffi::c_int;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;

use kvm_capture::{ImageView, PixelFormat};

use super::PeerError;

/// How a picture lies in memory, as `enum kvm_layout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// 4:2:2 packed, Cb Y Cr Y.
    Uyvy,
    /// 4:2:0, luma and pairs of Cb and Cr.
    Nv12,
    /// 4:2:0, three planes.
    I420,
    /// 4:2:2, three planes.
    I422,
    /// 32 bits, B G R X.
    Bgrx,
    /// 4:4:4, luma and pairs of Cb and Cr.
    Nv24,
}

impl Layout {
    const ALL: [Self; 6] = [Self::Uyvy, Self::Nv12, Self::I420, Self::I422, Self::Bgrx, Self::Nv24];

    pub(super) fn code(self) -> c_int {
        match self {
            Self::Uyvy => 0,
            Self::Nv12 => 1,
            Self::I420 => 2,
            Self::I422 => 3,
            Self::Bgrx => 4,
            Self::Nv24 => 5,
        }
    }

    /// Bytes of a row and rows of each plane.
    pub(super) fn planes(self, width: u16, height: u16) -> [(usize, usize); 3] {
        let (width, height) = (usize::from(width), usize::from(height));
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        match self {
            Self::Uyvy => [(half_width * 4, height), (0, 0), (0, 0)],
            Self::Nv12 => [(width, height), (half_width * 2, half_height), (0, 0)],
            Self::I420 => [(width, height), (half_width, half_height), (half_width, half_height)],
            Self::I422 => [(width, height), (half_width, height), (half_width, height)],
            Self::Bgrx => [(width * 4, height), (0, 0), (0, 0)],
            Self::Nv24 => [(width, height), (width * 2, height), (0, 0)],
        }
    }
}

/// The pixels of a picture, known to be there.
#[derive(Clone, Copy)]
pub struct Pixels<'a> {
    layout: Layout,
    width: u16,
    height: u16,
    // INVARIANT: the planes hold as many bytes as layout, size and strides ask for, for `'a`.
    pub(super) raw: RawPicture,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> Pixels<'a> {
    /// The picture of a frame, or a part of it. `None` for a format that no peer takes.
    pub fn of(image: &ImageView<'a>) -> Option<Self> {
        let layout = match image.format().pixel {
            PixelFormat::Uyvy => Layout::Uyvy,
            PixelFormat::Nv12 => Layout::Nv12,
            PixelFormat::I420 => Layout::I420,
            PixelFormat::Bgrx => Layout::Bgrx,
            _ => return None,
        };
        let mut planes = [&[][..]; 3];
        let mut strides = [0; 3];
        for (index, plane) in image.planes().iter().enumerate() {
            (planes[index], strides[index]) = (plane.span(0, plane.size().rows), plane.stride());
        }
        Self::new(layout, image.format().width_px, image.format().height_px, planes, strides)
    }

    /// Layout, width and height.
    pub fn format(&self) -> (Layout, u16, u16) {
        (self.layout, self.width, self.height)
    }

    /// The rows of one plane without padding, from the top; none if the layout does not have it.
    pub fn rows(&self, plane: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (row_bytes, rows) = self.layout.planes(self.width, self.height)[plane];
        let (first, stride) = (self.raw.plane[plane], self.raw.stride[plane].unsigned_abs() as usize);
        (0..rows).map(move |row| {
            // SAFETY: by the invariant this row is inside the plane.
            let start = unsafe { first.add(row * stride) };
            // SAFETY: by the invariant these bytes are there for `'a`, and nobody writes them meanwhile.
            unsafe { std::slice::from_raw_parts(start, row_bytes) }
        })
    }

    pub(super) fn new(
        layout: Layout,
        width: u32,
        height: u32,
        planes: [&'a [u8]; 3],
        strides: [usize; 3],
    ) -> Option<Self> {
        let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
        if width == 0 || height == 0 {
            return None;
        }
        let mut raw = RawPicture::empty(layout, width, height);
        let sizes = layout.planes(width, height);
        for (index, ((row_bytes, rows), bytes)) in sizes.into_iter().zip(planes).enumerate() {
            if rows == 0 {
                continue;
            }
            let stride = strides[index];
            if stride < row_bytes || bytes.len() < (rows - 1).checked_mul(stride)? + row_bytes {
                return None;
            }
            raw.plane[index] = bytes.as_ptr();
            raw.stride[index] = c_int::try_from(stride).ok()?;
        }
        Some(Self { layout, width, height, raw, bytes: PhantomData })
    }

    /// What a viewer of the C files has filled in.
    ///
    /// # Safety
    ///
    /// The planes hold what layout, size and strides ask for, unchanged for `'a`.
    pub(super) unsafe fn trusted(raw: RawPicture) -> Result<Self, PeerError> {
        let layout = Layout::ALL.into_iter().find(|layout| layout.code() == raw.layout);
        let side = |length: c_int| u16::try_from(length).map_err(|_| PeerError::Failed);
        Ok(Self {
            layout: layout.ok_or(PeerError::Failed)?,
            width: side(raw.width)?,
            height: side(raw.height)?,
            raw,
            bytes: PhantomData,
        })
    }
}

impl fmt::Debug for Pixels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pixels").field(&self.format()).finish()
    }
}

/// `struct kvm_picture`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct RawPicture {
    layout: c_int,
    width: c_int,
    height: c_int,
    plane: [*const u8; 3],
    stride: [c_int; 3],
}

impl RawPicture {
    pub(super) fn empty(layout: Layout, width: u16, height: u16) -> Self {
        Self {
            layout: layout.code(),
            width: width.into(),
            height: height.into(),
            plane: [ptr::null(); 3],
            stride: [0; 3],
        }
    }
}
