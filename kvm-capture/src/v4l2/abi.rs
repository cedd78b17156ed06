//! The structs and requests of `linux/videodev2.h` that capturing needs, laid out as the kernel has them; those that
//! only codecs need are in [`codec`].
//!
//! Sources: "Linux Media Subsystem Documentation", Video for Linux API, and the header itself. Where C has a
//! union, the struct here has bytes or a word of the same size and alignment, and methods that read one member.

use std::marker::PhantomData;
use std::mem::size_of;

use rustix::ioctl::{Opcode, opcode};

pub(super) mod codec;

/// One ioctl of V4L2, with the struct it is passed.
#[derive(Debug)]
pub(super) struct Request<T> {
    /// The name in the header, for error messages.
    pub(super) name: &'static str,
    // INVARIANT: made of the request's number and `size_of::<T>()` by the functions below.
    opcode: Opcode,
    data: PhantomData<fn(T)>,
}

impl<T> Request<T> {
    pub(super) fn opcode(&self) -> Opcode {
        self.opcode
    }

    const fn read(name: &'static str, number: u8) -> Self {
        Self { name, opcode: opcode::read::<T>(b'V', number), data: PhantomData }
    }

    const fn write(name: &'static str, number: u8) -> Self {
        Self { name, opcode: opcode::write::<T>(b'V', number), data: PhantomData }
    }

    const fn read_write(name: &'static str, number: u8) -> Self {
        Self { name, opcode: opcode::read_write::<T>(b'V', number), data: PhantomData }
    }
}

pub(super) const QUERYCAP: Request<Capability> = Request::read("VIDIOC_QUERYCAP", 0);
pub(super) const ENUM_FMT: Request<FormatDescription> = Request::read_write("VIDIOC_ENUM_FMT", 2);
pub(super) const G_FMT: Request<Format> = Request::read_write("VIDIOC_G_FMT", 4);
pub(super) const S_FMT: Request<Format> = Request::read_write("VIDIOC_S_FMT", 5);
pub(super) const REQBUFS: Request<RequestBuffers> = Request::read_write("VIDIOC_REQBUFS", 8);
pub(super) const QUERYBUF: Request<Buffer> = Request::read_write("VIDIOC_QUERYBUF", 9);
pub(super) const QBUF: Request<Buffer> = Request::read_write("VIDIOC_QBUF", 15);
pub(super) const DQBUF: Request<Buffer> = Request::read_write("VIDIOC_DQBUF", 17);
pub(super) const STREAMON: Request<u32> = Request::write("VIDIOC_STREAMON", 18);
pub(super) const STREAMOFF: Request<u32> = Request::write("VIDIOC_STREAMOFF", 19);
pub(super) const ENUMINPUT: Request<Input> = Request::read_write("VIDIOC_ENUMINPUT", 26);
pub(super) const G_INPUT: Request<u32> = Request::read("VIDIOC_G_INPUT", 38);
pub(super) const S_DV_TIMINGS: Request<DvTimings> = Request::read_write("VIDIOC_S_DV_TIMINGS", 87);
pub(super) const DQEVENT: Request<Event> = Request::read("VIDIOC_DQEVENT", 89);
pub(super) const SUBSCRIBE_EVENT: Request<EventSubscription> = Request::write("VIDIOC_SUBSCRIBE_EVENT", 90);
pub(super) const QUERY_DV_TIMINGS: Request<DvTimings> = Request::read("VIDIOC_QUERY_DV_TIMINGS", 99);

/// `enum v4l2_buf_type`, the four of them that are for whole pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum BufferType {
    /// `V4L2_BUF_TYPE_VIDEO_CAPTURE`: a buffer is one piece of memory.
    Single = 1,
    /// `V4L2_BUF_TYPE_VIDEO_OUTPUT`: the same, filled by the application.
    SingleOut = 2,
    /// `V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE`: a buffer may be several.
    Multi = 9,
    /// `V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE`: the same, filled by the application.
    MultiOut = 10,
}

impl BufferType {
    pub(super) const fn code(self) -> u32 {
        match self {
            Self::Single => 1,
            Self::SingleOut => 2,
            Self::Multi => 9,
            Self::MultiOut => 10,
        }
    }

    /// Whether a buffer may be several pieces of memory, described by `struct v4l2_plane`.
    pub(super) const fn is_multi(self) -> bool {
        matches!(self, Self::Multi | Self::MultiOut)
    }

    /// Whether the application fills the buffers and the driver reads them.
    pub(super) const fn is_output(self) -> bool {
        matches!(self, Self::SingleOut | Self::MultiOut)
    }
}

/// `V4L2_MEMORY_MMAP`.
pub(super) const MEMORY_MMAP: u32 = 1;
/// `V4L2_MEMORY_DMABUF`.
pub(super) const MEMORY_DMABUF: u32 = 4;

/// `struct v4l2_capability`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Capability {
    pub(super) driver: [u8; 16],
    pub(super) card: [u8; 32],
    pub(super) bus_info: [u8; 32],
    pub(super) version: u32,
    pub(super) capabilities: u32,
    pub(super) device_caps: u32,
    reserved: [u32; 3],
}

