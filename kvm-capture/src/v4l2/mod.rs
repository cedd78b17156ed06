//! Capture from V4L2 devices: `source` on top; `device`, `signal` and `format` ask and set up; `queue` lends the
//! buffers, and `dmabuf` shares them with other drivers; `readiness` is what to wait on; `m2m` is codecs; `abi` and
//! `kernel` are the system underneath.

mod abi;
mod device;
mod dmabuf;
mod format;
mod kernel;
pub mod m2m;
mod options;
mod queue;
mod readiness;
mod sequence;
mod signal;
mod source;
#[cfg(feature = "v4l")]
mod v4l_stream;

pub(crate) use dmabuf::DmaBuf;
pub use options::V4l2Options;
pub use source::{V4l2Source, V4l2Stats};
#[cfg(feature = "v4l")]
pub use v4l_stream::V4lSource;
