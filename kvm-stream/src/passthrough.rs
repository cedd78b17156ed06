//! Pictures that come compressed and stay as they are.

use bytes::Bytes;
use kvm_capture::{Frame, PixelFormat};

use crate::{Codec, Damage, EncodeError, Encoder, Packet, PacketSink};

/// Passes the JPEG pictures of an MJPEG device on without decoding them.
///
/// The payload is copied out of the driver's buffer once: a packet lives as long as its slowest viewer needs it,
/// and a buffer held that long is one the driver cannot fill.
#[derive(Debug, Default)]
pub struct Passthrough {
    asked: bool,
}

impl Passthrough {
    /// Creates the encoder.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Encoder for Passthrough {
    fn encode(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        let format = frame.format();
        let Some(picture) = frame.compressed().filter(|_| format.pixel == PixelFormat::Mjpeg) else {
            return Err(EncodeError::Unsupported { encoder: "passthrough", format });
        };
        if !damage.is_empty() || std::mem::take(&mut self.asked) {
            out.push(Packet::of(frame, Codec::Jpeg, Bytes::copy_from_slice(picture), true))?;
        }
        Ok(())
    }

    fn request_keyframe(&mut self) {
        self.asked = true;
    }
}
