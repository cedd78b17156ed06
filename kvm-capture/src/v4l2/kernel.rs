//! The ioctls, the mappings and the lending of buffers: all unsafe code of this crate.
//!
//! Two rules make what is here safe to call.
//!
//! 1. A request carries the struct it was defined with ([`Request`]), and that struct is plain numbers
//!    ([`Plain`]), so the kernel writes nothing that is not a valid value. `struct v4l2_buffer`, which can hold
//!    a pointer, is only passed from this file.
//! 2. The bytes of a buffer can be read through [`Memory`] only, a [`Memory`] is only made by [`dequeue`], for a
//!    buffer that the driver has just given back, and [`DriverBuffer::queue`] refuses a buffer as long as a
//!    `Memory` of it lives. A buffer belongs to the application between `DQBUF` and `QBUF` and the driver does
//!    not write to it (V4L2 documentation, "Streaming I/O (Memory Mapping)"); after `STREAMOFF` or `REQBUFS`
//!    the driver has none.

#![expect(unsafe_code, reason = "ioctl and mmap; each block states who guarantees what")]

use std::ffi::c_void;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};
use rustix::mm::{MapFlags, ProtFlags};

use super::abi::{
    self, Buffer, BufferPlane, BufferType, Capability, DvTimings, Event, EventSubscription, Format,
    FormatDescription, Input, MAX_PLANES, MEMORY_MMAP, Request, RequestBuffers,
};

/// Makes a request of the driver, which reads and writes `data`.
pub(super) fn call<T: Plain>(fd: BorrowedFd<'_>, request: &Request<T>, data: &mut T) -> io::Result<()> {
    // SAFETY: `T: Plain` holds no pointer that the kernel follows and is valid with whatever it writes.
    unsafe { transact(fd, request, data) }
}

/// One of a driver's buffers, mapped.
#[derive(Debug)]
pub(super) struct DriverBuffer {
    index: u32,
    planes: Arc<[Mapping]>,
}

impl DriverBuffer {
    /// Asks the driver where a buffer is and maps it.
    pub(super) fn map(fd: BorrowedFd<'_>, kind: BufferType, index: u32) -> io::Result<Self> {
        let mut buffer = Buffer::at(index);
        let mut planes = [BufferPlane::default(); MAX_PLANES];
        call_with_planes(fd, &abi::QUERYBUF, kind, &mut buffer, &mut planes)?;
        let count = plane_count(kind, &buffer);
        let planes: io::Result<Vec<Mapping>> = match kind {
            BufferType::Single => vec![(buffer.offset(), buffer.length)],
            BufferType::Multi => {
                planes.iter().take(count).map(|plane| (plane.offset(), plane.length)).collect()
            }
        }
        .into_iter()
        .map(|(offset, len)| Mapping::new(fd, offset, len))
        .collect();
        Ok(Self { index, planes: planes?.into() })
    }

    /// Gives the buffer to the driver to fill.
    ///
    /// Fails with `ResourceBusy` if somebody still has its memory.
    pub(super) fn queue(&mut self, fd: BorrowedFd<'_>, kind: BufferType) -> io::Result<()> {
        let Some(planes) = Arc::get_mut(&mut self.planes) else {
            return Err(io::ErrorKind::ResourceBusy.into());
        };
        let mut buffer = Buffer::at(self.index);
        let mut described = [BufferPlane::default(); MAX_PLANES];
        for (described, plane) in described.iter_mut().zip(planes) {
            described.length = plane.len_u32;
        }
        call_with_planes(fd, &abi::QBUF, kind, &mut buffer, &mut described)
    }
}

/// Takes a filled buffer from the driver; `None` if there is none yet.
///
/// The descriptor is non-blocking (`Device::open`), so this does not wait.
pub(super) fn dequeue(
    fd: BorrowedFd<'_>,
    kind: BufferType,
    buffers: &[DriverBuffer],
) -> io::Result<Option<Filled>> {
    let mut buffer = Buffer::default();
    let mut planes = [BufferPlane::default(); MAX_PLANES];
    match call_with_planes(fd, &abi::DQBUF, kind, &mut buffer, &mut planes) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    }
    let filled = buffers.iter().find(|mapped| mapped.index == buffer.index);
    let filled = filled.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    let used = match kind {
        BufferType::Single => vec![(0, buffer.bytesused)],
        BufferType::Multi => planes
            .iter()
            .take(filled.planes.len())
            .map(|plane| (plane.data_offset, plane.bytesused))
            .collect(),
    };
    let memory = used
        .into_iter()
        .enumerate()
        .map(|(plane, (from, until))| Memory {
            planes: Arc::clone(&filled.planes),
            plane,
            from: from as usize,
            until: until as usize,
        })
        .collect();
    Ok(Some(Filled { buffer, memory }))
}

/// A buffer the driver has filled and given back.
#[derive(Debug)]
pub(super) struct Filled {
    /// Index, flags, timestamp and sequence.
    pub(super) buffer: Buffer,
    /// What was filled: one piece, or one for each plane of a multi-planar buffer.
    pub(super) memory: Vec<Memory>,
}

