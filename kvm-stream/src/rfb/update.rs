//! What a client gets to see: which updates are due, and what is in them.

use bytes::Bytes;
use kvm_capture::{Frame, FrameFormat, PixelFormat, Provenance, SignalLoss};

use super::encodings::{
    DESKTOP_NAME, DESKTOP_SIZE, EXTENDED_BUTTONS, EXTENDED_DESKTOP_SIZE, Encodings, QEMU_KEYS, QEMU_LIGHTS,
    VMWARE_LIGHTS,
};
use super::error::RfbError;
use super::event::LockLights;
use super::output::Output;
use super::pending::Pending;
use crate::{ClientPixels, Damage, EncodeError, Encoder, Rect, RectEncoder, RectOptions};

/// One client's view of the picture.
#[derive(Debug)]
pub(super) struct View {
    pub(super) pending: Pending,
    pub(super) encodings: Encodings,
    pub(super) pixels: ClientPixels,
    /// Whether photos may be inexact at first, if the client wants JPEG.
    pub(super) allows_jpeg: bool,
    pub(super) name: String,
    pub(super) lights: LockLights,
    /// The area an update was asked for.
    requested: Option<Rect>,
    /// The area that updates are sent for without asking.
    continuous: Option<Rect>,
    notices: Notices,
    rects: RectEncoder,
    /// What is shown while there is no signal.
    sign: Option<Frame>,
}

/// What the client is still to be told besides pixels.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing to tell")]
struct Notices {
    /// The picture has a new size.
    size: bool,
    /// The client asked for all, and gets to know the screens as well.
    screens: bool,
    /// Wishes for another size that are to be refused.
    refused_sizes: u8,
    colour_map: bool,
    name: bool,
    qemu_keys: bool,
    extended_buttons: bool,
    lights: bool,
}

impl View {
    pub(super) fn new(width_px: u16, height_px: u16) -> Self {
        Self {
            pending: Pending::everything(u32::from(width_px), u32::from(height_px)),
            encodings: Encodings::default(),
            pixels: ClientPixels::BGRX,
            allows_jpeg: true,
            name: String::new(),
            lights: LockLights::default(),
            requested: None,
            continuous: None,
            notices: Notices::default(),
            rects: RectEncoder::new(RectOptions::raw(ClientPixels::BGRX)),
            sign: None,
        }
    }

    /// Films go through this encoder, for a client that takes them.
    pub(super) fn set_film_encoder(&mut self, encoder: Box<dyn Encoder>) {
        self.rects = RectEncoder::new(self.options()).with_film_encoder(encoder);
    }

    pub(super) fn take_film_failure(&mut self) -> Option<EncodeError> {
        self.rects.take_film_failure()
    }

    /// The picture's size as messages have it.
    pub(super) fn size_px(&self) -> (u16, u16) {
        let (width_px, height_px) = self.pending.size_px();
        (short(width_px), short(height_px))
    }

    /// The picture changed.
    pub(super) fn note(&mut self, format: FrameFormat, damage: &Damage) {
        if self.sign.take().is_some() {
            self.pending.add_everything();
            self.notices.name = true;
        }
        if self.fit(format) {
            self.pending.add(damage);
        }
    }

    /// There is no picture, and a sign takes its place.
    pub(super) fn show_sign(&mut self, loss: SignalLoss, sign: Option<Frame>) {
        let (width_px, height_px) = self.pending.size_px();
        let sign = sign.or_else(|| grey(width_px, height_px));
        self.sign = sign.map(|sign| sign.with_provenance(Provenance::NoSignal(loss)));
        self.pending.add_everything();
        self.notices.name = true;
    }

    /// Says what is to be said before the client knows anything (RFC 6143, section 7.3.2).
    pub(super) fn server_init(&mut self, out: &mut Vec<u8>) {
        let (width_px, height_px) = self.size_px();
        out.extend_from_slice(&width_px.to_be_bytes());
        out.extend_from_slice(&height_px.to_be_bytes());
        out.extend_from_slice(&self.pixels.to_message());
        put_text(&self.title(), out);
        self.notices = Notices::default();
    }

