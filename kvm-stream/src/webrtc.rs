//! A viewer that is a WebRTC peer, without sockets, clock or thread.
//!
//! [`WebRtcViewer`] takes pictures of H.264 from a [`FanOut`](crate::FanOut) and makes datagrams of them, and takes the peer's
//! datagrams; time and addresses are arguments. The protocols are those of the `str0m` crate, the cryptography is that
//! of the RustCrypto crates: nothing here needs a library in C.
//!
//! The peer makes the offer, as a browser does that asks by WHEP, and gets one answer. The viewer is an ICE-lite agent
//! (RFC 8445, section 2.5): it answers those who found it at one of the addresses that the program named, and sends
//! nothing to anybody who did not come first. No STUN or TURN server is known in here, and none is ever asked.
//!
//! # Delay, time and losses
//!
//! Pictures say that they want to be shown at once (playout delay zero), and carry the time of their capture as RTP
//! timestamp and, for peers that negotiate it, as time of day (abs-capture-time). What gets lost is sent again when the peer
//! asks (NACK, RTX). So that it notices the loss of a picture's last packets when no picture follows, as on a screen
//! that has come to rest, a few empty packets go after each. A decoder that lost its way asks for a picture it can start at (PLI,
//! FIR), which the fan-out passes on to the encoder.
//!
//! # Rate
//!
//! What the line is estimated to carry comes as [`WebRtcOutput::Estimate`], for a
//! [`RateControl`](crate::RateControl::estimated).

mod clocks;
mod crypto;
mod error;
mod identity;
mod payloads;
mod srtp;
mod tail;
mod video;
mod viewer;

pub use clocks::Clocks;
pub use error::WebRtcError;
pub use identity::WebRtcIdentity;
pub use viewer::{WebRtcOptions, WebRtcOutput, WebRtcViewer};

#[cfg(test)]
mod tests;
