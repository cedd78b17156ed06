//! Codecs that take pictures and give bytes.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{self, NonNull};

use super::pixels::RawPicture;
use super::{PeerError, Pixels};

/// How a JPEG picture is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JpegManner {
    /// What libjpeg-turbo does fastest: I420 and I422 planes as they are, BGRX as 4:2:0, with the fast transform.
    Fastest,
    /// The library's defaults, given one row after the other with all components for every pixel (UYVY and NV12
    /// widened on the way), coded as 4:2:0.
    Scanlines,
}

/// The presets of x264 that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum X264Preset {
    /// The fastest.
    Ultrafast,
    /// The next one.
    Superfast,
}

/// A codec that takes pictures and gives bytes.
#[derive(Debug)]
pub struct Coder {
    // INVARIANT: from one of the constructors of the C files, and freed by drop alone.
    raw: NonNull<RawCoder>,
    /// What was coded last.
    // INVARIANT: as many bytes of the C coder's memory, good until its next call.
    coded: (*const u8, usize),
    is_jpeg: bool,
}

impl Coder {
    /// libjpeg-turbo, for pictures up to this size; quality from 1 to 100. Abbreviated pictures lack the tables.
    ///
    /// # Errors
    ///
    /// [`PeerError::Refused`], if the library takes no such parameters.
    pub fn jpeg(
        (width, height): (u16, u16),
        quality: u8,
        manner: JpegManner,
        is_abbreviated: bool,
    ) -> Result<Self, PeerError> {
        if width == 0 || height == 0 || !(1..=100).contains(&quality) {
            return Err(PeerError::Refused);
        }
        let manner = match manner {
            JpegManner::Fastest => 0,
            JpegManner::Scanlines => 1,
        };
        // SAFETY: the function takes any numbers that are not negative.
        let raw = unsafe {
            kvm_jpeg_new(width.into(), height.into(), quality.into(), manner, is_abbreviated.into())
        };
        let mut coder = Self::new(raw)?;
        coder.is_jpeg = true;
        Ok(coder)
    }

    /// x264 without latency: one thread, an infinite group of pictures, a constant rate factor up to 51. Takes
    /// I420 and NV12. The matrix is 1 for BT.709 and 6 for BT.601 (ITU-T H.264, table E-5).
    ///
    /// # Errors
    ///
    /// As for [`jpeg`](Self::jpeg).
    pub fn x264(
        (width, height): (u16, u16),
        preset: X264Preset,
        crf: u8,
        matrix: u8,
    ) -> Result<Self, PeerError> {
        if width == 0 || height == 0 || crf > 51 {
            return Err(PeerError::Refused);
        }
        let preset: &CStr = match preset {
            X264Preset::Ultrafast => c"ultrafast",
            X264Preset::Superfast => c"superfast",
        };
        // SAFETY: the function takes any numbers that are not negative, and a string.
        Self::new(unsafe {
            kvm_x264_new(width.into(), height.into(), preset.as_ptr(), crf.into(), matrix.into())
        })
    }

    /// libvpx's VP8 in real time for screens, at one quantiser up to 63. Takes I420.
    ///
    /// # Errors
    ///
    /// As for [`jpeg`](Self::jpeg).
    pub fn vp8((width, height): (u16, u16), quantiser: u8) -> Result<Self, PeerError> {
        if width == 0 || height == 0 || quantiser > 63 {
            return Err(PeerError::Refused);
        }
        // SAFETY: the function takes any numbers that are not negative.
        Self::new(unsafe { kvm_vp8_new(width.into(), height.into(), quantiser.into()) })
    }

    /// Codes the next picture.
    ///
    /// # Errors
    ///
    /// [`PeerError::Failed`] for a picture the coder does not take, and if the library fails.
    pub fn code(&mut self, picture: &Pixels<'_>) -> Result<(), PeerError> {
        let mut bytes = ptr::null();
        // SAFETY: the coder is alive and borrowed mutably, the picture's planes are as long as it says.
        let length = unsafe { kvm_coder_code(self.raw.as_ptr(), &raw const picture.raw, &raw mut bytes) };
        self.keep(bytes, length)
    }

    /// Makes the tables that go before the pictures of an abbreviating JPEG coder.
    ///
    /// # Errors
    ///
    /// [`PeerError::Refused`] by other coders; [`PeerError::Failed`], if the library fails.
    pub fn tables(&mut self) -> Result<(), PeerError> {
        if !self.is_jpeg {
            return Err(PeerError::Refused);
        }
        let mut bytes = ptr::null();
        // SAFETY: the coder is alive, borrowed mutably, and made by `kvm_jpeg_new`.
        let length = unsafe { kvm_jpeg_tables(self.raw.as_ptr(), &raw mut bytes) };
        self.keep(bytes, length)
    }

    /// What was coded last; empty after a failure.
    pub fn coded(&self) -> &[u8] {
        let (bytes, length) = self.coded;
        // SAFETY: by the invariant; the next call needs the coder mutably.
        unsafe { std::slice::from_raw_parts(bytes, length) }
    }

    fn new(raw: *mut RawCoder) -> Result<Self, PeerError> {
        let raw = NonNull::new(raw).ok_or(PeerError::Refused)?;
        Ok(Self { raw, coded: (NonNull::dangling().as_ptr(), 0), is_jpeg: false })
    }

    fn keep(&mut self, bytes: *const u8, length: isize) -> Result<(), PeerError> {
        self.coded = (NonNull::dangling().as_ptr(), 0);
        let length = usize::try_from(length).map_err(|_| PeerError::Failed)?;
        if length == 0 || bytes.is_null() {
            return Err(PeerError::Failed);
        }
        self.coded = (bytes, length);
        Ok(())
    }
}

impl Drop for Coder {
    fn drop(&mut self) {
        // SAFETY: made by a constructor of the C files and freed only here.
        unsafe { kvm_coder_free(self.raw.as_ptr()) }
    }
}

/// `struct kvm_coder`.
#[repr(C)]
struct RawCoder {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn kvm_jpeg_new(
        width: c_int,
        height: c_int,
        quality: c_int,
        manner: c_int,
        abbreviated: c_int,
    ) -> *mut RawCoder;
    fn kvm_jpeg_tables(jpeg: *mut RawCoder, bytes: *mut *const u8) -> isize;
    fn kvm_x264_new(
        width: c_int,
        height: c_int,
        preset: *const c_char,
        crf: c_int,
        matrix: c_int,
    ) -> *mut RawCoder;
    fn kvm_vp8_new(width: c_int, height: c_int, quantiser: c_int) -> *mut RawCoder;
    fn kvm_coder_code(coder: *mut RawCoder, picture: *const RawPicture, bytes: *mut *const u8) -> isize;
    fn kvm_coder_free(coder: *mut RawCoder);
}
