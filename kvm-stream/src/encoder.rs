//! Turning frames into packets.

use std::fmt::Debug;

use kvm_audit::CapabilitySet;
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

    /// Encodes, from the newest frame, what somebody lacks who came late or lost packets.
    ///
    /// `lacking` is relative to the stream of packets that this encoder pushed: whoever takes what is pushed here
    /// can go on with the packet that `encode` pushes next. Where the codec allows it, nothing changes for those
    /// who lack nothing, and the packets are [refreshes](crate::Packet::is_refresh), which they leave out. A codec
    /// that cannot do that, as unless told otherwise, starts anew with a key picture for all.
    ///
    /// # Errors
    ///
    /// As for [`encode`](Self::encode).
    fn encode_refresh(
        &mut self,
        frame: &Frame,
        lacking: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        let _ = lacking;
        let format = frame.format();
        self.request_keyframe();
        self.encode(frame, &Damage::full(format.width_px, format.height_px), out)
    }

    /// Whether there is something to send although nothing changes: quality that was held back, or areas that did
    /// not fit the [budget](Self::set_budget). Such an encoder wants to be called with empty damage.
    fn has_backlog(&self) -> bool {
        false
    }

    /// About how many bytes each of the next pictures may have. An encoder that can takes the difference from
    /// the quality of photos and films and catches up later; text it sends as it is.
    fn set_budget(&mut self, picture_bytes: usize) {
        let _ = picture_bytes;
    }

    /// What the encoder uses that needs a grant; nothing, but for those that hand pictures to a device.
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
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

    fn encode_refresh(
        &mut self,
        frame: &Frame,
        lacking: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        (**self).encode_refresh(frame, lacking, out)
    }

    fn has_backlog(&self) -> bool {
        (**self).has_backlog()
    }

    fn set_budget(&mut self, picture_bytes: usize) {
        (**self).set_budget(picture_bytes);
    }

    fn capabilities(&self) -> CapabilitySet {
        (**self).capabilities()
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
    /// The encoder's device failed or is gone. It is opened again for the next frame.
    #[cfg(all(feature = "m2m", target_os = "linux"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "m2m")))]
    #[error(transparent)]
    Device(#[from] kvm_capture::m2m::M2mError),
    /// The sink is broken.
    #[error(transparent)]
    Sink(#[from] SinkError),
}
