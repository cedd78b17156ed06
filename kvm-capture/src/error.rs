//! What can go wrong while capturing.

use std::io;
use std::path::PathBuf;

use crate::FrameError;

/// What can go wrong while capturing, named by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The device or file cannot be opened.
    #[error("cannot open {path}")]
    Open {
        /// The device or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another program streams from the device.
    #[error("{path} is busy: another program is streaming from it")]
    Busy {
        /// The device.
        path: PathBuf,
    },
    /// The device or file is there, and it is not something frames can be taken from.
    #[error("{path} cannot be captured from: {reason}")]
    Unsuitable {
        /// The device or file.
        path: PathBuf,
        /// What is missing.
        reason: &'static str,
    },
    /// The grant does not cover the device.
    #[error(transparent)]
    OutOfScope(#[from] kvm_audit::OutOfScope),
    /// The driver refused an operation.
    #[error("{operation} failed")]
    Driver {
        /// The operation, as the kernel's documentation names it.
        operation: &'static str,
        /// What the driver said.
        source: io::Error,
    },
    /// Reading a file failed.
    #[error("reading failed at byte {offset}")]
    Read {
        /// Where, from the start of what was read.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A file's contents are not what its format says.
    #[error("malformed input at byte {offset}: {reason}")]
    Malformed {
        /// Where, from the start of the file.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The bytes that came are not the frame they were said to be.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl CaptureError {
    /// What a person can do about it, as a sentence; `None` where only a developer can.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Open { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "Check the path, and that the capture device is plugged in.",
                io::ErrorKind::PermissionDenied => {
                    "Run as a member of the group that owns the device, which is usually `video`."
                }
                _ => "Unplug and replug the capture device.",
            },
            Self::Busy { .. } => "Close the other program; `fuser -v` with the device's path names it.",
            Self::Unsuitable { .. } => "Choose another device; `v4l2-ctl --list-devices` lists them.",
            Self::OutOfScope(_) => "Declare this device in the manifest, or open the one it declares.",
            Self::Driver { .. } => "Unplug and replug the capture device, and look into the kernel's log.",
            Self::Read { .. } => "Check the file and the disk it is on.",
            Self::Malformed { .. } => "Check that the file is whole and of the format it was opened as.",
            Self::Frame(_) => return None,
        })
    }
}