impl Capability {
    pub(super) const VIDEO_CAPTURE: u32 = 0x0000_0001;
    pub(super) const VIDEO_CAPTURE_MPLANE: u32 = 0x0000_1000;
    pub(super) const VIDEO_M2M_MPLANE: u32 = 0x0000_4000;
    pub(super) const VIDEO_M2M: u32 = 0x0000_8000;
    pub(super) const STREAMING: u32 = 0x0400_0000;
    const DEVICE_CAPS: u32 = 0x8000_0000;

    /// What this node can do; `capabilities` is of the whole device where the driver tells them apart.
    pub(super) fn of_this_node(&self) -> u32 {
        if self.capabilities & Self::DEVICE_CAPS != 0 { self.device_caps } else { self.capabilities }
    }
}

/// `struct v4l2_fmtdesc`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct FormatDescription {
    pub(super) index: u32,
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) description: [u8; 32],
    pub(super) pixelformat: u32,
    pub(super) mbus_code: u32,
    reserved: [u32; 3],
}

impl FormatDescription {
    /// `V4L2_FMT_FLAG_COMPRESSED`.
    pub(super) const FLAG_COMPRESSED: u32 = 1;

    pub(super) fn at(kind: BufferType, index: u32) -> Self {
        Self { index, kind: kind.code(), ..Self::default() }
    }
}

/// `struct v4l2_format`. Its union is read by the methods of [`PixelLayout`](super::format::PixelLayout).
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Format {
    // INVARIANT: one of `BufferType`, for which the union holds no pointer.
    kind: u32,
    pub(super) fmt: FormatUnion,
}

/// The union in `struct v4l2_format`, of which one member has pointers: hence the alignment.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(target_pointer_width = "64", repr(C, align(8)))]
#[cfg_attr(target_pointer_width = "32", repr(C, align(4)))]
pub(super) struct FormatUnion(pub(super) [u8; 200]);

impl Format {
    pub(super) fn new(kind: BufferType) -> Self {
        Self { kind: kind.code(), fmt: FormatUnion([0; 200]) }
    }
}

/// `struct v4l2_requestbuffers`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct RequestBuffers {
    pub(super) count: u32,
    pub(super) kind: u32,
    pub(super) memory: u32,
    pub(super) capabilities: u32,
    flags: u8,
    reserved: [u8; 3],
}

impl RequestBuffers {
    /// So many mapped buffers.
    pub(super) fn mapped(kind: BufferType, count: u32) -> Self {
        Self { count, kind: kind.code(), memory: MEMORY_MMAP, ..Self::default() }
    }

    /// Places for so many buffers of other drivers.
    pub(super) fn imported(kind: BufferType, count: u32) -> Self {
        Self { memory: MEMORY_DMABUF, ..Self::mapped(kind, count) }
    }
}

/// `struct timeval` with 64-bit seconds, as the kernel has it since 5.6 on every architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub(super) struct TimeVal {
    pub(super) seconds: i64,
    pub(super) micros: i64,
}

/// `struct v4l2_buffer`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Buffer {
    pub(super) index: u32,
    pub(super) kind: u32,
    pub(super) bytesused: u32,
    pub(super) flags: u32,
    pub(super) field: u32,
    pub(super) timestamp: TimeVal,
    timecode: [u32; 4],
    pub(super) sequence: u32,
    pub(super) memory: u32,
    /// `union m`: offset, pointer or descriptor.
    pub(super) m: usize,
    /// Bytes of the buffer, or the number of planes.
    pub(super) length: u32,
    reserved2: u32,
    request_fd: u32,
}

impl Buffer {
    pub(super) const FLAG_KEYFRAME: u32 = 0x8;
    pub(super) const FLAG_ERROR: u32 = 0x40;
    pub(super) const FLAG_LAST: u32 = 0x0010_0000;
    /// `V4L2_FIELD_NONE`: a buffer that is filled by the application has to say what it holds.
    pub(super) const FIELD_NONE: u32 = 1;
    const FLAG_TIMESTAMP_MASK: u32 = 0xe000;
    const FLAG_TIMESTAMP_MONOTONIC: u32 = 0x2000;

    pub(super) fn at(index: u32) -> Self {
        Self { index, ..Self::default() }
    }

    /// Whether the timestamp is of `CLOCK_MONOTONIC`.
    pub(super) fn is_monotonic(&self) -> bool {
        self.flags & Self::FLAG_TIMESTAMP_MASK == Self::FLAG_TIMESTAMP_MONOTONIC
    }

    /// `m.offset`, of a single-planar buffer.
    pub(super) fn offset(&self) -> u32 {
        first_half(self.m)
    }

    /// Sets `m.fd`, of a single-planar buffer.
    pub(super) fn set_fd(&mut self, fd: i32) {
        self.m = with_first_half(fd);
    }
}

