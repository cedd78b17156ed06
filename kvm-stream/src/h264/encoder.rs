//! The encoder, as the rest of the crate sees it.

use kvm_capture::{Frame, FrameFormat, ImageView, PixelFormat};

use super::quality::H264Quality;
use super::session::Session;
use crate::{Codec, Damage, EncodeError, Encoder, Packet, PacketSink};

/// Encodes raw frames as H.264 at a cost that follows the change.
///
/// What did not change is skipped without being looked at, what moved is a motion vector, and only the rest is
/// converted and coded. Pictures are of Constrained Baseline profile: 4:2:0 of 8 bits, Rec. 709 with limited range,
/// one reference picture, so that any decoder shows each of them at once. The first picture is a key picture; others
/// come only when asked for and when the format changes. Of an odd width or height the last column or row is left out,
/// because a picture of 4:2:0 has none.
///
/// [Damage](Damage) is a hint: where it is wrong, what a decoder shows is not the source, but it is always
/// [what this encoder takes it to show](Self::reconstruction).
#[derive(Debug)]
pub struct H264Encoder {
    quality: H264Quality,
    session: Option<Session>,
    wants_keyframe: bool,
}

impl H264Encoder {
    /// Creates an encoder of this quality.
    pub fn new(quality: H264Quality) -> Self {
        let quality = quality.bounded();
        Self { quality, session: None, wants_keyframe: false }
    }

    /// What a decoder shows after the packets so far, to the bit: a picture of I420. `None` before the first.
    pub fn reconstruction(&self) -> Option<ImageView<'_>> {
        let session = self.session.as_ref()?;
        let (width_px, height_px) = session.parameters().size_px();
        let format = FrameFormat::new(PixelFormat::I420, width_px, height_px);
        let planes = session.shown().map(|plane| (plane.samples, plane.width));
        ImageView::of_planes(format, planes).ok()
    }

    /// The stream's name for media APIs (RFC 6381), such as `avc1.42E02A`. `None` before the first picture.
    pub fn codec_string(&self) -> Option<String> {
        self.session.as_ref().map(|session| session.parameters().codec_string())
    }

    fn picture(&mut self, frame: &Frame, damage: &Damage) -> Result<Option<Packet>, EncodeError> {
        let format = frame.format();
        let unsupported = || EncodeError::Unsupported { encoder: NAME, format };
        let image = frame.image().ok_or_else(unsupported)?;
        let wants_keyframe = std::mem::take(&mut self.wants_keyframe);
        let mut payload = Vec::new();
        let (session, is_keyframe) = match self.session.take().filter(|session| session.takes(format)) {
            Some(mut session) if !wants_keyframe => {
                if damage.is_empty() {
                    self.session = Some(session);
                    return Ok(None);
                }
                session.code_change(&image, damage, &mut payload);
                (session, false)
            }
            session => {
                let mut session = match session {
                    Some(session) => session,
                    None => Session::new(format, self.quality).ok_or_else(unsupported)?,
                };
                session.code_key(&image, &mut payload);
                (session, true)
            }
        };
        let session = self.session.insert(session);
        let mut packet = Packet::of(frame, Codec::H264, payload.into(), is_keyframe);
        (packet.width_px, packet.height_px) = session.parameters().size_px();
        Ok(Some(packet))
    }
}

impl Default for H264Encoder {
    fn default() -> Self {
        Self::new(H264Quality::DEFAULT)
    }
}

impl Encoder for H264Encoder {
    fn encode(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        if let Some(packet) = self.picture(frame, damage)? {
            if let Err(error) = out.push(packet) {
                // Nobody has this picture, which the next one would be made of.
                self.wants_keyframe = true;
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn request_keyframe(&mut self) {
        self.wants_keyframe = true;
    }
}

const NAME: &str = "the H.264 encoder";
