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
mod description;
#[cfg(feature = "mp4")]
mod finalise;
mod fragment;
mod init;
mod inputs;
mod parse;
mod read;
mod track;
#[cfg(feature = "chain")]
mod verify;

#[cfg(feature = "chain")]
pub use chain::ChainHead;
#[cfg(feature = "mp4")]
pub use finalise::{FinaliseError, Finalised, finalise};
pub(crate) use fragment::{Fragments, Of, Sample};
pub(crate) use init::{TIMESCALE, init_segment};
pub use inputs::InputTally;
pub(crate) use inputs::QUIET;
pub use read::{Ending, Fragment, InputSpan, Picture, ReadError, RecordingReader};
pub(crate) use track::Track;
#[cfg(feature = "chain")]
pub use verify::{Verdict, verify};
