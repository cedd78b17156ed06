//! A capture device: opening it, asking what it can do, setting it up.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::abi::{
    self, BufferType, Capability, DvTimings, EventSubscription, FormatDescription, Request, S_DV_TIMINGS,
    S_FMT, SUBSCRIBE_EVENT,
};
use super::format::{self, Arrangement, PixelLayout};
use super::kernel::{self, Plain};
use super::options::V4l2Options;
use crate::{CaptureError, FourCc};

/// An open V4L2 node that captures video.
#[derive(Debug)]
pub(super) struct Device {
    fd: OwnedFd,
    path: PathBuf,
    kind: BufferType,
    tells_changes: bool,
}

impl Device {
    /// Opens a node, non-blocking, and asks to be told when the source changes.
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        let fd = rustix::fs::open(path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
        let fd = fd.map_err(|error| match error {
            rustix::io::Errno::BUSY => CaptureError::Busy { path: path.to_owned() },
            _ => CaptureError::Open { path: path.to_owned(), source: error.into() },
        })?;
        let unsuitable = |reason| CaptureError::Unsuitable { path: path.to_owned(), reason };
        let mut capability = Capability::default();
        kernel::call(fd.as_fd(), &abi::QUERYCAP, &mut capability)
            .map_err(|_| unsuitable("it is not a V4L2 device"))?;
        let can = capability.of_this_node();
        let kind = if can & Capability::VIDEO_CAPTURE != 0 {
            BufferType::Single
        } else if can & Capability::VIDEO_CAPTURE_MPLANE != 0 {
            BufferType::Multi
        } else {
            return Err(unsuitable("this node of the device captures no video, another one may"));
        };
        if can & Capability::STREAMING == 0 {
            return Err(unsuitable("its driver cannot stream"));
        }
        let mut device = Self { fd, path: path.to_owned(), kind, tells_changes: false };
        let mut subscription = EventSubscription::to_source_changes(device.input());
        // A driver that has no such event is asked in turns instead.
        device.tells_changes = device.call(&SUBSCRIBE_EVENT, &mut subscription).is_ok();
        Ok(device)
    }

    pub(super) fn kind(&self) -> BufferType {
        self.kind
    }

    /// Whether the driver tells of a change of its source by an event.
    pub(super) fn tells_changes(&self) -> bool {
        self.tells_changes
    }

    /// The index of the input it captures from; 0 for drivers that know of none.
    pub(super) fn input(&self) -> u32 {
        let mut input = 0;
        match self.call(&abi::G_INPUT, &mut input) {
            Ok(()) => input,
            Err(_) => 0,
        }
    }

    /// Takes every event that is waiting; whether one of them said that the source changed.
    pub(super) fn take_events(&self) -> bool {
        let mut changed = false;
        let mut event = abi::Event::default();
        // Ends with `ENOENT`, when no more are waiting, or with the device.
        while self.call(&abi::DQEVENT, &mut event).is_ok() {
            changed |= event.kind == abi::EVENT_SOURCE_CHANGE;
        }
        changed
    }

    /// Sets timings (if there are any), pixel format and size. No buffer may be allocated.
    ///
    /// `None` if the driver offers nothing that the options and this crate take.
    pub(super) fn set_up(
        &self,
        timings: Option<DvTimings>,
        options: &V4l2Options,
    ) -> Result<Option<Arrangement>, CaptureError> {
        let (width, height) = if let Some(mut timings) = timings {
            self.call(&S_DV_TIMINGS, &mut timings)?;
            (timings.width, timings.height)
        } else {
            options.size_px
        };
        let Some(fourcc) = format::choose(&self.offered(), &options.preferred) else { return Ok(None) };
        let mut format = PixelLayout::request(self.kind, fourcc, width, height);
        self.call(&S_FMT, &mut format)?;
        Ok(PixelLayout::read(self.kind, &format).arrangement())
    }

    /// What the driver captures as at the moment.
    pub(super) fn layout(&self) -> Result<PixelLayout, CaptureError> {
        let mut format = abi::Format::new(self.kind);
        self.call(&abi::G_FMT, &mut format)?;
        Ok(PixelLayout::read(self.kind, &format))
    }

    pub(super) fn call<T: Plain>(&self, request: &Request<T>, data: &mut T) -> Result<(), CaptureError> {
        kernel::call(self.fd.as_fd(), request, data).map_err(|error| self.fault(request.name, error))
    }

    /// What an error of the driver means to the caller.
    pub(super) fn fault(&self, operation: &'static str, source: io::Error) -> CaptureError {
        if source.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) {
            CaptureError::Busy { path: self.path.clone() }
        } else {
            CaptureError::Driver { operation, source }
        }
    }

    /// The codes the driver can deliver, in its order.
    fn offered(&self) -> Vec<FourCc> {
        (0..)
            .map_while(|index| {
                let mut described = FormatDescription::at(self.kind, index);
                // `EINVAL` ends the list.
                self.call(&abi::ENUM_FMT, &mut described).ok()?;
                Some(FourCc::from_u32(described.pixelformat))
            })
            .collect()
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
