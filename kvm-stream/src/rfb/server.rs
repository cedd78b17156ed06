//! One client of an RFB server.

use kvm_capture::{Frame, FrameFormat, SignalLoss};

use super::encodings::Encodings;
use super::error::RfbError;
use super::event::{Event, LockLights, PointerInput, Received};
use super::handshake::{Handshake, Outcome};
use super::message::{Agreed, CONTINUOUS_UPDATES, Fence, Message, Reader};
use super::output::Output;
use super::security::{Permits, Security};
use super::update::View;
use crate::{Damage, EncodeError, Encoder};

/// One client of an RFB server: bytes in, [`Event`]s out; frames in, bytes out.
///
/// It owns no socket, starts no thread and asks no clock. What it holds is bounded, whatever the client sends and
/// however slowly it reads: an update is made only when the one before has been sent, from the newest frame and all
/// that changed meanwhile. A client that does not read costs one set of tiles.
///
/// The one who drives it
/// * gives it what the socket brings ([`receive`](Self::receive)) and sees to the events,
/// * tells it of every frame in order ([`note`](Self::note)) or of the loss of the signal
///   ([`signal_lost`](Self::signal_lost)),
/// * lets it write what is due after each of these and whenever everything was sent ([`poll_update`](Self::poll_update)),
/// * sends [`output`](Self::output), and says how much of it went ([`consume_output`](Self::consume_output)).
///
/// With [`has_backlog`](Self::has_backlog), the picture is not exact everywhere yet, and `poll_update` wants to be called
/// again with a later frame, or the same with a later time, although nothing changed.
#[derive(Debug)]
pub struct Server {
    stage: Stage,
    permits: Permits,
    view: View,
    out: Output,
    reader: Reader,
    /// The answer to a fence that belongs to the message after it.
    fence: Option<Fence>,
    /// Whether an answer to a probe is outstanding.
    is_probing: bool,
    /// What the client was told of once.
    told: Told,
}

#[derive(Debug)]
enum Stage {
    Handshake(Handshake),
    Running,
    Ended,
}

#[derive(Debug, Default)]
struct Told {
    fence: bool,
    continuous_updates: bool,
}

impl Server {
    /// Begins with a new client. The size is that of the picture, in pixels, as far as it is known; the first frame
    /// that is noted corrects it.
    ///
    /// Clients may only look, unless [`with_permits`](Self::with_permits) says more.
    pub fn new(security: Security, width_px: u16, height_px: u16) -> Self {
        let mut out = Output::default();
        Self {
            stage: Stage::Handshake(Handshake::begin(security, &mut out)),
            permits: Permits::VIEW_ONLY,
            view: View::new(width_px.max(1), height_px.max(1)),
            out,
            reader: Reader::default(),
            fence: None,
            is_probing: false,
            told: Told::default(),
        }
    }

    /// What the client may do besides looking.
    #[must_use]
    pub fn with_permits(mut self, permits: Permits) -> Self {
        self.permits = permits;
        self
    }

    /// What the client may do from here on, for those who are known only when they are in.
    pub fn set_permits(&mut self, permits: Permits) {
        self.permits = permits;
    }

