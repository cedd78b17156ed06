//! What can go wrong on the way to the target.

use std::io;
use std::path::PathBuf;

use crate::Interface;

/// Why an interface could not be opened, or did not take a report.
///
/// That the host does not listen, or is not there, is no error but a [`Sent`](crate::Sent).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HidError {
    /// The grant was for something else.
    #[error("the grant does not cover this interface")]
    OutOfScope(#[from] kvm_audit::OutOfScope),
    /// There is no such node.
    #[error(
        "{} does not exist: create the gadget with its {interface} function and write the name of a controller \
         from /sys/class/udc to its UDC file",
        path.display()
    )]
    NoNode {
        /// The node.
        path: PathBuf,
        /// What was to be opened.
        interface: Interface,
    },
    /// The node is not ours to open.
    #[error("no permission to open {}: run as root or give the node to this user with a udev rule", path.display())]
    NoPermission {
        /// The node.
        path: PathBuf,
    },
    /// The path names something else.
    #[error("{} is not a character device, so it is no gadget node", path.display())]
    NotANode {
        /// The path.
        path: PathBuf,
    },
    /// An operating system call failed.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A report for one interface was handed to the sink of another.
    #[error("a report for the {report} was handed to the sink of the {sink}")]
    WrongInterface {
        /// The interface of the sink.
        sink: Interface,
        /// The interface of the report.
        report: Interface,
    },
    /// A report is not of the interface's making.
    #[error("a report of {len} bytes does not fit the {interface}")]
    ReportLength {
        /// The interface.
        interface: Interface,
        /// The length.
        len: usize,
    },
}
