//! The driver's buffers: lent out as frames, queued again when the last owner is done.
//!
//! A frame may be dropped on any thread, at any time, also after the source is gone. Dropping it sets one bit
//! in a word it shares with the queue and nothing more, because requests of the driver take its lock and may
//! wait; the queue gives the buffer to the driver at the next poll. The word outlives the queue, and so do the
//! mappings: after a change of format or a close, old frames stay readable and their bits go unread.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;

use super::abi::{Buffer, REQBUFS, RequestBuffers, STREAMON};
use super::device::Device;
use super::dmabuf::DmaBuf;
use super::kernel::{self, DriverBuffer, Memory};
use super::readiness::Wake;
use crate::CaptureError;

/// A running stream and its buffers. Dropping it stops the stream and lets go of the buffers.
#[derive(Debug)]
pub(super) struct Queue {
    device: Arc<Device>,
    buffers: Vec<DriverBuffer>,
    returns: Arc<Returns>,
    /// Buffers that are back and not queued yet, as bits.
    back: u32,
    /// Buffers the driver has.
    queued: usize,
    /// The buffers for other drivers, if that was asked for and this driver can.
    exported: Vec<Arc<DmaBuf>>,
}

impl Queue {
    /// Allocates buffers, gives them all to the driver and starts the stream.
    ///
    /// The driver may make more or fewer than are asked for. With `exports` it is asked to let other drivers read
    /// them.
    pub(super) fn start(
        device: Arc<Device>,
        count: u32,
        wake: Arc<Wake>,
        exports: bool,
    ) -> Result<Self, CaptureError> {
        let kind = device.kind();
        let mut asked = RequestBuffers::mapped(kind, count);
        device.call(&REQBUFS, &mut asked)?;
        let returns = Arc::new(Returns { bits: AtomicU32::new(0), hungry: AtomicBool::new(false), wake });
        // From here on dropping `queue` undoes what was done.
        let mut queue =
            Self { device, buffers: Vec::new(), returns, back: 0, queued: 0, exported: Vec::new() };
        for index in 0..asked.count.min(MAX_BUFFERS) {
            let mapped = DriverBuffer::map(queue.device.as_fd(), kind, index);
            queue.buffers.push(mapped.map_err(|error| queue.device.fault("VIDIOC_QUERYBUF or mmap", error))?);
            queue.back |= 1 << index;
        }
        if exports {
            let exported = queue.buffers.iter().map(|buffer| DmaBuf::of(queue.device.as_fd(), kind, buffer));
            // A driver that cannot has its frames copied.
            queue.exported = exported.collect::<Result<_, _>>().unwrap_or_default();
        }
        queue.queue_back()?;
        queue.device.call(&STREAMON, &mut kind.code())?;
        Ok(queue)
    }

    /// Gives the driver every buffer that came back.
    pub(super) fn requeue(&mut self) -> Result<(), CaptureError> {
        self.back |= self.returns.take();
        self.queue_back()?;
        // Nobody is woken for a buffer that can wait for the next frame. Asking to be woken and looking once
        // more, in this order, misses none: whoever gives one back sets its bit before looking whether to wake.
        let hungry = self.queued < MIN_QUEUED;
        if self.returns.hungry.swap(hungry, Ordering::SeqCst) != hungry && hungry {
            self.back |= self.returns.take();
            self.queue_back()?;
        }
        Ok(())
    }

    /// Takes the next filled buffer, if there is one.
    pub(super) fn take(&mut self) -> Result<Option<Lent>, CaptureError> {
        let filled = kernel::dequeue(self.device.as_fd(), self.device.kind(), &mut self.buffers);
        let filled = filled.map_err(|error| self.device.fault("VIDIOC_DQBUF", error))?;
        Ok(filled.map(|filled| {
            self.queued = self.queued.saturating_sub(1);
            let lease = Arc::new(Lease { index: filled.buffer.index, returns: Arc::clone(&self.returns) });
            let lend = |memory| Bytes::from_owner(Loan { memory, _lease: Arc::clone(&lease) });
            let dmabuf = self.exported.get(filled.buffer.index as usize).map(Arc::clone);
            Lent { buffer: filled.buffer, memory: filled.memory.into_iter().map(lend).collect(), dmabuf }
        }))
    }

