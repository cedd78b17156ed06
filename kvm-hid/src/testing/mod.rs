//! A computer to type at, for tests and demonstrations, and what every sink must do.
//!
//! [`SimulatedHost`] is the other end of the cable: it reads the report descriptors it is given and turns report
//! bytes back into what they mean, without sharing a line with the code that made them. [`check_sink`] is for
//! whoever writes a [`ReportSink`](crate::ReportSink).

mod check;
mod decoder;
mod descriptor;
mod event;
mod host;
mod port;

pub use check::check_sink;
pub use descriptor::{DescriptorError, Direction, Field, ReportDescriptor};
pub use event::HostEvent;
pub use host::SimulatedHost;
pub use port::HostPort;
