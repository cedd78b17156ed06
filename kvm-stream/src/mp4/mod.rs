//! MP4 as recordings use it: fragmented while recording, plain when finalised.
//!
//! A [`Recorder`](crate::Recorder) writes fragmented MP4 (ISO/IEC 14496-12, section 8.8): a description of the
//! stream once, then fragments that each stand for themselves. Whatever ends the writing, the file plays up to
//! its last complete fragment. [`RecordingReader`] reads such a file back, cut short or not; with the feature
//! `mp4`, `finalise` makes a plain, seekable file of it. With the feature `chain` a recording can carry a
//! chain of hashes, and `verify` tells whether it was cut or edited since.

pub(crate) mod avc;
mod boxes;
#[cfg(feature = "chain")]
mod chain;
#[cfg(feature = "mp4")]
mod finalise;
mod fragment;
mod init;
mod parse;
mod read;
mod track;
#[cfg(feature = "chain")]
mod verify;

#[cfg(feature = "chain")]
pub use chain::ChainHead;
#[cfg(feature = "mp4")]
pub use finalise::{FinaliseError, Finalised, finalise};
pub(crate) use fragment::{Fragments, Sample};
pub(crate) use init::init_segment;
pub use read::{Ending, Fragment, Picture, ReadError, RecordingReader};
pub(crate) use track::Track;
#[cfg(feature = "chain")]
pub use verify::{Verdict, verify};
