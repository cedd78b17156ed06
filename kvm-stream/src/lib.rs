#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod classify;
mod cover;
mod damage;
mod diff;
mod encoder;
mod fan_out;
mod film;
#[cfg(feature = "h264")]
mod h264;
mod input_class;
#[cfg(feature = "jpeg")]
mod jpeg;
mod layout;
#[cfg(all(feature = "m2m", target_os = "linux"))]
mod m2m;
mod motion;
pub mod mp4;
mod multipart;
#[cfg(feature = "openh264")]
mod openh264;
mod packet;
mod passthrough;
mod pipeline;
mod rate;
mod recorder;
mod rect;
#[cfg(feature = "tight")]
mod rects;
#[cfg(feature = "rfb")]
pub mod rfb;
#[cfg(any(feature = "h264", feature = "jpeg"))]
#[expect(unsafe_code, reason = "runs kernels that are compiled for more than the target's baseline")]
mod simd;
mod sink;
#[cfg(feature = "png")]
mod snapshot;
mod tiles;
#[cfg(feature = "webrtc")]
pub mod webrtc;
#[cfg(any(feature = "h264", feature = "jpeg"))]
mod ycc_rows;

pub use classify::{Class, classify};
pub use damage::{CopyRect, Damage, MotionHint};
pub use diff::{Noise, Sensitivity, TileDiff};
pub use encoder::{EncodeError, Encoder};
pub use fan_out::{Acknowledged, Drops, FanOut, Viewer, ViewerEnd, ViewerPolicy};
pub use film::FilmFinder;
#[cfg(feature = "h264")]
pub use h264::{H264Encoder, H264Quality, H264Rate};
pub use input_class::InputClass;
#[cfg(feature = "jpeg")]
pub use jpeg::{BaselineJpeg, JpegEncoder};
#[cfg(all(feature = "m2m", target_os = "linux"))]
pub use m2m::M2mEncoder;
pub use multipart::{Multipart, Part};
#[cfg(feature = "openh264")]
pub use openh264::OpenH264Encoder;
pub use packet::{Codec, Packet};
pub use passthrough::Passthrough;
pub use pipeline::{Pipeline, PipelineError, SinkId, StageTimes, Step};
pub use rate::{Pace, RateControl};
pub use recorder::{Recorded, Recorder};
pub use rect::Rect;
#[cfg(feature = "tight")]
pub use rects::{ClientPixels, HybridEncoder, RectEncoder, RectOptions};
pub use sink::{Lacking, PacketSink, SinkError};
#[cfg(feature = "png")]
pub use snapshot::png_snapshot;
pub use tiles::Tiles;
