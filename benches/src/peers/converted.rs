//! Pictures brought into another layout by libyuv.

use std::ffi::c_int;
use std::ptr;

use super::pixels::RawPicture;
use super::{Layout, PeerError, Pixels};

/// A picture in memory of its own, in another layout than it was captured in.
#[derive(Debug, Default)]
pub struct Converted {
    shape: Option<(Layout, u16, u16)>,
    bytes: Vec<u8>,
}

impl Converted {
    /// Takes a picture in another layout, converted by libyuv. Allocates for the first picture of a size only.
    ///
    /// # Errors
    ///
    /// There is no way from the one layout to the other.
    pub fn fill(&mut self, from: &Pixels<'_>, layout: Layout) -> Result<(), PeerError> {
        let (_, width, height) = from.format();
        let sizes = layout.planes(width, height);
        self.bytes.resize(sizes.iter().map(|(row_bytes, rows)| row_bytes * rows).sum(), 0);
        self.shape = Some((layout, width, height));
        let mut planes = [ptr::null_mut(); 3];
        let mut strides = [0; 3];
        let mut rest = self.bytes.as_mut_slice();
        for (index, (row_bytes, rows)) in sizes.into_iter().enumerate() {
            let (plane, after) = rest.split_at_mut(row_bytes * rows);
            planes[index] = plane.as_mut_ptr();
            strides[index] = c_int::try_from(row_bytes).map_err(|_| PeerError::Refused)?;
            rest = after;
        }
        // SAFETY: both pictures have the planes that their layouts and their common size ask for.
        let result =
            unsafe { kvm_convert(&raw const from.raw, layout.code(), planes.as_ptr(), strides.as_ptr()) };
        if result == 0 { Ok(()) } else { Err(PeerError::Refused) }
    }

    /// The planes of a picture in [`Layout::I420`] without padding, its width and its height; `None` otherwise.
    pub fn i420(&self) -> Option<([&[u8]; 3], usize, usize)> {
        let (Layout::I420, width, height) = self.shape? else { return None };
        let [(luma, rows), (chroma, chroma_rows), _] = Layout::I420.planes(width, height);
        let (first, rest) = self.bytes.split_at(luma * rows);
        let (second, third) = rest.split_at(chroma * chroma_rows);
        Some(([first, second, third], width.into(), height.into()))
    }

    /// The picture; `None` before the first one.
    pub fn pixels(&self) -> Option<Pixels<'_>> {
        let (layout, width, height) = self.shape?;
        let mut rest = self.bytes.as_slice();
        let mut planes = [&[][..]; 3];
        let sizes = layout.planes(width, height);
        for (plane, (row_bytes, rows)) in planes.iter_mut().zip(sizes) {
            (*plane, rest) = rest.split_at(row_bytes * rows);
        }
        Pixels::new(layout, width.into(), height.into(), planes, sizes.map(|(row_bytes, _)| row_bytes))
    }
}

unsafe extern "C" {
    fn kvm_convert(
        picture: *const RawPicture,
        layout: c_int,
        planes: *const *mut u8,
        strides: *const c_int,
    ) -> c_int;
}
