//! Where packets go.

use std::io;

use crate::{Codec, Packet};

/// A place packets go: viewers, a recording, a file.
///
/// The encoder pushes, because a packet exists once and has to go somewhere. A sink never blocks and never holds
/// up another: one that cannot keep up drops by its own rule and asks for a key picture. `Vec<Packet>` is a sink.
pub trait PacketSink: Send {
    /// Takes a packet.
    ///
    /// # Errors
    ///
    /// The sink is broken and will take no more, such as a recording whose disk is full.
    fn push(&mut self, packet: Packet) -> Result<(), SinkError>;

    /// Whether the sink cannot go on without a key picture. Asking is answering: the request counts as passed on.
    fn take_keyframe_request(&mut self) -> bool {
        false
    }

    /// Whether anybody is there to take packets. For sinks of which none has anybody nothing is encoded; one that
    /// has again must [ask for a key picture](Self::take_keyframe_request).
    fn is_watched(&mut self) -> bool {
        true
    }
}

const _: Option<&dyn PacketSink> = None;

impl<T: PacketSink + ?Sized> PacketSink for Box<T> {
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        (**self).push(packet)
    }

    fn take_keyframe_request(&mut self) -> bool {
        (**self).take_keyframe_request()
    }

    fn is_watched(&mut self) -> bool {
        (**self).is_watched()
    }
}

impl PacketSink for Vec<Packet> {
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        self.push(packet);
        Ok(())
    }
}

/// Why a sink takes no more packets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// Writing failed.
    #[error("writing failed")]
    Write(#[from] io::Error),
    /// The packet does not fit what the sink has taken so far.
    #[error("the stream changed in a way the sink cannot follow: {reason}")]
    StreamChanged {
        /// What changed.
        reason: &'static str,
    },
    /// The sink cannot hold this codec.
    #[error("{codec:?} is not a codec this sink can hold")]
    Codec {
        /// The packet's codec.
        codec: Codec,
    },
    /// The payload is not what its codec says.
    #[error("malformed {codec:?} packet: {reason}")]
    Malformed {
        /// The packet's codec.
        codec: Codec,
        /// What is wrong with it.
        reason: &'static str,
    },
}
