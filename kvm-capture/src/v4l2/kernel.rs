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
//! 3. They can be written through [`DriverBuffer::bytes_mut`] only, which refuses a buffer that the driver has or
//!    that a `Memory` can read. A descriptor made by [`export`] can be mapped for reading only.

#![expect(unsafe_code, reason = "ioctl and mmap; each block states who guarantees what")]

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode};
use rustix::mm::{MapFlags, ProtFlags};

use super::abi::codec::{
    Control, ControlDescription, EXPBUF, EncoderCommand, ExportBuffer, Selection, StreamParameters,
};
use super::abi::{
    self, Buffer, BufferPlane, BufferType, Capability, DvTimings, Event, EventSubscription, Format,
    FormatDescription, Input, MAX_PLANES, MEMORY_DMABUF, MEMORY_MMAP, Request, RequestBuffers, TimeVal,
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
    // INVARIANT: true from before the driver gets the buffer until it has given it back or stopped.
    is_queued: bool,
}

impl DriverBuffer {
    /// Asks the driver where a buffer is and maps it.
    pub(super) fn map(fd: BorrowedFd<'_>, kind: BufferType, index: u32) -> io::Result<Self> {
        let mut buffer = Buffer::at(index);
        let mut planes = [BufferPlane::default(); MAX_PLANES];
        call_with_planes(fd, &abi::QUERYBUF, kind, MEMORY_MMAP, &mut buffer, &mut planes)?;
        let pieces = if kind.is_multi() {
            // The kernel writes back how many there are (`VIDIOC_QUERYBUF`).
            let count = (buffer.length as usize).min(MAX_PLANES);
            planes.iter().take(count).map(|plane| (plane.offset(), plane.length)).collect()
        } else {
            vec![(buffer.offset(), buffer.length)]
        };
        let mapped = pieces.into_iter().map(|(offset, len)| Mapping::new(fd, kind, offset, len));
        let planes: io::Result<Vec<Mapping>> = mapped.collect();
        Ok(Self { index, planes: planes?.into(), is_queued: false })
    }

    /// Gives the buffer to the driver to fill.
    ///
    /// Fails with `ResourceBusy` if somebody still has its memory.
    pub(super) fn queue(&mut self, fd: BorrowedFd<'_>, kind: BufferType) -> io::Result<()> {
        self.queue_filled(fd, kind, &[], TimeVal::default())
    }

    /// Gives the buffer to the driver to read, with so many bytes in each of its pieces.
    ///
    /// Fails with `ResourceBusy` if somebody still has its memory, or the driver has it already.
    pub(super) fn queue_filled(
        &mut self,
        fd: BorrowedFd<'_>,
        kind: BufferType,
        used: &[u32],
        stamp: TimeVal,
    ) -> io::Result<()> {
        let planes = Arc::get_mut(&mut self.planes).filter(|_| !self.is_queued);
        let Some(planes) = planes else {
            return Err(io::ErrorKind::ResourceBusy.into());
        };
        let mut buffer = Buffer::at(self.index);
        buffer.timestamp = stamp;
        let mut described = [BufferPlane::default(); MAX_PLANES];
        for (described, plane) in described.iter_mut().zip(planes) {
            described.length = plane.len_u32;
        }
        for (described, used) in described.iter_mut().zip(used) {
            described.bytesused = *used;
        }
        if kind.is_output() {
            buffer.field = Buffer::FIELD_NONE;
            buffer.bytesused = used.first().copied().unwrap_or(0);
        }
        self.is_queued = true;
        let queued = call_with_planes(fd, &abi::QBUF, kind, MEMORY_MMAP, &mut buffer, &mut described);
        self.is_queued = queued.is_ok();
        queued
    }

    /// One piece of the memory, to be filled; `None` while the driver has it or somebody reads it, and for buffers
    /// that the driver fills.
    pub(super) fn bytes_mut(&mut self, piece: usize) -> Option<&mut [u8]> {
        let planes = Arc::get_mut(&mut self.planes).filter(|_| !self.is_queued)?;
        let mapping = planes.get_mut(piece).filter(|mapping| mapping.is_writable)?;
        // SAFETY: the mapping is alive and `len_u32` writable bytes. Nobody else reads or writes them: no `Memory`
        // has the `Arc`, and the driver has not got the buffer.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(mapping.start.as_ptr(), mapping.len_u32 as usize) };
        Some(bytes)
    }

    /// Its number.
    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// Bytes of each of its pieces.
    pub(super) fn lens(&self) -> impl Iterator<Item = u32> {
        self.planes.iter().map(|mapping| mapping.len_u32)
    }
}

/// Stops a stream, after which the driver has none of its buffers.
pub(super) fn stop(fd: BorrowedFd<'_>, kind: BufferType, buffers: &mut [DriverBuffer]) -> io::Result<()> {
    call(fd, &abi::STREAMOFF, &mut kind.code())?;
    for buffer in buffers {
        buffer.is_queued = false;
    }
    Ok(())
}

/// Makes a descriptor of one piece of a buffer, for another driver to read. It keeps the memory alive.
pub(super) fn export(fd: BorrowedFd<'_>, kind: BufferType, index: u32, piece: u32) -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::CLOEXEC | rustix::fs::OFlags::RDONLY;
    let mut exported = ExportBuffer::asking(kind, index, piece, flags.bits());
    // SAFETY: numbers only.
    unsafe { transact(fd, &EXPBUF, &mut exported) }?;
    if exported.fd < 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // SAFETY: the request made this descriptor for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(exported.fd) })
}

/// A piece of memory of another driver that this one is to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Imported<'a> {
    pub(super) fd: BorrowedFd<'a>,
    pub(super) used: u32,
    pub(super) len: u32,
}

