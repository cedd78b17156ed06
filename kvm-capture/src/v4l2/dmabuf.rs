//! A buffer of this driver that another driver reads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::abi::BufferType;
use super::kernel::{self, DriverBuffer, Imported};

/// One buffer of a capture device as descriptors, one for each piece of its memory, that another driver can read
/// from without a copy in between. They cannot be written through, and keep the memory alive.
///
/// Not public: what can be done with the pictures is to be seen in this crate.
#[derive(Debug)]
pub(crate) struct DmaBuf {
    pieces: Vec<(OwnedFd, u32)>,
}

impl DmaBuf {
    pub(super) fn of(
        device: BorrowedFd<'_>,
        kind: BufferType,
        buffer: &DriverBuffer,
    ) -> io::Result<Arc<Self>> {
        let pieces = (0..)
            .zip(buffer.lens())
            .map(|(piece, len)| Ok((kernel::export(device, kind, buffer.index(), piece)?, len)));
        Ok(Arc::new(Self { pieces: pieces.collect::<io::Result<_>>()? }))
    }

    /// The pieces, all of each in use.
    pub(super) fn pieces(&self) -> impl ExactSizeIterator<Item = Imported<'_>> {
        self.pieces.iter().map(|(fd, len)| Imported { fd: fd.as_fd(), used: *len, len: *len })
    }
}