    /// The client wants other pixels (RFC 6143, section 7.5.1).
    pub(super) fn set_pixels(&mut self, message: &[u8; 16]) -> Result<(), RfbError> {
        // A colour map of 8 bits is filled so that it is as good as true colour; what the client says of maxima and
        // shifts means nothing then.
        let wants_map = message[0] == 8 && message[3] == 0;
        let message = if wants_map { &MAPPED } else { message };
        self.pixels = ClientPixels::parse(message).ok_or(RfbError::UnsupportedPixels)?;
        self.notices.colour_map = wants_map;
        self.rects.set_options(self.options());
        // What the client has was rounded to its pixels of before.
        self.pending.add_everything();
        Ok(())
    }

    /// The client says what it understands.
    pub(super) fn set_encodings(&mut self, encodings: Encodings) {
        let before = std::mem::replace(&mut self.encodings, encodings);
        self.notices.qemu_keys |= encodings.qemu_keys && !before.qemu_keys;
        self.notices.extended_buttons |= encodings.extended_buttons && !before.extended_buttons;
        let has_lights = |encodings: Encodings| encodings.qemu_lights || encodings.vmware_lights;
        self.notices.lights |= has_lights(encodings) && !has_lights(before);
        self.rects.set_options(self.options());
    }

    /// The client wants to know an area (RFC 6143, section 7.5.3).
    pub(super) fn request(&mut self, is_incremental: bool, area: Rect) {
        if !is_incremental {
            self.pending.add_area(area);
            self.notices.screens |= self.encodings.extended_desktop_size;
        } else if self.continuous.is_some() {
            return;
        }
        self.requested = Some(self.requested.map_or(area, |before| before.union(area)));
    }

    /// The client wants updates without asking, or no more of them.
    pub(super) fn set_continuous(&mut self, area: Option<Rect>) {
        self.continuous = area;
    }

    /// The client wants a picture of another size. The target's screen is as large as it is.
    pub(super) fn refuse_size(&mut self) -> Result<(), RfbError> {
        self.notices.refused_sizes = self.notices.refused_sizes.checked_add(1).ok_or(RfbError::Flood)?;
        Ok(())
    }

    /// The picture is called something else.
    pub(super) fn set_name(&mut self, name: &str) {
        if self.name != name {
            name.clone_into(&mut self.name);
            self.notices.name = true;
        }
    }

    /// The lights of the target's keyboard are these.
    pub(super) fn set_lights(&mut self, lights: LockLights) {
        self.notices.lights |= self.lights != lights;
        self.lights = lights;
    }

    /// About how many bytes an update may have.
    pub(super) fn set_budget(&mut self, bytes: usize) {
        self.rects.set_budget(bytes);
    }

    /// Whether quality is still to be sent of a picture that stands still.
    pub(super) fn has_backlog(&self) -> bool {
        self.rects.has_backlog()
    }

    /// Writes what is due. Answers whether that was anything.
    pub(super) fn poll(&mut self, newest: Option<&Frame>, out: &mut Output) -> Result<bool, RfbError> {
        let sign = self.sign.clone();
        let frame = sign.as_ref().or(newest);
        if let Some(frame) = frame {
            self.fit(frame.format());
        }
        let out = out.bytes();
        let begin = out.len();
        self.tell_size(out)?;
        if let Some(frame) = frame {
            self.update(frame, out)?;
        }
        Ok(out.len() > begin)
    }

    /// Takes the size of a format. `false` if it is a new one, of which everything lacks.
    fn fit(&mut self, format: FrameFormat) -> bool {
        if self.pending.size_px() == (format.width_px, format.height_px) {
            return true;
        }
        self.pending = Pending::everything(format.width_px, format.height_px);
        self.notices.size = true;
        false
    }