/// `struct v4l2_plane`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct BufferPlane {
    pub(super) bytesused: u32,
    pub(super) length: u32,
    m: usize,
    pub(super) data_offset: u32,
    reserved: [u32; 11],
}

impl BufferPlane {
    /// `m.mem_offset`.
    pub(super) fn offset(&self) -> u32 {
        first_half(self.m)
    }

    /// Sets `m.fd`.
    pub(super) fn set_fd(&mut self, fd: i32) {
        self.m = with_first_half(fd);
    }
}

/// `VIDEO_MAX_PLANES`.
pub(super) const MAX_PLANES: usize = 8;
/// The same as `struct v4l2_buffer` has it.
pub(super) const MAX_PLANES_U32: u32 = 8;

/// The 32-bit member of a union that is one pointer wide.
fn first_half(m: usize) -> u32 {
    let [a, b, c, d, ..] = m.to_ne_bytes();
    u32::from_ne_bytes([a, b, c, d])
}

/// A union that is one pointer wide, of which the 32-bit member is set.
fn with_first_half(value: i32) -> usize {
    let mut m = [0; size_of::<usize>()];
    let bytes = value.to_ne_bytes();
    m[..bytes.len()].copy_from_slice(&bytes);
    usize::from_ne_bytes(m)
}

/// `struct v4l2_input`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Input {
    pub(super) index: u32,
    pub(super) name: [u8; 32],
    pub(super) kind: u32,
    audioset: u32,
    tuner: u32,
    std: u64,
    pub(super) status: u32,
    pub(super) capabilities: u32,
    reserved: [u32; 3],
}

impl Input {
    /// `V4L2_IN_ST_NO_POWER` and `V4L2_IN_ST_NO_SIGNAL`.
    pub(super) const NOTHING_THERE: u32 = 0x0000_0003;
    /// The lock bits `V4L2_IN_ST_NO_H_LOCK`, `NO_V_LOCK`, `NO_STD_LOCK`, `NO_SYNC`, `NO_EQU` and `NO_CARRIER`.
    pub(super) const NOT_LOCKED: u32 = 0x0007_0d00;

    pub(super) fn at(index: u32) -> Self {
        Self { index, ..Self::default() }
    }
}

/// `struct v4l2_dv_timings` with the member `bt` of its union. Packed in C, where it needs no alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub(super) struct DvTimings {
    pub(super) kind: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) interlaced: u32,
    pub(super) polarities: u32,
    pub(super) pixelclock: [u32; 2],
    pub(super) rest: [u32; 26],
}

impl DvTimings {
    /// Pixels per second, blanking included.
    pub(super) fn pixelclock_hz(&self) -> u64 {
        let [[a, b, c, d], [e, f, g, h]] = self.pixelclock.map(u32::to_ne_bytes);
        u64::from_ne_bytes([a, b, c, d, e, f, g, h])
    }
}

/// `struct v4l2_event_subscription`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct EventSubscription {
    pub(super) kind: u32,
    pub(super) id: u32,
    pub(super) flags: u32,
    reserved: [u32; 5],
}

impl EventSubscription {
    /// To `V4L2_EVENT_SOURCE_CHANGE` of one input.
    pub(super) fn to_source_changes(input: u32) -> Self {
        Self { kind: EVENT_SOURCE_CHANGE, id: input, ..Self::default() }
    }
}

/// `struct v4l2_event`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Event {
    pub(super) kind: u32,
    payload: [u64; 8],
    pub(super) pending: u32,
    pub(super) sequence: u32,
    timestamp: [i64; 2],
    pub(super) id: u32,
    reserved: [u32; 8],
}

/// `V4L2_EVENT_SOURCE_CHANGE`.
pub(super) const EVENT_SOURCE_CHANGE: u32 = 5;

// The sizes the kernel checks requests by. On 32-bit machines those of the 64-bit time layout.
const _: () = {
    assert!(size_of::<Capability>() == 104);
    assert!(size_of::<FormatDescription>() == 64);
    assert!(size_of::<RequestBuffers>() == 20);
    assert!(size_of::<DvTimings>() == 132);
    assert!(size_of::<EventSubscription>() == 32);
    if cfg!(target_pointer_width = "64") {
        assert!(size_of::<Format>() == 208);
        assert!(size_of::<Buffer>() == 88);
        assert!(size_of::<BufferPlane>() == 64);
        assert!(size_of::<Input>() == 80);
        assert!(size_of::<Event>() == 136);
    } else {
        assert!(size_of::<Format>() == 204);
        assert!(size_of::<BufferPlane>() == 60);
        // Of the 32-bit machines x86 alone aligns 64-bit integers to 4 bytes.
        let x86 = cfg!(target_arch = "x86");
        assert!(size_of::<Buffer>() == if x86 { 76 } else { 80 });
        assert!(size_of::<Input>() == if x86 { 76 } else { 80 });
        assert!(size_of::<Event>() == if x86 { 128 } else { 136 });
    }
};

#[cfg(test)]
mod tests;
