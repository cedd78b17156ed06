#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod damage;
mod diff;
mod encoder;
mod packet;
mod passthrough;
mod rect;
mod sink;

pub use damage::Damage;
pub use diff::TileDiff;
pub use encoder::{EncodeError, Encoder};
pub use packet::{Codec, Packet};
pub use passthrough::Passthrough;
pub use rect::Rect;
pub use sink::{PacketSink, SinkError};
