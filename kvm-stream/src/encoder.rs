//! Turning frames into packets.

use std::fmt::Debug;

use kvm_capture::{Frame, FrameFormat};

use crate::{Damage, PacketSink, SinkError};

/// Turns frames into packets.
///
/// The encoder is told what changed, so that what did not change need not be looked at. It is synchronous: the
/// caller decides on which thread and when. It keeps no frame: a reference picture, where the codec has one, is
/// the encoder's own.
pub trait Encoder: Debug + Send {
    /// Encodes a frame of which `damage` differs from the frame before and pushes what comes out.
    ///
    /// With empty damage an encoder may push nothing, or spend the time on quality.
    ///
    /// # Errors
    ///
    /// The frame cannot be encoded, or a sink is broken. The next frame may be tried; it must then be encoded
    /// with full damage.
    fn encode(&mut self, frame: &Frame, damage: &Damage, out: &mut dyn PacketSink)
    -> Result<(), EncodeError>;

    /// Makes the next picture one that decoding can start at.
    fn request_keyframe(&mut self);
}

const _: Option<&dyn Encoder> = None;

impl<T: Encoder + ?Sized> Encoder for Box<T> {
    fn encode(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        (**self).encode(frame, damage, out)
    }

    fn request_keyframe(&mut self) {
        (**self).request_keyframe();
    }
}

/// Why a frame was not encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The encoder does not take this format.
    #[error("{encoder} does not take {format}")]
    Unsupported {
        /// The encoder.
        encoder: &'static str,
        /// The frame's format.
        format: FrameFormat,
    },
    /// The codec's library refused.
    #[error("{encoder} failed: {reason}")]
    Codec {
        /// The encoder.
        encoder: &'static str,
        /// What the library said.
        reason: String,
    },
    /// The sink is broken.
    #[error(transparent)]
    Sink(#[from] SinkError),
}
