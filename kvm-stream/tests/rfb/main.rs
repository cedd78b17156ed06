//! The RFB server as a client meets it: a scripted client, which reads nothing but bytes, drives the state machine.

#![cfg(feature = "rfb")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "all of it is test code, and its sizes are small"
)]

mod client;
mod handshake;
mod hostile;
mod messages;
mod updates;
