//! The codecs we are measured against, through the C files in this folder: libjpeg-turbo, x264, libvpx's VP8, and
//! libyuv for bringing captured frames into the form they take.
//!
//! Each runs on the thread that calls it and keeps its output in memory of its own. The only unsafe code outside
//! the libraries is here.
#![expect(unsafe_code, reason = "calls into C libraries")]

mod coder;
mod converted;
mod pixels;
mod viewer;

pub use coder::{Coder, JpegManner, X264Preset};
pub use converted::Converted;
pub use pixels::{Layout, Pixels};
pub use viewer::Viewer;

/// What goes wrong with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The library, or the C file around it, takes no such parameters.
    #[error("the library takes no such parameters")]
    Refused,
    /// The library failed.
    #[error("the library failed")]
    Failed,
}
