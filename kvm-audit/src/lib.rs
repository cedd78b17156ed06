#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod assemble;
mod capability;
mod declare;
mod grant;
mod kind;
mod ledger;
mod manifest;
#[cfg(feature = "toml")]
mod manifest_file;
mod scope;
mod seal;
#[cfg(feature = "serde")]
mod serialise;
mod set;

pub use assemble::{Exceeds, Missing, assemble};
pub use capability::{Capability, UnknownWord, VOCABULARY};
pub use declare::Declare;
pub use grant::{Grant, InUse, OutOfScope};
pub use kind::{
    AudioPlayback, FirmwareUpdate, HdmiAudio, Keyboard, Kind, MassStorage, NetworkConnect, NetworkListen,
    Pointer, PowerControl, Recording, VideoCapture, VideoCodec,
};
pub use ledger::{Entry, Event, Ledger};
pub use manifest::{Declaration, DeclareError, GrantError, Manifest};
#[cfg(feature = "toml")]
pub use manifest_file::{MAX_MANIFEST_BYTES, ManifestError, Position};
pub use scope::Scope;
pub use seal::{process_is_sealed, seal_process};
pub use set::CapabilitySet;
