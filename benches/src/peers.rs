//! The encoders we are measured against: libjpeg-turbo and x264, through the C shim in `peers.c`.
//!
//! Each is given its best case: planes in the layout it codes, a reused output buffer, one thread. The
//! only unsafe code outside the libraries is here.
#![expect(unsafe_code, reason = "calls into C libraries")]

use std::ffi::c_int;
use std::ptr::{self, NonNull};

/// A picture in planar 4:2:2: luma and two chroma planes of half the width, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct I422 {
    size: Size,
    // INVARIANT: as long as the planes of this size.
    planes: Vec<u8>,
}

/// A picture in planar 4:2:0: luma and two chroma planes of half the width and height, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct I420 {
    size: Size,
    // INVARIANT: as long as the planes of this size.
    planes: Vec<u8>,
}

/// Width and height in pixels; even, not zero, and at most 16384.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    width: u16,
    height: u16,
}

impl Size {
    /// A size that all encoders here take.
    ///
    /// # Errors
    ///
    /// [`PeerError::Size`], if one of them would not.
    pub fn new(width: u16, height: u16) -> Result<Self, PeerError> {
        let fits = |length: u16| length > 0 && length <= 16_384 && length % 2 == 0;
        if fits(width) && fits(height) { Ok(Self { width, height }) } else { Err(PeerError::Size) }
    }

    fn pixels(self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }
}

impl I422 {
    /// Sorts a packed UYVY frame without padding into planes.
    ///
    /// # Errors
    ///
    /// [`PeerError::Length`], if the frame is not of this size.
    pub fn from_uyvy(size: Size, packed: &[u8]) -> Result<Self, PeerError> {
        if packed.len() != size.pixels() * 2 {
            return Err(PeerError::Length);
        }
        let every = |first: usize, step: usize| packed.iter().skip(first).step_by(step);
        Ok(Self { size, planes: every(1, 2).chain(every(0, 4)).chain(every(2, 4)).copied().collect() })
    }

    /// The planes, one behind the other.
    pub fn as_bytes(&self) -> &[u8] {
        &self.planes
    }
}

impl I420 {
    /// Takes the planes, one behind the other.
    ///
    /// # Errors
    ///
    /// [`PeerError::Length`], if they are not of this size.
    pub fn from_planes(size: Size, planes: Vec<u8>) -> Result<Self, PeerError> {
        if planes.len() == size.pixels() / 2 * 3 { Ok(Self { size, planes }) } else { Err(PeerError::Length) }
    }

    /// The planes, one behind the other.
    pub fn as_bytes(&self) -> &[u8] {
        &self.planes
    }
}

/// libjpeg-turbo, coding 4:2:2 planes with its fastest transform.
#[derive(Debug)]
pub struct TurboJpeg {
    size: Size,
    // INVARIANT: from `kvm_jpeg_new` with this size, and freed by drop alone.
    encoder: NonNull<RawJpeg>,
}

impl TurboJpeg {
    /// An encoder for pictures of one size; quality from 1 to 100.
    ///
    /// # Errors
    ///
    /// [`PeerError::Refused`], if the library takes no such parameters.
    pub fn new(size: Size, quality: u8) -> Result<Self, PeerError> {
        if !(1..=100).contains(&quality) {
            return Err(PeerError::Refused);
        }
        // SAFETY: the shim takes any numbers; these are in the library's range.
        let encoder = unsafe { kvm_jpeg_new(size.width.into(), size.height.into(), quality.into()) };
        Ok(Self { size, encoder: NonNull::new(encoder).ok_or(PeerError::Refused)? })
    }

    /// Codes one picture into a JPEG file.
    ///
    /// # Errors
    ///
    /// [`PeerError::Size`] for a picture of another size; [`PeerError::Failed`], if the library fails.
    pub fn encode(&mut self, picture: &I422) -> Result<&[u8], PeerError> {
        let [y, u, v] = pointers(self.size, picture.size, &picture.planes)?;
        let mut bytes = ptr::null();
        // SAFETY: the encoder is alive and borrowed mutably; the planes are as long as its size asks for.
        let length = unsafe { kvm_jpeg_encode(self.encoder.as_ptr(), y, u, v, &raw mut bytes) };
        let length = usize::try_from(length).map_err(|_| PeerError::Failed)?;
        // SAFETY: the shim's buffer holds that many bytes until the next call, for which the borrow must end.
        Ok(unsafe { std::slice::from_raw_parts(bytes, length) })
    }
}

