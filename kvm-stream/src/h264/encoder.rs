//! The encoder, as the rest of the crate sees it.

use kvm_capture::{Frame, FrameFormat, ImageView, PixelFormat};

use super::quality::H264Quality;
use super::rate::H264Rate;
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
/// What stands still is coded once more, finely, some of it in each picture, until its errors are too small to be seen: a
/// PSNR of 48 dB for each macroblock of 16 by 16 pixels, or what [`H264Quality::still_quantiser`] gives. Then a still
/// screen sends nothing.
///
/// [Damage](Damage) is a hint: where it is wrong, what a decoder shows is not the source, but it is always
/// [what this encoder takes it to show](Self::reconstruction). [`with_checks`](Self::with_checks) looks at everything.
///
/// Without a limit a picture has the bytes that its quality takes. A [budget](Encoder::set_budget) makes photos and films
/// coarser; a [rate](Self::with_rate) is never exceeded, and what does not fit comes with the next pictures.
#[derive(Debug)]
pub struct H264Encoder {
    quality: H264Quality,
    limit: Option<H264Rate>,
    is_checked: bool,
    budget: usize,
    session: Option<Session>,
    wants_keyframe: bool,
}

impl H264Encoder {
    /// Creates an encoder of this quality.
    pub fn new(quality: H264Quality) -> Self {
        Self {
            quality: quality.bounded(),
            limit: None,
            is_checked: false,
            budget: usize::MAX,
            session: None,
            wants_keyframe: false,
        }
    }

    /// The same for a line that carries no more than that.
    #[must_use]
    pub fn with_rate(self, limit: H264Rate) -> Self {
        Self { limit: Some(limit), session: None, ..self }
    }

    /// The same, but looking at every macroblock of every frame, for sources of damage that are not to be trusted. What
    /// the damage says to have moved is only tried first.
    #[must_use]
    pub fn with_checks(self) -> Self {
        Self { is_checked: true, ..self }
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
                session.set_budget(self.budget);
                if !session.code_change(&image, frame.timestamp(), damage, self.is_checked, &mut payload) {
                    self.session = Some(session);
                    return Ok(None);
                }
                (session, false)
            }
            session => {
                let mut session = match session {
                    Some(session) => session,
                    None => Session::new(format, self.quality, self.limit).ok_or_else(unsupported)?,
                };
                session.set_budget(self.budget);
                if !session.code_key(&image, frame.timestamp(), &mut payload) {
                    self.wants_keyframe = true;
                    self.session = Some(session);
                    return Ok(None);
                }
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

    fn has_backlog(&self) -> bool {
        self.session.as_ref().is_some_and(Session::has_backlog)
    }

    fn set_budget(&mut self, picture_bytes: usize) {
        self.budget = picture_bytes;
    }
}

const NAME: &str = "the H.264 encoder";