    /// The name of the picture; see [`set_name`](Self::set_name).
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.set_name(name);
        self
    }

    /// Sends everything exactly at once, also photos to clients that want JPEG.
    #[must_use]
    pub fn with_exact_photos(mut self) -> Self {
        self.view.allows_jpeg = false;
        self
    }

    /// Sends films as H.264 of this encoder to clients that take Open H.264; see
    /// [`RectEncoder::with_film_encoder`](crate::RectEncoder::with_film_encoder).
    #[must_use]
    pub fn with_film_encoder(mut self, encoder: Box<dyn Encoder>) -> Self {
        self.view.set_film_encoder(encoder);
        self
    }

    /// Why the encoder of films last failed, once. What it did not code was sent without it.
    pub fn take_film_failure(&mut self) -> Option<EncodeError> {
        self.view.take_film_failure()
    }

    /// Takes bytes from the front of what the client sent, of one message at most.
    ///
    /// Nothing is taken, and nothing happens, while the caller owes an answer to an event.
    ///
    /// # Errors
    ///
    /// The client breaks the protocol, or asks for what cannot be. The connection is to be closed after the output was
    /// sent; whatever is received later is ignored.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Received, RfbError> {
        let received = self.take(bytes);
        if received.is_err() {
            self.stage = Stage::Ended;
        }
        received
    }

    /// Whether [`receive`](Self::receive) can go on, or waits for the caller's answer to an event.
    pub fn wants_input(&self) -> bool {
        !matches!(&self.stage, Stage::Handshake(handshake) if handshake.is_waiting())
    }

    /// Whether the connection is to be closed when all output was sent.
    pub fn is_ended(&self) -> bool {
        match &self.stage {
            Stage::Handshake(handshake) => handshake.is_refused(),
            Stage::Running => false,
            Stage::Ended => true,
        }
    }

    /// TLS is established, as [`Event::StartTls`] asked for.
    pub fn tls_started(&mut self) {
        if let Stage::Handshake(handshake) = &mut self.stage {
            handshake.tls_started();
        }
    }

    /// The client is let in, after [`Event::Credentials`] or [`Event::VncResponse`].
    pub fn accept(&mut self) {
        if let Stage::Handshake(handshake) = &mut self.stage {
            handshake.accept(&mut self.out);
        }
    }

    /// The client is turned away, after [`Event::Credentials`] or [`Event::VncResponse`]. It is told the reason.
    pub fn refuse(&mut self, reason: &str) {
        if let Stage::Handshake(handshake) = &mut self.stage {
            handshake.refuse(reason, &mut self.out);
        }
    }

    /// Notes a frame of this format that differs by `damage` from the one before.
    ///
    /// To be called for every frame, in order, whatever the client does. One of another size is changed all over; a client
    /// that cannot follow is given up by [`poll_update`](Self::poll_update).
    pub fn note(&mut self, format: FrameFormat, damage: &Damage) {
        self.view.note(format, damage);
    }

    /// Notes that there is no picture any more. Until a frame is noted, the client sees the sign, or plain grey, so that
    /// nobody takes the last picture for a live one; the picture's name says why.
    pub fn signal_lost(&mut self, loss: SignalLoss, sign: Option<Frame>) {
        self.view.show_sign(loss, sign);
    }

    /// Makes an update of all that was noted since the last one, if the client wants one and everything was sent. The
    /// frame is the newest that was noted. Answers whether there is something to send.
    ///
    /// # Errors
    ///
    /// The picture has another size now and the client cannot follow, or it cannot be encoded. The connection is to be
    /// closed.
    pub fn poll_update(&mut self, newest: Option<&Frame>) -> Result<bool, RfbError> {
        if !matches!(self.stage, Stage::Running) || !self.out.is_empty() {
            return Ok(false);
        }
        let polled = self.view.poll(newest, &mut self.out);
        if polled.is_err() {
            self.stage = Stage::Ended;
        }
        polled
    }

    /// Whether photos are still to become exact, although nothing changes.
    pub fn has_backlog(&self) -> bool {
        self.view.has_backlog()
    }

    /// About how many bytes an update may have; text is sent as it is all the same.
    pub fn set_budget(&mut self, update_bytes: usize) {
        self.view.set_budget(update_bytes);
    }

    /// What is to be sent.
    pub fn output(&self) -> &[u8] {
        self.out.waiting()
    }

    /// So many bytes of the output have been sent.
    pub fn consume_output(&mut self, len: usize) {
        self.out.consume(len);
    }

    /// Calls the picture something else; the first 255 bytes count.
    pub fn set_name(&mut self, name: &str) {
        let mut len = name.len().min(MAX_NAME);
        while !name.is_char_boundary(len) {
            len -= 1;
        }
        self.view.set_name(&name[..len]);
    }

    /// The lights of the target's keyboard are these.
    pub fn set_lights(&mut self, lights: LockLights) {
        self.view.set_lights(lights);
    }

    /// Asks the client for a sign of life; [`Event::Alive`] is its answer. `false` if it is not one that can answer, or
    /// still owes the last answer.
    pub fn probe(&mut self) -> bool {
        let can_answer =
            matches!(self.stage, Stage::Running) && self.view.encodings.fence && !self.is_probing;
        let probe = Fence { flags: Fence::REQUEST | Fence::BLOCK_BEFORE, payload: PROBE.to_vec() };
        self.is_probing |= can_answer && self.put_fence(&probe).is_ok();
        can_answer && self.is_probing
    }

    fn take(&mut self, bytes: &[u8]) -> Result<Received, RfbError> {
        match &mut self.stage {
            Stage::Ended => Ok(Received { consumed: bytes.len(), event: None }),
            Stage::Handshake(handshake) => {
                let (consumed, outcome) = handshake.receive(bytes, &mut self.out)?;
                let event = match outcome {
                    Outcome::Nothing => None,
                    Outcome::Event(event) => Some(event),
                    Outcome::Over { is_shared } => {
                        self.stage = Stage::Running;
                        self.view.server_init(self.out.bytes());
                        Some(Event::Ready { is_shared })
                    }
                };
                Ok(Received { consumed, event })
            }
            Stage::Running => {
                let agreed = Agreed {
                    extended_buttons: self.view.encodings.extended_buttons,
                    cut_text: self.permits.clipboard,
                };
                let (consumed, message) = self.reader.receive(bytes, agreed)?;
                let Some(message) = message else { return Ok(Received { consumed, event: None }) };
                let fence = self.fence.take();
                let event = self.obey(message)?;
                if let Some(fence) = fence {
                    self.put_fence(&fence)?;
                }
                Ok(Received { consumed, event })
            }
        }
    }

    fn obey(&mut self, message: Message) -> Result<Option<Event>, RfbError> {
        match message {
            Message::SetPixelFormat(format) => self.view.set_pixels(&format)?,
            Message::SetEncodings(encodings) => self.set_encodings(encodings)?,
            Message::UpdateRequest { is_incremental, area } => self.view.request(is_incremental, area),
            Message::Key(key) => return Ok(self.permits.keyboard.then_some(Event::Key(key))),
            Message::Pointer { buttons, x_px, y_px } => {
                return Ok(self.permits.pointer.then(|| Event::Pointer(self.point(buttons, x_px, y_px))));
            }
            Message::CutText(text) => return Ok(Some(Event::CutText(text))),
            Message::ContinuousUpdates { is_on, area } => {
                self.view.set_continuous(is_on.then_some(area));
                if !is_on {
                    self.answer(&[&[CONTINUOUS_UPDATES]])?;
                }
            }
            Message::Fence(fence) => return self.take_fence(fence),
            Message::SetDesktopSize => self.view.refuse_size()?,
        }
        Ok(None)
    }

    fn set_encodings(&mut self, encodings: Encodings) -> Result<(), RfbError> {
        self.view.set_encodings(encodings);
        // Each is how a client learns that the server knows the extension, and is told once.
        if encodings.fence && !std::mem::replace(&mut self.told.fence, true) {
            self.put_fence(&Fence { flags: Fence::REQUEST, payload: HELLO.to_vec() })?;
        }
        if encodings.continuous_updates && !std::mem::replace(&mut self.told.continuous_updates, true) {
            self.answer(&[&[CONTINUOUS_UPDATES]])?;
        }
        Ok(())
    }

    fn take_fence(&mut self, mut fence: Fence) -> Result<Option<Event>, RfbError> {
        if fence.flags & Fence::REQUEST == 0 {
            let is_answer = self.is_probing && fence.payload == PROBE;
            self.is_probing &= !is_answer;
            return Ok(is_answer.then_some(Event::Alive));
        }
        // Messages are obeyed one after the other, and answers go out in that order, which is all that the first two
        // flags ask for.
        fence.flags &= Fence::BLOCK_BEFORE | Fence::BLOCK_AFTER | Fence::SYNC_NEXT;
        if fence.flags & Fence::SYNC_NEXT == 0 {
            self.put_fence(&fence)?;
        } else {
            self.fence = Some(fence);
        }
        Ok(None)
    }

    fn point(&self, buttons: u16, x_px: u16, y_px: u16) -> PointerInput {
        let (width_px, height_px) = self.view.size_px();
        let (x_px, y_px) = (x_px.min(width_px - 1), y_px.min(height_px - 1));
        PointerInput { x_px, y_px, width_px, height_px, buttons }
    }

    fn put_fence(&mut self, fence: &Fence) -> Result<(), RfbError> {
        // A payload is never longer than the client's own, 64 bytes.
        let len = u8::try_from(fence.payload.len()).unwrap_or(0);
        let head = [Fence::NUMBER, 0, 0, 0];
        self.answer(&[&head, &fence.flags.to_be_bytes(), &[len], &fence.payload])
    }

    fn answer(&mut self, parts: &[&[u8]]) -> Result<(), RfbError> {
        if self.out.answer(parts) { Ok(()) } else { Err(RfbError::Flood) }
    }
}

/// Bytes that the picture's name may have.
const MAX_NAME: usize = 255;
/// Payloads of the server's own fences, by which it knows the answers.
const PROBE: &[u8] = b"alive";
const HELLO: &[u8] = b"";
