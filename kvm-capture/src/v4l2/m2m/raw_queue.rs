//! The queue on which a device takes the pictures that are to be coded.

use std::os::fd::AsFd;
use std::sync::Arc;

use super::M2mError;
use super::node::Node;
use crate::convert::Converter;
use crate::v4l2::abi::{Buffer, REQBUFS, RequestBuffers, STREAMON, TimeVal};
use crate::v4l2::dmabuf::DmaBuf;
use crate::v4l2::format::Arrangement;
use crate::v4l2::kernel::{self, DriverBuffer, Imported};
use crate::v4l2::queue::MAX_BUFFERS;
use crate::{Frame, FrameFormat, ImageView};

/// The running queue of pictures. Dropping it stops it and lets go of the buffers and frames.
#[derive(Debug)]
pub(super) struct RawQueue {
    node: Arc<Node>,
    /// Whether the driver reads buffers of others. It has none of its own then.
    imports: bool,
    buffers: Vec<DriverBuffer>,
    slots: Vec<Slot>,
    arrangement: Arrangement,
    converter: Converter,
    converted: Vec<u8>,
}

/// One place of the queue.
#[derive(Debug, Default)]
struct Slot {
    is_queued: bool,
    /// The frame the driver reads, where it reads it in place: its buffer must not be filled anew meanwhile.
    lent: Option<Frame>,
    /// What the driver has here from before. The same again it need not map again.
    known: Option<Arc<DmaBuf>>,
}

impl RawQueue {
    /// Makes room for so many pictures that lie as told, in the driver's buffers or, with `imports`, in those of
    /// others, and starts the queue.
    pub(super) fn start(
        node: Arc<Node>,
        count: u32,
        arrangement: Arrangement,
        imports: bool,
    ) -> Result<Self, M2mError> {
        let kind = node.raw;
        let ask = if imports { RequestBuffers::imported } else { RequestBuffers::mapped };
        let mut asked = ask(kind, count);
        node.call(&REQBUFS, &mut asked)?;
        let count = asked.count.min(MAX_BUFFERS);
        // From here on dropping `queue` undoes what was done.
        let mut queue = Self {
            node,
            imports,
            buffers: Vec::new(),
            slots: (0..count).map(|_| Slot::default()).collect(),
            arrangement,
            converter: Converter::new(),
            converted: Vec::new(),
        };
        if count == 0 {
            return Err(M2mError::Misbehaved { what: "made no buffers" });
        }
        for index in (0..count).filter(|_| !imports) {
            let mapped = DriverBuffer::map(queue.node.as_fd(), kind, index);
            queue.buffers.push(mapped.map_err(|error| queue.node.fault("VIDIOC_QUERYBUF or mmap", error))?);
        }
        queue.node.call(&STREAMON, &mut kind.code())?;
        Ok(queue)
    }

    /// Takes back what the driver has read.
    pub(super) fn reclaim(&mut self) -> Result<(), M2mError> {
        let (fd, kind) = (self.node.as_fd(), self.node.raw);
        loop {
            let buffer = if self.imports {
                kernel::dequeue_imported(fd, kind)
            } else {
                kernel::dequeue(fd, kind, &mut self.buffers).map(|read| read.map(|read| read.buffer))
            };
            let Some(buffer) = buffer.map_err(|error| self.node.fault("VIDIOC_DQBUF", error))? else {
                return Ok(());
            };
            let slot = self.slots.get_mut(buffer.index as usize);
            let slot = slot.ok_or(M2mError::Misbehaved { what: "gave back a buffer it does not have" })?;
            (slot.is_queued, slot.lent) = (false, None);
            if buffer.flags & Buffer::FLAG_ERROR != 0 {
                return Err(M2mError::Misbehaved { what: "could not read a picture" });
            }
        }
    }

    /// How the device's pictures lie.
    pub(super) fn arrangement(&self) -> &Arrangement {
        &self.arrangement
    }

    /// Whether the driver reads frames where they are.
    pub(super) fn imports(&self) -> bool {
        self.imports
    }

    /// Whether there is room for a picture.
    pub(super) fn has_room(&self) -> bool {
        self.slots.iter().any(|slot| !slot.is_queued)
    }