    /// Buffers in frames that somebody holds.
    pub(super) fn held(&self) -> usize {
        let back = (self.back | self.returns.bits.load(Ordering::SeqCst)).count_ones();
        (self.buffers.len() - self.queued).saturating_sub(back as usize)
    }

    /// Whether the driver has no buffer to fill.
    pub(super) fn is_starved(&self) -> bool {
        self.queued == 0
    }

    fn queue_back(&mut self) -> Result<(), CaptureError> {
        for (index, buffer) in self.buffers.iter_mut().enumerate() {
            if self.back & 1 << index == 0 {
                continue;
            }
            let queued = buffer.queue(self.device.as_fd(), self.device.kind());
            // A buffer the driver does not take stays with those that are back, for the next poll.
            queued.map_err(|error| self.device.fault("VIDIOC_QBUF", error))?;
            self.back &= !(1 << index);
            self.queued += 1;
        }
        Ok(())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let kind = self.device.kind();
        // What can fail here fails because the device is gone, and then so are stream and buffers. A kernel
        // before 4.20 keeps the buffers until the last frame is dropped.
        let _ = kernel::stop(self.device.as_fd(), kind, &mut self.buffers);
        let _ = self.device.call(&REQBUFS, &mut RequestBuffers::mapped(kind, 0));
    }
}

/// A filled buffer on loan.
#[derive(Debug)]
pub(super) struct Lent {
    /// Flags, timestamp and sequence.
    pub(super) buffer: Buffer,
    /// Its memory, one piece or one for each plane.
    pub(super) memory: Vec<Bytes>,
    /// The same for other drivers.
    pub(super) dmabuf: Option<Arc<DmaBuf>>,
}

/// What a frame's [`Bytes`] own.
#[derive(Debug)]
struct Loan {
    // Dropped in this order: a buffer whose bit is set must have no reader left.
    memory: Memory,
    _lease: Arc<Lease>,
}

impl AsRef<[u8]> for Loan {
    fn as_ref(&self) -> &[u8] {
        self.memory.as_ref()
    }
}

/// One buffer's absence; gives it back when the last plane of the last frame is gone.
#[derive(Debug)]
struct Lease {
    index: u32,
    returns: Arc<Returns>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.returns.give_back(self.index);
    }
}

/// Where buffers come back, on whichever thread.
#[derive(Debug)]
struct Returns {
    bits: AtomicU32,
    /// Whether the queue waits for them.
    hungry: AtomicBool,
    wake: Arc<Wake>,
}

impl Returns {
    fn give_back(&self, index: u32) {
        self.bits.fetch_or(1 << index, Ordering::SeqCst);
        if self.hungry.load(Ordering::SeqCst) {
            self.wake.wake();
        }
    }

    fn take(&self) -> u32 {
        self.bits.swap(0, Ordering::SeqCst)
    }
}

/// The most buffers a queue can have: `VIDEO_MAX_FRAME`, and the bits of a word.
pub(super) const MAX_BUFFERS: u32 = 32;

/// A driver that has fewer may have none to fill while it hands one over.
const MIN_QUEUED: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v4l2::readiness::Readiness;

    #[test]
    fn every_buffer_given_back_on_other_threads_is_seen_once() {
        let readiness = Readiness::new().unwrap();
        let returns = Arc::new(Returns {
            bits: AtomicU32::new(0),
            hungry: AtomicBool::new(true),
            wake: readiness.waker(),
        });
        let mut seen = 0;
        std::thread::scope(|scope| {
            for index in 0..MAX_BUFFERS {
                let lease = Arc::new(Lease { index, returns: Arc::clone(&returns) });
                let other_plane = Arc::clone(&lease);
                scope.spawn(move || drop(lease));
                scope.spawn(move || drop(other_plane));
            }
            while seen != u32::MAX {
                let new = returns.take();
                assert_eq!(seen & new, 0);
                seen |= new;
                std::thread::yield_now();
            }
        });
        assert_eq!(returns.take(), 0);
    }
}
