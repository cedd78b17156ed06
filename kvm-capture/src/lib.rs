#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "pattern")]
pub mod canvas;
mod captured;
mod colour;
pub mod convert;
mod error;
#[cfg(feature = "pattern")]
mod font;
mod frame;
mod image;
#[cfg(feature = "pattern")]
pub mod pattern;
mod pixel_format;
mod replay;
mod source;
#[cfg(feature = "testing")]
pub mod testing;
mod timestamp;
#[cfg(all(feature = "v4l2", target_os = "linux"))]
mod v4l2;
mod y4m;

pub use captured::{Captured, Provenance, SignalLoss};
pub use colour::{Colour, Matrix, Range};
pub use error::CaptureError;
pub use frame::{Frame, FrameError, FrameFormat, Plane};
pub use image::{ImageView, PlaneView};
pub use pixel_format::{FourCc, PixelFormat, PlaneSize};
pub use replay::{FrameRate, Replay};
pub use source::FrameSource;
pub use timestamp::Timestamp;
#[cfg(all(feature = "v4l", target_os = "linux"))]
pub use v4l2::V4lSource;
#[cfg(all(feature = "v4l2", target_os = "linux"))]
pub use v4l2::{V4l2Options, V4l2Source, V4l2Stats, m2m};
