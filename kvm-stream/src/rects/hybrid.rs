//! Rectangles as packets for many viewers.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use kvm_audit::CapabilitySet;
use kvm_capture::Frame;

use super::{ClientPixels, RectEncoder, RectOptions};
use crate::{Codec, Damage, EncodeError, Encoder, Packet, PacketSink};

/// Encodes text and areas exactly, motion as copies and photos as JPEG pictures that become exact when they stand
/// still: packets of [`Codec::Rects`]. What has many colours goes as exact [planes](RectOptions::planes).
///
/// Each packet begins its zlib streams anew, so that whoever has the picture of the packet before can read it, and a
/// newcomer gets a refresh of its own.
#[derive(Debug)]
pub struct HybridEncoder {
    rects: RectEncoder,
    wants_keyframe: bool,
    /// Whether a picture was sent that later packets build on.
    is_started: bool,
    payload: Vec<u8>,
}

impl HybridEncoder {
    /// Quality of photos while they move, on the scale of the Independent JPEG Group.
    pub const DEFAULT_QUALITY: u8 = 60;

    /// Creates an encoder with this quality of photos while they move, 1 to 100 on the scale of the Independent JPEG
    /// Group.
    pub fn new(quality: u8) -> Self {
        Self::with_quality(Some(quality.clamp(1, 100)))
    }

    /// Creates an encoder that sends everything exactly at once.
    pub fn lossless() -> Self {
        Self::with_quality(None)
    }

    fn with_quality(jpeg_quality: Option<u8>) -> Self {
        let options = RectOptions {
            copy_rect: true,
            tight: true,
            tight_gradient: true,
            jpeg_quality,
            planes: true,
            keeps_history: false,
            ..RectOptions::raw(ClientPixels::BGRX)
        };
        Self {
            rects: RectEncoder::new(options),
            wants_keyframe: false,
            is_started: false,
            payload: Vec::new(),
        }
    }

    /// The same with an encoder of H.264 for films: where something [plays](crate::FilmFinder), that part of the
    /// screen is coded by it, in a rectangle of the encoding Open H.264. See [`RectEncoder::with_film_encoder`].
    ///
    /// A refresh has what plays as pixels, and after it the film begins anew, so that whoever takes it can go on.
    #[must_use]
    pub fn with_film_encoder(mut self, encoder: Box<dyn Encoder>) -> Self {
        let options = RectOptions { open_h264: true, ..self.rects.options() };
        self.rects.set_options(options);
        self.rects = self.rects.with_film_encoder(encoder);
        self
    }

    /// Why the encoder of films last failed, once. What it did not code was sent without it.
    pub fn take_film_failure(&mut self) -> Option<EncodeError> {
        self.rects.take_film_failure()
    }

    /// Encodes the damage; `None` if there is nothing to send.
    fn packet(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        is_refresh: bool,
    ) -> Result<Option<Packet>, EncodeError> {
        self.payload.clear();
        self.payload.extend_from_slice(&[0; 2]);
        let count = if is_refresh {
            self.rects.encode_refresh(frame, damage, &mut self.payload)?
        } else {
            self.rects.encode(frame, damage, &mut self.payload)?
        };
        if count == 0 {
            return Ok(None);
        }
        self.payload[..2].copy_from_slice(&count.to_be_bytes());
        let mut packet = Packet::of(frame, Codec::Rects, self.take_payload(), false);
        packet.is_refresh = is_refresh;
        packet.changes = Some(Arc::new(self.rects.touched().clone()));
        Ok(Some(packet))
    }

    /// What was encoded: a copy, and the memory stays, unless it is large and would be held twice.
    fn take_payload(&mut self) -> Bytes {
        if self.payload.capacity() <= MOST_KEPT_BYTES {
            return Bytes::copy_from_slice(&self.payload);
        }
        let mut payload = mem::take(&mut self.payload);
        payload.shrink_to_fit();
        Bytes::from(payload)
    }
}

impl Default for HybridEncoder {
    fn default() -> Self {
        Self::new(Self::DEFAULT_QUALITY)
    }
}

impl Encoder for HybridEncoder {
    fn encode(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        let format = frame.format();
        let is_keyframe = self.wants_keyframe || !self.is_started || self.rects.format() != Some(format);
        let whole;
        let damage = if is_keyframe {
            whole = Damage::full(format.width_px, format.height_px);
            self.rects.restart_film();
            &whole
        } else {
            damage
        };
        self.is_started = false;
        let packet = self.packet(frame, damage, false)?;
        (self.is_started, self.wants_keyframe) = (true, false);
        if let Some(mut packet) = packet {
            if is_keyframe {
                packet.is_keyframe = true;
                packet.changes = None;
            }
            out.push(packet)?;
        }
        Ok(())
    }

    fn request_keyframe(&mut self) {
        self.wants_keyframe = true;
    }

    fn encode_refresh(
        &mut self,
        frame: &Frame,
        lacking: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        let format = frame.format();
        if !self.is_started || self.rects.format() != Some(format) {
            return self.encode(frame, lacking, out);
        }
        self.is_started = false;
        let packet = self.packet(frame, &lacking.without_copies(), true)?;
        self.is_started = true;
        if let Some(mut packet) = packet {
            // A newcomer can begin with the whole picture.
            packet.is_keyframe = lacking.rects() == Damage::full(format.width_px, format.height_px).rects();
            out.push(packet)?;
        }
        Ok(())
    }

    fn has_backlog(&self) -> bool {
        self.rects.has_backlog()
    }

    fn set_budget(&mut self, picture_bytes: usize) {
        self.rects.set_budget(picture_bytes);
    }

    fn capabilities(&self) -> CapabilitySet {
        self.rects.capabilities()
    }
}

/// The most memory that is kept for the next packet.
const MOST_KEPT_BYTES: usize = 256 << 10;