    /// Updates that may hold no pixels: sizes.
    fn tell_size(&mut self, out: &mut Vec<u8>) -> Result<(), RfbError> {
        let (width_px, height_px) = self.size_px();
        let is_new = self.notices.size && (self.requested.is_some() || self.continuous.is_some());
        if is_new && !self.encodings.extended_desktop_size && !self.encodings.desktop_size {
            return Err(RfbError::CannotResize);
        }
        let layouts = u16::from(self.notices.refused_sizes) + u16::from(is_new || self.notices.screens);
        if self.encodings.extended_desktop_size && layouts > 0 {
            put_update_header(layouts, out);
            for _ in 0..self.notices.refused_sizes {
                put_screens((ASKED_BY_CLIENT, PROHIBITED), (width_px, height_px), out);
            }
            if is_new || self.notices.screens {
                put_screens((CHANGED_BY_SERVER, 0), (width_px, height_px), out);
            }
        } else if is_new {
            put_update_header(1, out);
            put_header((0, 0), (width_px, height_px), DESKTOP_SIZE, out);
        }
        self.notices.refused_sizes = 0;
        self.notices.screens = false;
        if is_new {
            self.notices.size = false;
            // The area was one of the picture before. A client that has taken the new size asks again.
            self.requested = None;
        }
        Ok(())
    }

    /// An update with pixels, as far as one is wanted and there are any.
    fn update(&mut self, frame: &Frame, out: &mut Vec<u8>) -> Result<(), RfbError> {
        if self.notices.size {
            return Ok(());
        }
        let wanted = match (self.requested, self.continuous) {
            (Some(one), Some(other)) => Some(one.union(other)),
            (one, other) => one.or(other),
        };
        let (width_px, height_px) = self.pending.size_px();
        let whole = Rect::new(0, 0, width_px, height_px);
        let Some(area) = wanted.and_then(|area| area.intersection(whole)) else { return Ok(()) };
        let begin = out.len();
        if self.notices.colour_map {
            put_colour_map(out);
        }
        let header = out.len();
        put_update_header(0, out);
        let notices = self.put_notices(out);
        let after_notices = out.len();
        let damage = self.pending.take_inside(area);
        let damage = if self.encodings.copy_rect { damage } else { damage.without_copies() };
        let rects = if damage.is_empty() && !self.rects.has_backlog() {
            0
        } else {
            self.rects.encode(frame, &damage, out).inspect_err(|_| {
                out.truncate(begin);
                self.pending.add_everything();
            })?
        };
        match notices.checked_add(rects) {
            Some(0) => {
                out.truncate(begin);
                return Ok(());
            }
            Some(count) => set_count(header, count, out),
            // More than one message can hold.
            None => {
                set_count(header, notices, out);
                let [high, low] = rects.to_be_bytes();
                out.splice(after_notices..after_notices, [0, 0, high, low]);
            }
        }
        let Notices { size, screens, refused_sizes, .. } = self.notices;
        self.notices = Notices { size, screens, refused_sizes, ..Notices::default() };
        self.requested = None;
        Ok(())
    }

    /// Writes what is to be told besides pixels, as rectangles. Answers how many.
    fn put_notices(&self, out: &mut Vec<u8>) -> u16 {
        let mut count = 0;
        let mut put = |encoding: i32, content: &[u8]| {
            put_header((0, 0), (0, 0), encoding, out);
            out.extend_from_slice(content);
            count += 1;
        };
        if self.notices.qemu_keys {
            put(QEMU_KEYS, &[]);
        }
        if self.notices.extended_buttons {
            put(EXTENDED_BUTTONS, &[]);
        }
        if self.notices.lights && self.encodings.qemu_lights {
            put(QEMU_LIGHTS, &[self.lights.to_byte()]);
        } else if self.notices.lights && self.encodings.vmware_lights {
            put(VMWARE_LIGHTS, &u32::from(self.lights.to_byte()).to_be_bytes());
        }
        if self.notices.name && self.encodings.desktop_name {
            let mut text = Vec::new();
            put_text(&self.title(), &mut text);
            put(DESKTOP_NAME, &text);
        }
        count
    }

