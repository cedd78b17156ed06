//! The codecs we are measured against, through the C files in `peers/`: libjpeg-turbo, x264, libvpx's VP8, and libyuv
//! for bringing captured frames into the form they take.
//!
//! Each runs on the thread that calls it and keeps its output in memory of its own. The only unsafe code outside
//! the libraries is here.
#![expect(unsafe_code, reason = "calls into C libraries")]

use std::ffi::{CStr, c_char, c_int};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use kvm_capture::{ImageView, PixelFormat};

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

    fn code(self) -> c_int {
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
    fn planes(self, width: u16, height: u16) -> [(usize, usize); 3] {
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
    raw: RawPicture,
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

    fn new(
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
    unsafe fn trusted(raw: RawPicture) -> Result<Self, PeerError> {
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

/// How a JPEG picture is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JpegManner {
    /// What libjpeg-turbo does fastest: I420 and I422 planes as they are, BGRX as 4:2:2, with the fast transform.
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

/// What goes wrong with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The library, or the C file around it, takes no such parameters.
    #[error("the library takes no such parameters")]
    Refused,
    /// The library failed.
    #[error("the library failed")]
    Failed,
}

/// `struct kvm_picture`.
#[derive(Clone, Copy)]
#[repr(C)]
struct RawPicture {
    layout: c_int,
    width: c_int,
    height: c_int,
    plane: [*const u8; 3],
    stride: [c_int; 3],
}

impl RawPicture {
    fn empty(layout: Layout, width: u16, height: u16) -> Self {
        Self {
            layout: layout.code(),
            width: width.into(),
            height: height.into(),
            plane: [ptr::null(); 3],
            stride: [0; 3],
        }
    }
}

/// `struct kvm_coder`.
#[repr(C)]
struct RawCoder {
    opaque: [u8; 0],
}

/// `struct kvm_viewer`.
#[repr(C)]
struct RawViewer {
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
    fn kvm_jpeg_viewer_new() -> *mut RawViewer;
    fn kvm_x264_new(
        width: c_int,
        height: c_int,
        preset: *const c_char,
        crf: c_int,
        matrix: c_int,
    ) -> *mut RawCoder;
    fn kvm_vp8_new(width: c_int, height: c_int, quantiser: c_int) -> *mut RawCoder;
    fn kvm_vp8_viewer_new() -> *mut RawViewer;
    fn kvm_coder_code(coder: *mut RawCoder, picture: *const RawPicture, bytes: *mut *const u8) -> isize;
    fn kvm_coder_free(coder: *mut RawCoder);
    fn kvm_viewer_show(
        viewer: *mut RawViewer,
        bytes: *const u8,
        length: usize,
        shown: *mut RawPicture,
    ) -> c_int;
    fn kvm_viewer_free(viewer: *mut RawViewer);
    fn kvm_convert(
        picture: *const RawPicture,
        layout: c_int,
        planes: *const *mut u8,
        strides: *const c_int,
    ) -> c_int;
}