/// Gives the driver memory of another one to read.
pub(super) fn queue_imported(
    fd: BorrowedFd<'_>,
    kind: BufferType,
    index: u32,
    pieces: &[Imported<'_>],
    stamp: TimeVal,
) -> io::Result<()> {
    let mut buffer = Buffer::at(index);
    (buffer.timestamp, buffer.field) = (stamp, Buffer::FIELD_NONE);
    let mut planes = [BufferPlane::default(); MAX_PLANES];
    for (plane, piece) in planes.iter_mut().zip(pieces) {
        plane.set_fd(piece.fd.as_raw_fd());
        (plane.bytesused, plane.length) = (piece.used, piece.len);
    }
    if let Some(first) = pieces.first() {
        buffer.set_fd(first.fd.as_raw_fd());
        (buffer.bytesused, buffer.length) = (first.used, first.len);
    }
    call_with_planes(fd, &abi::QBUF, kind, MEMORY_DMABUF, &mut buffer, &mut planes)
}

/// Takes back the number of a buffer whose memory is another driver's; `None` if there is none yet.
pub(super) fn dequeue_imported(fd: BorrowedFd<'_>, kind: BufferType) -> io::Result<Option<Buffer>> {
    let mut buffer = Buffer::default();
    let mut planes = [BufferPlane::default(); MAX_PLANES];
    match call_with_planes(fd, &abi::DQBUF, kind, MEMORY_DMABUF, &mut buffer, &mut planes) {
        Ok(()) => Ok(Some(buffer)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes a filled buffer from the driver; `None` if there is none yet.
///
/// The descriptor is non-blocking (`Device::open`), so this does not wait.
pub(super) fn dequeue(
    fd: BorrowedFd<'_>,
    kind: BufferType,
    buffers: &mut [DriverBuffer],
) -> io::Result<Option<Filled>> {
    let mut buffer = Buffer::default();
    let mut planes = [BufferPlane::default(); MAX_PLANES];
    match call_with_planes(fd, &abi::DQBUF, kind, MEMORY_MMAP, &mut buffer, &mut planes) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    }
    let filled = buffers.iter_mut().find(|mapped| mapped.index == buffer.index);
    let filled = filled.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    filled.is_queued = false;
    let used = if kind.is_multi() {
        let planes = planes.iter().take(filled.planes.len());
        planes.map(|plane| (plane.data_offset, plane.bytesused)).collect()
    } else {
        vec![(0, buffer.bytesused)]
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

impl Memory {
    /// Whether the driver said that it used more than there is.
    pub(super) fn overruns(&self) -> bool {
        self.planes.get(self.plane).is_none_or(|mapping| self.until > mapping.len_u32 as usize)
    }
}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        let Some(mapping) = self.planes.get(self.plane) else { return &[] };
        // SAFETY: the mapping is alive, as `planes` owns it, and is `len` readable bytes. Nobody writes to them:
        // rule 2 of this file for the driver, rule 3 for this process.
        let bytes = unsafe { std::slice::from_raw_parts(mapping.start.as_ptr(), mapping.len_u32 as usize) };
        // A driver that says it used more than there is has used all there is.
        let until = self.until.min(bytes.len());
        &bytes[self.from.min(until)..until]
    }
}

/// Memory of a driver, mapped until dropped.
#[derive(Debug)]
struct Mapping {
    // INVARIANT: `len_u32` bytes from here are mapped readable, with `is_writable` writable as well, and nothing else
    // unmaps them.
    start: NonNull<u8>,
    len_u32: u32,
    is_writable: bool,
}

impl Mapping {
    fn new(fd: BorrowedFd<'_>, kind: BufferType, offset: u32, len_u32: u32) -> io::Result<Self> {
        let is_writable = kind.is_output();
        let protection = if is_writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: with a null address and without `MAP_FIXED` no existing mapping is replaced.
        let start = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                len_u32 as usize,
                protection,
                MapFlags::SHARED,
                fd,
                offset.into(),
            )
        }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len_u32, is_writable })
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

// SAFETY: the mapped memory is no thread's in particular; it is read through `Memory` and written through
// `DriverBuffer::bytes_mut`, which borrows it alone.
unsafe impl Send for Mapping {}
// SAFETY: as above; a shared mapping is only read, and reading from several threads at once is fine.
unsafe impl Sync for Mapping {}

/// Passes `struct v4l2_buffer`, which for multi-planar buffers points to an array of planes.
fn call_with_planes(
    fd: BorrowedFd<'_>,
    request: &Request<Buffer>,
    kind: BufferType,
    memory: u32,
    buffer: &mut Buffer,
    planes: &mut [BufferPlane; MAX_PLANES],
) -> io::Result<()> {
    // With `V4L2_MEMORY_USERPTR` the kernel would follow more pointers than `m`.
    assert!(memory == MEMORY_MMAP || memory == MEMORY_DMABUF, "memory of a driver");
    buffer.kind = kind.code();
    buffer.memory = memory;
    if kind.is_multi() {
        buffer.m = ptr::from_mut(planes).expose_provenance();
        buffer.length = abi::MAX_PLANES_U32;
    }
    // SAFETY: with these kinds of memory the kernel follows no pointer for a single-planar buffer, and for a
    // multi-planar one only `m`, which is `length` planes that live until the call returns.
    unsafe { transact(fd, request, buffer) }
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
// SAFETY: numbers.
unsafe impl Plain for StreamParameters {}
// SAFETY: numbers. Of a control that holds a pointer the kernel knows no value here (`VIDIOC_S_CTRL`).
unsafe impl Plain for Control {}
// SAFETY: numbers and bytes.
unsafe impl Plain for ControlDescription {}
// SAFETY: numbers.
unsafe impl Plain for EncoderCommand {}
// SAFETY: numbers.
unsafe impl Plain for Selection {}