    /// The name, and why there is no picture.
    fn title(&self) -> String {
        match self.sign.as_ref().map(Frame::provenance) {
            Some(Provenance::NoSignal(loss)) => format!("{} ({loss})", self.name),
            _ => self.name.clone(),
        }
    }

    fn options(&self) -> RectOptions {
        let mut options = RectOptions::raw(self.pixels);
        options.copy_rect = self.encodings.copy_rect;
        options.tight = self.encodings.tight;
        options.zrle = self.encodings.zrle;
        let takes_jpeg = self.allows_jpeg && self.encodings.tight && self.pixels.bytes_per_pixel() > 1;
        options.jpeg_quality = self.encodings.quality.filter(|_| takes_jpeg);
        options.zlib_level = self.encodings.compression.map_or(options.zlib_level, |level| level.clamp(1, 9));
        options.open_h264 = self.encodings.open_h264 && self.allows_jpeg;
        options
    }
}

/// What is shown while there is no signal, if the caller shows nothing else.
fn grey(width_px: u32, height_px: u32) -> Option<Frame> {
    let format = FrameFormat::new(PixelFormat::Grey, width_px, height_px);
    Frame::packed(format, Bytes::from(vec![GREY; format.len_bytes()])).ok()
}

/// The beginning of a FramebufferUpdate message (RFC 6143, section 7.6.1).
fn put_update_header(count: u16, out: &mut Vec<u8>) {
    let [high, low] = count.to_be_bytes();
    out.extend_from_slice(&[0, 0, high, low]);
}

/// Writes the number of rectangles into the message that begins there.
fn set_count(header: usize, count: u16, out: &mut [u8]) {
    out[header + 2..header + 4].copy_from_slice(&count.to_be_bytes());
}

fn put_header(corner: (u16, u16), size: (u16, u16), encoding: i32, out: &mut Vec<u8>) {
    for number in [corner.0, corner.1, size.0, size.1] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&encoding.to_be_bytes());
}

/// The picture as one screen (ExtendedDesktopSize pseudo-encoding): the reason and the status stand in place of a
/// corner.
fn put_screens(reason: (u16, u16), size: (u16, u16), out: &mut Vec<u8>) {
    put_header(reason, size, EXTENDED_DESKTOP_SIZE, out);
    out.extend_from_slice(&[1, 0, 0, 0]);
    out.extend_from_slice(&SCREEN_ID.to_be_bytes());
    for number in [0, 0, size.0, size.1] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&[0; 4]);
}

/// The SetColourMapEntries message (RFC 6143, section 7.6.2) by which a colour map is as good as [`MAPPED`].
fn put_colour_map(out: &mut Vec<u8>) {
    out.extend_from_slice(&[1, 0, 0, 0, 1, 0]);
    for pixel in 0..=u8::MAX {
        for (max, shift) in [(7, 0), (7, 3), (3, 6)] {
            let level = u32::from(pixel >> shift & max) * u32::from(u16::MAX) / u32::from(max);
            out.extend_from_slice(&short(level).to_be_bytes());
        }
    }
}

/// A text behind its length.
fn put_text(text: &str, out: &mut Vec<u8>) {
    let len = u32::try_from(text.len()).unwrap_or(0);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&text.as_bytes()[..len as usize]);
}

/// A number as messages have it; none that is given here does not fit.
fn short(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// True colour of 8 bits: three of red in the lowest place, three of green, two of blue.
const MAPPED: [u8; 16] = [8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0];
const GREY: u8 = 0x30;
const SCREEN_ID: u32 = 1;
/// Why a client is told of its screens, and how its own wish went (ExtendedDesktopSize pseudo-encoding).
const CHANGED_BY_SERVER: u16 = 0;
const ASKED_BY_CLIENT: u16 = 1;
const PROHIBITED: u16 = 1;
