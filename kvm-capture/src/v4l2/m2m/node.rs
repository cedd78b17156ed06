//! An open codec device: what it is, what it offers, and its requests.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::M2mError;
use crate::FourCc;
use crate::v4l2::abi::{self, BufferType, Capability, FormatDescription, Request};
use crate::v4l2::format::pixel_format;
use crate::v4l2::kernel::{self, Plain};

/// An open node of an encoder.
#[derive(Debug)]
pub(super) struct Node {
    fd: OwnedFd,
    path: PathBuf,
    /// The queue of pictures to be coded.
    pub(super) raw: BufferType,
    /// The queue of coded ones.
    pub(super) coded: BufferType,
    /// The coded formats it offers, in its order.
    pub(super) codes: Vec<FourCc>,
}

impl Node {
    /// Opens a node, non-blocking, and looks whether it encodes.
    pub(super) fn open(path: &Path) -> Result<Self, M2mError> {
        let fd = rustix::fs::open(path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
        let fd = fd.map_err(|error| match error {
            Errno::BUSY => M2mError::Busy { path: path.to_owned() },
            _ => M2mError::Open { path: path.to_owned(), source: error.into() },
        })?;
        let unsuitable = |reason| M2mError::Unsuitable { path: path.to_owned(), reason };
        let mut capability = Capability::default();
        kernel::call(fd.as_fd(), &abi::QUERYCAP, &mut capability)
            .map_err(|_| unsuitable("it is not a V4L2 device"))?;
        let can = capability.of_this_node();
        let (raw, coded) = if can & Capability::VIDEO_M2M_MPLANE != 0 {
            (BufferType::MultiOut, BufferType::Multi)
        } else if can & Capability::VIDEO_M2M != 0 {
            (BufferType::SingleOut, BufferType::Single)
        } else {
            return Err(unsuitable("it is no memory-to-memory device"));
        };
        if can & Capability::STREAMING == 0 {
            return Err(unsuitable("its driver cannot stream"));
        }
        let mut node = Self { fd, path: path.to_owned(), raw, coded, codes: Vec::new() };
        let given_out = node.offered(coded);
        node.codes = given_out.iter().filter(|(_, compressed)| *compressed).map(|(code, _)| *code).collect();
        if node.codes.is_empty() {
            return Err(unsuitable("it gives out nothing coded"));
        }
        if !node.raw_codes().iter().any(|code| pixel_format(*code).is_some()) {
            return Err(unsuitable("it takes no pictures of a format this crate knows"));
        }
        Ok(node)
    }

    /// The uncompressed formats it takes for the coded format that is set, in its order.
    pub(super) fn raw_codes(&self) -> Vec<FourCc> {
        let offered = self.offered(self.raw).into_iter();
        offered.filter(|(_, compressed)| !compressed).map(|(code, _)| code).collect()
    }

    pub(super) fn call<T: Plain>(&self, request: &Request<T>, data: &mut T) -> Result<(), M2mError> {
        kernel::call(self.fd.as_fd(), request, data).map_err(|error| self.fault(request.name, error))
    }

    /// The same, with what the system said.
    pub(super) fn try_call<T: Plain>(&self, request: &Request<T>, data: &mut T) -> io::Result<()> {
        kernel::call(self.fd.as_fd(), request, data)
    }

    /// What an error of the driver means to the caller.
    pub(super) fn fault(&self, operation: &'static str, source: io::Error) -> M2mError {
        if source.raw_os_error() == Some(Errno::BUSY.raw_os_error()) {
            M2mError::Busy { path: self.path.clone() }
        } else {
            M2mError::Driver { operation, source }
        }
    }

    /// The codes of one queue, and whether they are compressed.
    fn offered(&self, kind: BufferType) -> Vec<(FourCc, bool)> {
        (0..MAX_FORMATS)
            .map_while(|index| {
                let mut described = FormatDescription::at(kind, index);
                // `EINVAL` ends the list.
                self.try_call(&abi::ENUM_FMT, &mut described).ok()?;
                let is_compressed = described.flags & FormatDescription::FLAG_COMPRESSED != 0;
                Some((FourCc::from_u32(described.pixelformat), is_compressed))
            })
            .collect()
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// More than the header has codes; a driver whose list never ends is none.
const MAX_FORMATS: u32 = 512;
