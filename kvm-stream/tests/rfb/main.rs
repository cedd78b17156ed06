//! The RFB server as a client meets it: a scripted client, which reads nothing but bytes, drives the state machine.

#![cfg(feature = "rfb")]

mod client;
mod handshake;
mod hostile;
mod messages;
mod updates;
