//! Where packets go.

use std::io;

use kvm_capture::Timestamp;

use crate::{Codec, Damage, Packet, Tiles};

/// A place packets go: viewers, a recording, a file.
///
/// The encoder pushes, because a packet exists once and has to go somewhere. A sink never blocks and never holds
/// up another: one that cannot keep up drops by its own rule and asks for what it lacks. `Vec<Packet>` is a sink.
pub trait PacketSink: Send {
    /// Takes a packet.
    ///
    /// # Errors
    ///
    /// The sink is broken and will take no more, such as a recording whose disk is full.
    fn push(&mut self, packet: Packet) -> Result<(), SinkError>;

    /// What the sink needs before it can go on with the stream. Asking is answering: the request counts as passed
    /// on.
    fn take_refresh_request(&mut self) -> Option<Lacking> {
        None
    }

    /// Whether anybody is there to take packets. For sinks of which none has anybody nothing is encoded; one that
    /// has again must [ask for what it lacks](Self::take_refresh_request).
    fn is_watched(&mut self) -> bool {
        true
    }

    /// Tells how far time went on the packets' clock: the capture time of the newest frame, also of one that did not
    /// change and therefore made no packet.
    ///
    /// # Errors
    ///
    /// As for [`push`](Self::push).
    fn advance(&mut self, now: Timestamp) -> Result<(), SinkError> {
        let _ = now;
        Ok(())
    }
}

const _: Option<&dyn PacketSink> = None;

impl<T: PacketSink + ?Sized> PacketSink for Box<T> {
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        (**self).push(packet)
    }

    fn take_refresh_request(&mut self) -> Option<Lacking> {
        (**self).take_refresh_request()
    }

    fn is_watched(&mut self) -> bool {
        (**self).is_watched()
    }

    fn advance(&mut self, now: Timestamp) -> Result<(), SinkError> {
        (**self).advance(now)
    }
}

impl PacketSink for Vec<Packet> {
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        self.push(packet);
        Ok(())
    }
}

/// What somebody lacks who came late or lost packets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lacking {
    /// The whole picture.
    Everything,
    /// These tiles of a picture that is there otherwise.
    Tiles(Tiles),
}

impl Lacking {
    /// What two lack together. Tiles of pictures of different sizes are everything.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Tiles(mut one), Self::Tiles(other)) if one.size_px() == other.size_px() => {
                one.union_with(&other);
                Self::Tiles(one)
            }
            _ => Self::Everything,
        }
    }

    /// The same as damage to a picture of this size.
    pub fn damage(&self, width_px: u32, height_px: u32) -> Damage {
        match self {
            Self::Tiles(tiles) if tiles.size_px() == (width_px, height_px) => Damage::of_tiles(tiles),
            _ => Damage::full(width_px, height_px),
        }
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
