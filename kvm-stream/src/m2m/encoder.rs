//! A hardware encoder as an [`Encoder`].

use std::time::Duration;

use kvm_audit::{CapabilitySet, Declare};
use kvm_capture::Frame;
use kvm_capture::m2m::{Coded, EncoderDevice, M2mError, Rate};

use super::coded_stream::CodedStream;
use crate::{Damage, EncodeError, Encoder, Packet, PacketSink};

/// Encodes with a hardware encoder behind a V4L2 device.
///
/// Packets are [`Codec::H264`](crate::Codec::H264) or [`Codec::Jpeg`](crate::Codec::Jpeg) where that is what the
/// device makes, and [`Codec::Other`](crate::Codec::Other) with its code otherwise. Key pictures of H.264 have their
/// parameter sets, also if the driver gives those only once.
///
/// A picture comes out in the call that it went in with, if the device makes it within the [wait](Self::with_wait);
/// one that takes longer comes out of a later call, and until then there is a
/// [backlog](Encoder::has_backlog). A frame that the device has no room for is left out, and the newest is made up
/// for it. A frame with empty damage is not encoded, unless a key picture was asked for or one is owed.
///
/// An error of the device closes it, and the next frame opens it again and becomes a key picture, so that an encoder
/// goes on by itself when a device comes back.
///
/// ```no_run
/// use kvm_audit::{Capability, Ledger, Manifest};
/// use kvm_capture::m2m::EncoderDevice;
/// use kvm_stream::M2mEncoder;
///
/// let manifest = Manifest::new("bench-kvm").declare(
///     Capability::VideoCodec,
///     "/dev/video11",
///     "compresses the target's screen",
/// )?;
/// let device = EncoderDevice::open("/dev/video11", manifest.grant(&Ledger::new())?)?;
/// let encoder = M2mEncoder::new(device);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct M2mEncoder {
    device: EncoderDevice,
    stream: CodedStream,
    wait: Duration,
    /// The rate that was chosen, which budgets do not go above.
    rate: Option<Rate>,
    /// Whether the newest frame has to be encoded even if it does not differ from the one before.
    owes: bool,
    /// Whether headers came out and their picture has not.
    awaits_picture: bool,
    coded: Vec<Coded>,
}

impl M2mEncoder {
    /// How long is waited for a picture unless told otherwise: encoders of 1080p60 need a third of it, and a viewer
    /// notices twice of it.
    pub const DEFAULT_WAIT: Duration = Duration::from_millis(50);

    /// Encodes with this device.
    pub fn new(device: EncoderDevice) -> Self {
        Self {
            stream: CodedStream::of(device.code()),
            rate: device.options().rate(),
            device,
            wait: Self::DEFAULT_WAIT,
            owes: true,
            awaits_picture: false,
            coded: Vec::new(),
        }
    }

    /// The same with a limit of its own for how long [`encode`](Encoder::encode) waits for the device. With zero it
    /// never waits, and pictures come out of the call after the one they went in with.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// The device.
    pub fn device(&self) -> &EncoderDevice {
        &self.device
    }

    /// Changes how many bytes are spent on how much quality.
    ///
    /// # Errors
    ///
    /// The device has no such control. The stream goes on as it was.
    pub fn set_rate(&mut self, rate: Rate) -> Result<(), EncodeError> {
        self.device.set_rate(rate)?;
        self.rate = Some(rate);
        Ok(())
    }

    /// Waits, no longer than the timeout, for everything in flight, pushes it and stops the device, which then holds
    /// no buffers and no frames. The next frame begins a new stream with a key picture. Answers whether everything
    /// came out in time; what did not is lost.
    ///
    /// # Errors
    ///
    /// The device failed, or the sink is broken.
    pub fn wait_finish(&mut self, timeout: Duration, out: &mut dyn PacketSink) -> Result<bool, EncodeError> {
        let finished = self.device.wait_drained(timeout, &mut self.coded);
        (self.owes, self.awaits_picture) = (true, false);
        self.push(out)?;
        Ok(finished?)
    }