impl Drop for TurboJpeg {
    fn drop(&mut self) {
        // SAFETY: made by `kvm_jpeg_new` and freed only here.
        unsafe { kvm_jpeg_free(self.encoder.as_ptr()) }
    }
}

/// x264 with the preset ultrafast, tuned for zero latency, baseline profile, one thread.
#[derive(Debug)]
pub struct X264 {
    size: Size,
    // INVARIANT: from `kvm_x264_new` with this size, and freed by drop alone.
    encoder: NonNull<RawX264>,
}

impl X264 {
    /// An encoder for a sequence of pictures of one size; constant rate factor from 0 to 51.
    ///
    /// # Errors
    ///
    /// [`PeerError::Refused`], if the library takes no such parameters.
    pub fn new(size: Size, crf: u8) -> Result<Self, PeerError> {
        if crf > 51 {
            return Err(PeerError::Refused);
        }
        // SAFETY: the shim takes any numbers; these are in the library's range.
        let encoder = unsafe { kvm_x264_new(size.width.into(), size.height.into(), crf.into()) };
        Ok(Self { size, encoder: NonNull::new(encoder).ok_or(PeerError::Refused)? })
    }

    /// Codes the next picture into one access unit (Annex B), with parameter sets before each keyframe.
    ///
    /// # Errors
    ///
    /// [`PeerError::Size`] for a picture of another size; [`PeerError::Failed`], if the library fails.
    pub fn encode(&mut self, picture: &I420) -> Result<&[u8], PeerError> {
        let [y, u, v] = pointers(self.size, picture.size, &picture.planes)?;
        let mut bytes = ptr::null();
        // SAFETY: the encoder is alive and borrowed mutably; the planes are as long as its size asks for.
        let length = unsafe { kvm_x264_encode(self.encoder.as_ptr(), y, u, v, &raw mut bytes) };
        let length = usize::try_from(length).map_err(|_| PeerError::Failed)?;
        // SAFETY: x264's buffer holds that many bytes until the next call, for which the borrow must end.
        Ok(unsafe { std::slice::from_raw_parts(bytes, length) })
    }
}

impl Drop for X264 {
    fn drop(&mut self) {
        // SAFETY: made by `kvm_x264_new` and freed only here.
        unsafe { kvm_x264_free(self.encoder.as_ptr()) }
    }
}

/// What goes wrong with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// Not a size the encoder takes.
    #[error("not a size the encoder takes")]
    Size,
    /// The frame has another length than its size asks for.
    #[error("the frame has another length than its size asks for")]
    Length,
    /// The library refused the parameters.
    #[error("the library refused the parameters")]
    Refused,
    /// The library failed.
    #[error("the library failed")]
    Failed,
}

/// Where the three planes begin; both chroma planes are of one length.
fn pointers(wanted: Size, size: Size, planes: &[u8]) -> Result<[*const u8; 3], PeerError> {
    if size != wanted {
        return Err(PeerError::Size);
    }
    let (luma, chroma) = planes.split_at(size.pixels());
    let (u, v) = chroma.split_at(chroma.len() / 2);
    Ok([luma, u, v].map(<[u8]>::as_ptr))
}

/// `struct kvm_jpeg` of the shim.
#[repr(C)]
struct RawJpeg {
    opaque: [u8; 0],
}

/// `struct kvm_x264` of the shim.
#[repr(C)]
struct RawX264 {
    opaque: [u8; 0],
}

unsafe extern "C" {
    fn kvm_jpeg_new(width: c_int, height: c_int, quality: c_int) -> *mut RawJpeg;
    fn kvm_jpeg_encode(
        jpeg: *mut RawJpeg,
        y: *const u8,
        u: *const u8,
        v: *const u8,
        bytes: *mut *const u8,
    ) -> isize;
    fn kvm_jpeg_free(jpeg: *mut RawJpeg);
    fn kvm_x264_new(width: c_int, height: c_int, crf: c_int) -> *mut RawX264;
    fn kvm_x264_encode(
        x264: *mut RawX264,
        y: *const u8,
        u: *const u8,
        v: *const u8,
        bytes: *mut *const u8,
    ) -> isize;
    fn kvm_x264_free(x264: *mut RawX264);
}
