//! A `/dev/hidgN` node.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use kvm_audit::{CapabilitySet, Declare, Grant, InUse};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::sink::expect_interface;
use crate::{HidError, Interface, Leds, Report, ReportSink, Sent};

/// A sink that writes to a `/dev/hidgN` node, which the kernel's `f_hid` function offers for each HID function
/// of a USB gadget.
///
/// Nothing here blocks. What the kernel (6.12) does, and what is made of it:
///
/// | the kernel | happens when | becomes |
/// | --- | --- | --- |
/// | takes a write | fewer than two reports wait for the host | [`Sent::Accepted`] |
/// | `EAGAIN` | two wait: the host sleeps, or has no driver for the interface | [`Sent::Busy`] |
/// | `ESHUTDOWN` | the gadget is unbound from its controller, or not yet configured by a host again | [`Sent::Detached`] |
/// | the node is gone | the gadget is unbound; it is made anew when it is bound again | [`Sent::Detached`] |
/// | polls readable, reads `ESHUTDOWN` | the gadget was unbound with the node open | [not attached](ReportSink::is_attached) |
///
/// When it was detached, the node is opened anew at the next offer, for as long as it takes; the grant stays in
/// use meanwhile. Dropping the sink does not release keys at the host: a [`Seat`](crate::Seat) does.
#[derive(Debug)]
pub struct GadgetNode {
    interface: Interface,
    path: PathBuf,
    node: Node,
    usage: InUseOn,
}

impl GadgetNode {
    /// Opens the node of a boot keyboard ([`Interface::Keyboard`]).
    ///
    /// # Errors
    ///
    /// The grant does not cover the path, or the node cannot be opened; the message says what to do.
    pub fn open_keyboard(
        path: impl AsRef<Path>,
        grant: Grant<kvm_audit::Keyboard>,
    ) -> Result<Self, HidError> {
        let path = path.as_ref();
        let usage = InUseOn::Keyboard(grant.exercise(&path.to_string_lossy())?);
        Self::open(Interface::Keyboard, path, usage)
    }

    /// Opens the node of an absolute pointer ([`Interface::Pointer`]).
    ///
    /// # Errors
    ///
    /// As for [`open_keyboard`](Self::open_keyboard).
    pub fn open_pointer(path: impl AsRef<Path>, grant: Grant<kvm_audit::Pointer>) -> Result<Self, HidError> {
        let path = path.as_ref();
        let usage = InUseOn::Pointer(grant.exercise(&path.to_string_lossy())?);
        Self::open(Interface::Pointer, path, usage)
    }

    /// Opens the node of a relative mouse ([`Interface::Mouse`]).
    ///
    /// # Errors
    ///
    /// As for [`open_keyboard`](Self::open_keyboard).
    pub fn open_mouse(path: impl AsRef<Path>, grant: Grant<kvm_audit::Pointer>) -> Result<Self, HidError> {
        let path = path.as_ref();
        let usage = InUseOn::Pointer(grant.exercise(&path.to_string_lossy())?);
        Self::open(Interface::Mouse, path, usage)
    }

    /// The path of the node.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open(interface: Interface, path: &Path, usage: InUseOn) -> Result<Self, HidError> {
        let file = open_node(path).map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::NotFound => HidError::NoNode { path, interface },
                io::ErrorKind::PermissionDenied => HidError::NoPermission { path },
                _ => HidError::Io { operation: "open", path, source },
            }
        })?;
        let metadata = file.metadata().map_err(|source| HidError::Io {
            operation: "examine",
            path: path.to_owned(),
            source,
        })?;
        if !metadata.file_type().is_char_device() {
            return Err(HidError::NotANode { path: path.to_owned() });
        }
        Ok(Self { interface, path: path.to_owned(), node: Node::Open(file), usage })
    }

    fn error(&self, operation: &'static str, source: io::Error) -> HidError {
        HidError::Io { operation, path: self.path.clone(), source }
    }
}

impl Declare for GadgetNode {
    fn capabilities(&self) -> CapabilitySet {
        match &self.usage {
            InUseOn::Keyboard(usage) => usage.capabilities(),
            InUseOn::Pointer(usage) => usage.capabilities(),
        }
    }
}

impl ReportSink for GadgetNode {
    fn interface(&self) -> Interface {
        self.interface
    }

    fn try_send(&mut self, report: &Report) -> Result<Sent, HidError> {
        expect_interface(self.interface, report)?;
        match self.node {
            Node::Open(_) => {}
            // Whoever offers must hear of it before anything arrives again.
            Node::Lost => {
                self.node = Node::Away;
                return Ok(Sent::Detached);
            }
            Node::Away => match open_node(&self.path) {
                Ok(file) => self.node = Node::Open(file),
                Err(error) if is_away(&error) => return Ok(Sent::Detached),
                Err(error) => return Err(self.error("open", error)),
            },
        }
        let Node::Open(file) = &mut self.node else { return Ok(Sent::Detached) };
        // A report is written whole or not at all.
        match file.write(report.bytes()) {
            Ok(_) => Ok(Sent::Accepted),
            Err(error) if is_not_now(&error) => Ok(Sent::Busy),
            Err(error) if is_away(&error) => {
                self.node = Node::Away;
                Ok(Sent::Detached)
            }
            Err(error) => Err(self.error("write to", error)),
        }
    }

    fn try_leds(&mut self) -> Result<Option<Leds>, HidError> {
        let mut newest = None;
        // A host may set the lights a few times between two looks; it does not keep setting them.
        for _ in 0..MAX_LED_REPORTS {
            let Node::Open(file) = &mut self.node else { break };
            // Read from a pointer, too: an unbound node is readable until somebody finds out why.
            let mut report = [0; 1];
            match file.read(&mut report) {
                Ok(1) if self.interface == Interface::Keyboard => newest = Some(Leds::from_byte(report[0])),
                Ok(_) => {}
                Err(error) if is_not_now(&error) => break,
                Err(error) if is_away(&error) => {
                    self.node = Node::Lost;
                    newest = None;
                }
                Err(error) => return Err(self.error("read from", error)),
            }
        }
        Ok(newest)
    }

    fn is_attached(&self) -> bool {
        matches!(self.node, Node::Open(_))
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        match &self.node {
            Node::Open(file) => Some(file.as_fd()),
            Node::Lost | Node::Away => None,
        }
    }
}

/// What is known of the node.
#[derive(Debug)]
enum Node {
    Open(File),
    /// Found unbound while reading, which has not been said yet.
    Lost,
    /// To be opened anew at the next offer.
    Away,
}

/// The grant in use, by the kind it is of.
#[derive(Debug)]
enum InUseOn {
    Keyboard(InUse<kvm_audit::Keyboard>),
    Pointer(InUse<kvm_audit::Pointer>),
}

fn open_node(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Whether an error says no more than that there is nothing to do at the moment.
fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Whether an error says that the gadget is unbound, whose node may be gone, or be left over for a moment.
fn is_away(error: &io::Error) -> bool {
    let away = [Errno::SHUTDOWN, Errno::NODEV, Errno::NXIO, Errno::NOENT];
    away.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// More light reports than any host sends between two looks.
const MAX_LED_REPORTS: usize = 16;
