//! The queue on which a device gives out coded pictures.

use std::os::fd::AsFd;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::Errno;

use super::M2mError;
use super::node::Node;
use crate::v4l2::abi::{Buffer, REQBUFS, RequestBuffers, STREAMON, TimeVal};
use crate::v4l2::kernel::{self, DriverBuffer};
use crate::v4l2::queue::MAX_BUFFERS;

/// The running queue of coded pictures. Dropping it stops it and lets go of the buffers.
#[derive(Debug)]
pub(super) struct CodedQueue {
    node: Arc<Node>,
    buffers: Vec<DriverBuffer>,
}

/// What came off the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// What was coded; may be empty, where the device left a picture out or only marks the end.
    pub(super) payload: Bytes,
    /// The stamp of the frame it was made from.
    pub(super) stamp: TimeVal,
    /// Whether the driver says that it is a key picture. Not all do.
    pub(super) is_marked_key: bool,
    /// Whether nothing comes after it.
    pub(super) is_last: bool,
}

impl CodedQueue {
    /// Allocates buffers, gives them all to the driver and starts the queue.
    pub(super) fn start(node: Arc<Node>) -> Result<Self, M2mError> {
        let mut asked = RequestBuffers::mapped(node.coded, BUFFERS);
        node.call(&REQBUFS, &mut asked)?;
        // From here on dropping `queue` undoes what was done.
        let mut queue = Self { node, buffers: Vec::new() };
        for index in 0..asked.count.min(MAX_BUFFERS) {
            let mapped = DriverBuffer::map(queue.node.as_fd(), queue.node.coded, index);
            queue.buffers.push(mapped.map_err(|error| queue.node.fault("VIDIOC_QUERYBUF or mmap", error))?);
        }
        if queue.buffers.is_empty() {
            return Err(M2mError::Misbehaved { what: "made no buffers" });
        }
        queue.stream()?;
        Ok(queue)
    }

    /// Stops and starts the queue, after which the stream is independent of what was coded before ("Reset").
    pub(super) fn restart(&mut self) -> Result<(), M2mError> {
        kernel::stop(self.node.as_fd(), self.node.coded, &mut self.buffers)
            .map_err(|error| self.node.fault("VIDIOC_STREAMOFF", error))?;
        self.stream()
    }

    /// Takes what was coded next, if there is anything; the buffer goes back to the driver at once.
    pub(super) fn take(&mut self) -> Result<Taken, M2mError> {
        let (fd, kind) = (self.node.as_fd(), self.node.coded);
        let filled = match kernel::dequeue(fd, kind, &mut self.buffers) {
            Ok(Some(filled)) => filled,
            Ok(None) => return Ok(Taken::Nothing),
            // The buffer marked as the last one was taken before.
            Err(error) if error.raw_os_error() == Some(Errno::PIPE.raw_os_error()) => return Ok(Taken::End),
            Err(error) => return Err(self.node.fault("VIDIOC_DQBUF", error)),
        };
        let (overruns, bytes) = match filled.memory.first() {
            Some(memory) => (memory.overruns(), Bytes::copy_from_slice(memory.as_ref())),
            None => (false, Bytes::new()),
        };
        let answer = judge(&filled.buffer, overruns, bytes)?;
        let index = filled.buffer.index;
        // The buffer is not queued while its memory is held.
        drop(filled);
        // After the last one the queue has to be started anew before it takes buffers.
        if !answer.is_last {
            let buffer = self.buffers.iter_mut().find(|buffer| buffer.index() == index);
            let queued = buffer.map_or(Ok(()), |buffer| buffer.queue(fd, kind));
            queued.map_err(|error| self.node.fault("VIDIOC_QBUF", error))?;
        }
        Ok(Taken::Answer(answer))
    }

    fn stream(&mut self) -> Result<(), M2mError> {
        let (fd, kind) = (self.node.as_fd(), self.node.coded);
        for buffer in &mut self.buffers {
            buffer.queue(fd, kind).map_err(|error| self.node.fault("VIDIOC_QBUF", error))?;
        }
        self.node.call(&STREAMON, &mut kind.code())
    }
}

impl Drop for CodedQueue {
    fn drop(&mut self) {
        // What can fail here fails because the device is gone, and then so are queue and buffers.
        let _ = kernel::stop(self.node.as_fd(), self.node.coded, &mut self.buffers);
        self.buffers.clear();
        let _ = self.node.try_call(&REQBUFS, &mut RequestBuffers::mapped(self.node.coded, 0));
    }
}

/// What there was to take.
#[derive(Debug)]
pub(super) enum Taken {
    /// Nothing yet.
    Nothing,
    /// A buffer.
    Answer(Answer),
    /// Nothing any more until the queue is started anew.
    End,
}

/// What a buffer that came off the queue is worth.
fn judge(buffer: &Buffer, overruns: bool, payload: Bytes) -> Result<Answer, M2mError> {
    if buffer.flags & Buffer::FLAG_ERROR != 0 {
        return Err(M2mError::Misbehaved { what: "could not code a picture" });
    }
    if overruns {
        return Err(M2mError::Misbehaved { what: "claims more bytes than its buffer has" });
    }
    Ok(Answer {
        payload,
        stamp: buffer.timestamp,
        is_marked_key: buffer.flags & Buffer::FLAG_KEYFRAME != 0,
        is_last: buffer.flags & Buffer::FLAG_LAST != 0,
    })
}

/// One being read, one being filled, and two for a driver that gives headers a buffer of their own.
const BUFFERS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn flagged(flags: u32) -> Buffer {
        let mut buffer = Buffer::at(0);
        buffer.flags = flags;
        buffer
    }

    #[test]
    fn damaged_and_overlong_buffers_are_errors() {
        let judged = judge(&flagged(Buffer::FLAG_ERROR), false, Bytes::from_static(b"picture"));
        assert_eq!(judged.unwrap_err().to_string(), "the device could not code a picture");
        let judged = judge(&flagged(0), true, Bytes::from_static(b"picture"));
        assert_eq!(judged.unwrap_err().to_string(), "the device claims more bytes than its buffer has");
    }

    #[test]
    fn key_pictures_and_the_end_are_told() {
        let judge = |flags, payload| judge(&flagged(flags), false, Bytes::from_static(payload)).unwrap();
        let key = judge(Buffer::FLAG_KEYFRAME, b"picture");
        assert!(key.is_marked_key && !key.is_last && key.payload == b"picture"[..]);
        let last = judge(Buffer::FLAG_LAST, b"");
        assert!(last.is_last && last.payload.is_empty());
    }
}
