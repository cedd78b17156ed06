//! Codecs that take bytes and give pictures.

use std::ffi::c_int;
use std::ptr::NonNull;

use super::pixels::RawPicture;
use super::{Layout, PeerError, Pixels};

/// A codec that takes bytes and gives pictures.
#[derive(Debug)]
pub struct Viewer {
    // INVARIANT: from one of the constructors of the C files, and freed by drop alone.
    raw: NonNull<RawViewer>,
}

impl Viewer {
    /// libjpeg-turbo. Gives NV24, whatever the picture was coded as: colour differences are repeated.
    ///
    /// # Errors
    ///
    /// [`PeerError::Refused`], if the library has no memory.
    pub fn jpeg() -> Result<Self, PeerError> {
        // SAFETY: the function has no conditions.
        Self::new(unsafe { kvm_jpeg_viewer_new() })
    }

    /// libvpx's VP8. Gives I420.
    ///
    /// # Errors
    ///
    /// As for [`jpeg`](Self::jpeg).
    pub fn vp8() -> Result<Self, PeerError> {
        // SAFETY: the function has no conditions.
        Self::new(unsafe { kvm_vp8_viewer_new() })
    }

    /// Decodes what a coder gave; `None`, if it was the tables of later pictures.
    ///
    /// # Errors
    ///
    /// [`PeerError::Failed`], if the library cannot decode it without a warning.
    pub fn show(&mut self, coded: &[u8]) -> Result<Option<Pixels<'_>>, PeerError> {
        let mut shown = RawPicture::empty(Layout::Nv24, 0, 0);
        // SAFETY: the viewer is alive and borrowed mutably, as long as what it shows; the bytes are there.
        let result =
            unsafe { kvm_viewer_show(self.raw.as_ptr(), coded.as_ptr(), coded.len(), &raw mut shown) };
        match result {
            0 => Ok(None),
            // SAFETY: a viewer fills in a whole picture, which is good until its next call.
            1 => unsafe { Pixels::trusted(shown) }.map(Some),
            _ => Err(PeerError::Failed),
        }
    }

    fn new(raw: *mut RawViewer) -> Result<Self, PeerError> {
        Ok(Self { raw: NonNull::new(raw).ok_or(PeerError::Refused)? })
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // SAFETY: made by a constructor of the C files and freed only here.
        unsafe { kvm_viewer_free(self.raw.as_ptr()) }
    }
}

/// `struct kvm_viewer`.
#[repr(C)]
struct RawViewer {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn kvm_jpeg_viewer_new() -> *mut RawViewer;
    fn kvm_vp8_viewer_new() -> *mut RawViewer;
    fn kvm_viewer_show(
        viewer: *mut RawViewer,
        bytes: *const u8,
        length: usize,
        shown: *mut RawPicture,
    ) -> c_int;
    fn kvm_viewer_free(viewer: *mut RawViewer);
}