    fn encode_picture(&mut self, frame: &Frame, damage: &Damage) -> Result<(), M2mError> {
        if !damage.is_empty() || self.owes {
            let is_taken = self.device.wait_encoded(frame, self.wait, &mut self.coded)?;
            self.owes = !is_taken;
            Ok(())
        } else {
            self.device.wait_coded(Duration::ZERO, &mut self.coded)
        }
    }

    fn push(&mut self, out: &mut dyn PacketSink) -> Result<(), EncodeError> {
        for coded in self.coded.drain(..) {
            let picture = self.stream.picture(coded.payload, coded.is_marked_key);
            self.awaits_picture = picture.is_none();
            let Some((payload, is_keyframe)) = picture else { continue };
            out.push(Packet {
                codec: self.stream.codec(),
                payload,
                is_keyframe,
                is_refresh: false,
                changes: None,
                width_px: coded.width_px,
                height_px: coded.height_px,
                timestamp: coded.timestamp,
                sequence: coded.sequence,
            })?;
        }
        Ok(())
    }
}

impl Encoder for M2mEncoder {
    /// Waits for the device, no longer than [`with_wait`](M2mEncoder::with_wait) says.
    fn encode(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        let encoded = self.encode_picture(frame, damage);
        self.owes |= encoded.is_err();
        self.push(out)?;
        encoded.map_err(|error| match error {
            M2mError::Format { format } => EncodeError::Unsupported { encoder: NAME, format },
            error => EncodeError::Device(error),
        })
    }

    fn request_keyframe(&mut self) {
        self.device.request_keyframe();
        self.owes = true;
    }

    fn has_backlog(&self) -> bool {
        self.owes || self.awaits_picture || self.device.in_flight() > 0
    }

    /// Turned into a bit rate, where one was chosen: never above it.
    fn set_budget(&mut self, picture_bytes: usize) {
        let frames = self.device.options().frames_per_second();
        let Some(rate) = self.rate.and_then(|rate| within(rate, picture_bytes, frames)) else { return };
        if self.device.options().rate() != Some(rate) {
            // The device took a bit rate before; where it does not now, it keeps to the one it has.
            let _ = self.device.set_rate(rate);
        }
    }

    fn capabilities(&self) -> CapabilitySet {
        self.device.capabilities()
    }
}

/// The bit rate at which pictures have no more than so many bytes, and that is not above the one that was chosen;
/// `None` where quality was chosen instead.
fn within(chosen: Rate, picture_bytes: usize, frames_per_second: u32) -> Option<Rate> {
    let bytes = u32::try_from(picture_bytes).unwrap_or(u32::MAX);
    let wanted = bytes.saturating_mul(8).saturating_mul(frames_per_second);
    match chosen {
        Rate::Constant { bits_per_second } => {
            Some(Rate::Constant { bits_per_second: bits_per_second.min(wanted) })
        }
        Rate::Variable { bits_per_second } => {
            Some(Rate::Variable { bits_per_second: bits_per_second.min(wanted) })
        }
        _ => None,
    }
}

const NAME: &str = "the V4L2 encoder";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_lowers_the_bit_rate_and_never_raises_it() {
        let chosen = Rate::Variable { bits_per_second: 4_000_000 };
        assert_eq!(within(chosen, 1000, 30), Some(Rate::Variable { bits_per_second: 240_000 }));
        assert_eq!(within(chosen, usize::MAX, 30), Some(chosen));
        assert_eq!(
            within(Rate::Constant { bits_per_second: 1 }, 9, 9),
            Some(Rate::Constant { bits_per_second: 1 })
        );
        assert_eq!(within(Rate::Quantiser { key: 1, between: 1 }, 9, 9), None);
    }
}
