//! Film as H.264, in a rectangle of its own.

use std::mem;

use bytes::Bytes;
use kvm_audit::CapabilitySet;
use kvm_capture::convert::Converter;
use kvm_capture::{Colour, Frame, FrameFormat, ImageView, PixelFormat};

use super::header::{Encoding, put_header};
use crate::{Codec, Damage, EncodeError, Encoder, Packet, Rect};

/// Codes the part of the screen where a film plays, by an encoder of H.264 that somebody else made.
///
/// A client decodes each rectangle of film in a *context*, which is told by the rectangle's place and size and holds
/// the pictures that later ones refer to. There is one at a time, and it begins with a key picture.
#[derive(Debug)]
pub(super) struct FilmCoder {
    encoder: Box<dyn Encoder>,
    converter: Converter,
    /// The memory of the part's planes while no encoder reads them.
    planes: Vec<u8>,
    packets: Vec<Packet>,
    /// Where the film plays whose context the client has, or is about to get.
    place: Option<Rect>,
    /// The flags of the next rectangle, which begins the context; 0 in the midst of it.
    reset: u32,
    failure: Option<EncodeError>,
}

impl FilmCoder {
    pub(super) fn new(encoder: Box<dyn Encoder>) -> Self {
        Self {
            encoder,
            converter: Converter::new(),
            planes: Vec::new(),
            packets: Vec::new(),
            place: None,
            reset: 0,
            failure: None,
        }
    }

    /// The rectangle that the film's pictures paint.
    pub(super) fn place(&self) -> Option<Rect> {
        self.place
    }

    /// The film plays here from now on; `None` if it stopped.
    pub(super) fn set_place(&mut self, place: Option<Rect>) {
        if place == self.place {
            return;
        }
        self.place = place;
        self.begin(RESET_ALL);
    }

    /// Begins the context anew with the next picture, for somebody who lacks what came before.
    pub(super) fn restart(&mut self) {
        if self.place.is_some() {
            self.begin(RESET);
        }
    }

    /// The failure of the encoder that was not asked for yet.
    pub(super) fn take_failure(&mut self) -> Option<EncodeError> {
        self.failure.take()
    }

    pub(super) fn set_budget(&mut self, bytes: usize) {
        self.encoder.set_budget(bytes);
    }

    pub(super) fn capabilities(&self) -> CapabilitySet {
        self.encoder.capabilities()
    }

    /// Appends the film's picture as rectangles and returns how many they are: usually one, none where the encoder
    /// left the picture out. `None` if it cannot be coded; `out` is as it was before then, and the context ends.
    pub(super) fn put(&mut self, image: &ImageView<'_>, frame: &Frame, out: &mut Vec<u8>) -> Option<usize> {
        let place = self.place?;
        let start = out.len();
        let coded = self.code(image, frame, place);
        let count = coded.and_then(|()| self.put_packets(place, out));
        self.packets.clear();
        match count {
            Ok(count) => Some(count),
            Err(failure) => {
                out.truncate(start);
                self.failure = Some(failure);
                self.begin(RESET);
                None
            }
        }
    }

    fn begin(&mut self, flags: u32) {
        self.reset |= flags;
        self.encoder.request_keyframe();
    }

    fn code(&mut self, image: &ImageView<'_>, frame: &Frame, place: Rect) -> Result<(), EncodeError> {
        let format =
            FrameFormat::new(PixelFormat::I420, place.width, place.height).with_colour(Colour::VIDEO);
        let unsupported = || EncodeError::Unsupported { encoder: NAME, format };
        let part = image.crop(place.x, place.y, place.width, place.height).ok_or_else(unsupported)?;
        self.converter.convert(&part, format, &mut self.planes);
        let planes = Bytes::from(mem::take(&mut self.planes));
        let film = Frame::packed(format, planes.clone())
            .map_err(|_| unsupported())?
            .with_timestamp(frame.timestamp())
            .with_sequence(frame.sequence());
        let damage = Damage::full(place.width, place.height);
        let result = self.encoder.encode(&film, &damage, &mut self.packets);
        drop(film);
        // The same memory again, unless the encoder still reads it.
        self.planes = planes.try_into_mut().map(Vec::from).unwrap_or_default();
        result
    }

    fn put_packets(&mut self, place: Rect, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
        let mut count = 0;
        for packet in &self.packets {
            if packet.codec != Codec::H264
                || (packet.width_px, packet.height_px) != (place.width, place.height)
            {
                let reason = format!("{packet:?} is no H.264 picture of {}×{}", place.width, place.height);
                return Err(EncodeError::Codec { encoder: NAME, reason });
            }
            // An encoder that takes its time may still have pictures that refer to what the client lost.
            if self.reset != 0 && !packet.is_keyframe {
                continue;
            }
            let len = u32::try_from(packet.payload.len()).map_err(|_| EncodeError::Codec {
                encoder: NAME,
                reason: format!("{} bytes are more than a rectangle holds", packet.payload.len()),
            })?;
            put_header(place, Encoding::OpenH264, out);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&mem::take(&mut self.reset).to_be_bytes());
            out.extend_from_slice(&packet.payload);
            count += 1;
        }
        Ok(count)
    }
}

const NAME: &str = "the encoder of films";
/// Flags of a rectangle of Open H.264: this context begins anew.
const RESET: u32 = 1;
/// All contexts are forgotten.
const RESET_ALL: u32 = 2;