/// Bytes in a buffer that the application holds. While it lives the buffer cannot be queued.
#[derive(Debug)]
pub(super) struct Memory {
    planes: Arc<[Mapping]>,
    plane: usize,
    from: usize,
    until: usize,
}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        let Some(mapping) = self.planes.get(self.plane) else { return &[] };
        // SAFETY: the mapping is alive, as `planes` owns it, and is `len` readable bytes. Nobody writes to them:
        // rule 2 of this file for the driver, and the mapping is read-only for this process.
        let bytes = unsafe { std::slice::from_raw_parts(mapping.start.as_ptr(), mapping.len_u32 as usize) };
        // A driver that says it used more than there is has used all there is.
        let until = self.until.min(bytes.len());
        &bytes[self.from.min(until)..until]
    }
}

/// Memory of a driver, mapped for reading, until dropped.
#[derive(Debug)]
struct Mapping {
    // INVARIANT: `len_u32` bytes from here are mapped readable, and nothing else unmaps them.
    start: NonNull<u8>,
    len_u32: u32,
}

impl Mapping {
    fn new(fd: BorrowedFd<'_>, offset: u32, len_u32: u32) -> io::Result<Self> {
        // SAFETY: with a null address and without `MAP_FIXED` no existing mapping is replaced.
        let start = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                len_u32 as usize,
                ProtFlags::READ,
                MapFlags::SHARED,
                fd,
                offset.into(),
            )
        }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len_u32 })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and whoever could read it holds the `Arc` that is now gone.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len_u32 as usize) };
        // The kernel refuses only what is no mapping, and `start` is one.
        debug_assert!(unmapped.is_ok(), "munmap of a mapping of ours");
    }
}

// SAFETY: the mapped memory is no thread's in particular, and it is only ever read through `Memory`.
unsafe impl Send for Mapping {}
// SAFETY: as above; reading from several threads at once is fine where nobody writes.
unsafe impl Sync for Mapping {}

/// Passes `struct v4l2_buffer`, which for multi-planar buffers points to an array of planes.
fn call_with_planes(
    fd: BorrowedFd<'_>,
    request: &Request<Buffer>,
    kind: BufferType,
    buffer: &mut Buffer,
    planes: &mut [BufferPlane; MAX_PLANES],
) -> io::Result<()> {
    buffer.kind = kind.code();
    buffer.memory = MEMORY_MMAP;
    if kind == BufferType::Multi {
        buffer.m = ptr::from_mut(planes).expose_provenance();
        buffer.length = abi::MAX_PLANES_U32;
    }
    // SAFETY: with `MEMORY_MMAP` the kernel follows no pointer for a single-planar buffer, and for a
    // multi-planar one only `m`, which is `length` planes that live until the call returns.
    unsafe { transact(fd, request, buffer) }
}

fn plane_count(kind: BufferType, buffer: &Buffer) -> usize {
    match kind {
        BufferType::Single => 1,
        // The kernel writes back how many there are (`VIDIOC_QUERYBUF`).
        BufferType::Multi => (buffer.length as usize).min(MAX_PLANES),
    }
}

/// # Safety
///
/// Every pointer in `data` that the kernel follows for this request points to memory it may write to, and `T`
/// is valid with whatever the kernel writes into it.
unsafe fn transact<T>(fd: BorrowedFd<'_>, request: &Request<T>, data: &mut T) -> io::Result<()> {
    Ok(rustix::io::retry_on_intr(|| {
        let exchange = Exchange { opcode: request.opcode(), data: &mut *data };
        // SAFETY: a `Request<T>` has the opcode whose argument is a `T`; the rest is the caller's promise.
        unsafe { rustix::ioctl::ioctl(fd, exchange) }
    })?)
}

/// One request with its data, as `rustix` wants it.
struct Exchange<'a, T> {
    opcode: Opcode,
    data: &'a mut T,
}

// SAFETY: the pointer is to a `T`, which is what the opcode's size says, and nothing is made of it afterwards.
unsafe impl<T> Ioctl for Exchange<'_, T> {
    type Output = ();

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(self.data).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

/// A struct of the kernel that is valid with any bytes and through which the kernel follows no pointer.
///
/// # Safety
///
/// Both must be so.
pub(super) unsafe trait Plain {}

// SAFETY: a number.
unsafe impl Plain for u32 {}
// SAFETY: numbers and bytes.
unsafe impl Plain for Capability {}
// SAFETY: numbers and bytes.
unsafe impl Plain for FormatDescription {}
// SAFETY: numbers and bytes; pointers are only in a union member for other kinds than it can be made with.
unsafe impl Plain for Format {}
// SAFETY: numbers.
unsafe impl Plain for RequestBuffers {}
// SAFETY: numbers and bytes.
unsafe impl Plain for Input {}
// SAFETY: numbers.
unsafe impl Plain for DvTimings {}
// SAFETY: numbers.
unsafe impl Plain for EventSubscription {}
// SAFETY: numbers.
unsafe impl Plain for Event {}