    /// Gives a picture to the driver, in place, copied or converted. There must be room.
    pub(super) fn send(&mut self, frame: &Frame, stamp: TimeVal) -> Result<(), M2mError> {
        let dmabuf = frame.dmabuf().filter(|_| self.imports);
        let Some(index) = self.free_slot(dmabuf) else {
            return Err(M2mError::Misbehaved { what: "has no room for a picture" });
        };
        let sent = match (dmabuf, frame.image()) {
            (Some(dmabuf), _) => {
                let pieces: Vec<Imported<'_>> = dmabuf.pieces().collect();
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                kernel::queue_imported(self.node.as_fd(), self.node.raw, index, &pieces, stamp)
            }
            (None, Some(image)) if !self.imports => {
                self.fill(index, &image)?;
                let buffer = &mut self.buffers[index];
                let used: Vec<u32> = buffer.lens().collect();
                buffer.queue_filled(self.node.as_fd(), self.node.raw, &used, stamp)
            }
            _ => return Err(M2mError::Format { format: frame.format() }),
        };
        sent.map_err(|error| self.node.fault("VIDIOC_QBUF", error))?;
        let slot = &mut self.slots[index];
        slot.is_queued = true;
        if let Some(dmabuf) = dmabuf {
            (slot.lent, slot.known) = (Some(frame.clone()), Some(Arc::clone(dmabuf)));
        }
        Ok(())
    }

    /// A free place, the one that had the same buffer before if that is free.
    fn free_slot(&self, dmabuf: Option<&Arc<DmaBuf>>) -> Option<usize> {
        let is_known = |slot: &Slot| match (&slot.known, dmabuf) {
            (Some(known), Some(dmabuf)) => Arc::ptr_eq(known, dmabuf),
            _ => false,
        };
        let free = || self.slots.iter().enumerate().filter(|(_, slot)| !slot.is_queued);
        let same = free().find(|(_, slot)| is_known(slot));
        let unused = || free().find(|(_, slot)| slot.known.is_none());
        same.or_else(unused).or_else(|| free().next()).map(|(index, _)| index)
    }

    /// Copies a picture into one of the driver's buffers, converted if its pixels are others.
    fn fill(&mut self, index: usize, image: &ImageView<'_>) -> Result<(), M2mError> {
        let of_device = self.arrangement.format;
        let source = image.format();
        if source.pixel == of_device.pixel {
            let planes = image.planes().iter().map(|plane| plane.rows());
            return copy(&self.arrangement, &mut self.buffers[index], planes);
        }
        // The device's picture may be larger than the part of it that is coded.
        let target = FrameFormat { width_px: source.width_px, height_px: source.height_px, ..of_device };
        self.converter.convert(image, target, &mut self.converted);
        let mut rest = &self.converted[..];
        let planes = target.pixel.planes(target.width_px, target.height_px).map(|size| {
            let (plane, after) = rest.split_at(size.row_bytes * size.rows);
            rest = after;
            plane.chunks_exact(size.row_bytes)
        });
        copy(&self.arrangement, &mut self.buffers[index], planes)
    }
}

impl Drop for RawQueue {
    fn drop(&mut self) {
        // What can fail here fails because the device is gone, and then so are queue and buffers.
        let _ = kernel::stop(self.node.as_fd(), self.node.raw, &mut self.buffers);
        self.buffers.clear();
        let none = if self.imports { RequestBuffers::imported } else { RequestBuffers::mapped };
        let _ = self.node.try_call(&REQBUFS, &mut none(self.node.raw, 0));
    }
}

/// Copies rows to where the device wants them.
fn copy<'a>(
    arrangement: &Arrangement,
    buffer: &mut DriverBuffer,
    planes: impl Iterator<Item = impl Iterator<Item = &'a [u8]>>,
) -> Result<(), M2mError> {
    for (place, rows) in arrangement.places().zip(planes) {
        let bytes = buffer.bytes_mut(place.piece).and_then(|bytes| bytes.get_mut(place.offset..));
        let bytes = bytes.ok_or(SHORT)?;
        for (index, row) in rows.enumerate() {
            let from = index * place.stride;
            bytes.get_mut(from..from + row.len()).ok_or(SHORT)?.copy_from_slice(row);
        }
    }
    Ok(())
}

const SHORT: M2mError = M2mError::Misbehaved { what: "made buffers that its own format does not fit" };
