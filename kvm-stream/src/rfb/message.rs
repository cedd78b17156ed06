//! What clients send after the handshake (RFC 6143, section 7.5, and the community's description).

use std::fmt;

use super::encodings::Encodings;
use super::error::RfbError;
use super::event::{CutText, KeyInput};
use super::unit::{Fields, Unit};
use crate::Rect;

/// A message of a client.
#[derive(Debug)]
pub(super) enum Message {
    SetPixelFormat([u8; 16]),
    SetEncodings(Encodings),
    UpdateRequest {
        is_incremental: bool,
        area: Rect,
    },
    Key(KeyInput),
    /// Buttons in the order of [`PointerInput::buttons`](super::PointerInput::buttons).
    Pointer {
        buttons: u16,
        x_px: u16,
        y_px: u16,
    },
    CutText(CutText),
    ContinuousUpdates {
        is_on: bool,
        area: Rect,
    },
    Fence(Fence),
    SetDesktopSize,
}

/// A request for synchronisation, or the answer to one.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Fence {
    pub(super) flags: u32,
    pub(super) payload: Vec<u8>,
}

impl Fence {
    /// The answer is to be given, when the messages before have been obeyed.
    pub(super) const BLOCK_BEFORE: u32 = 1;
    /// The messages after are to be obeyed when the answer was given.
    pub(super) const BLOCK_AFTER: u32 = 2;
    /// The next message and the answer are one.
    pub(super) const SYNC_NEXT: u32 = 4;
    /// It is no answer.
    pub(super) const REQUEST: u32 = 1 << 31;
    /// Its message.
    pub(super) const NUMBER: u8 = 248;
}

/// The payload is the client's own affair.
impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence").field("flags", &self.flags).finish_non_exhaustive()
    }
}

/// What has been agreed on that changes how messages are read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Agreed {
    /// The highest bit of the buttons says that a byte with more of them follows.
    pub(super) extended_buttons: bool,
    /// Texts of the client's clipboard are wanted.
    pub(super) cut_text: bool,
}

/// Reads messages from bytes that come in pieces. What it holds is bounded, whatever comes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    part: Part,
    unit: Unit,
}

/// What is read next.
#[derive(Debug, Default)]
enum Part {
    /// A message's number.
    #[default]
    Number,
    /// A message of a fixed length, behind its number.
    Body {
        number: u8,
        len: usize,
    },
    /// The extended byte of buttons, behind what came before it.
    Buttons {
        buttons: u8,
        x_px: u16,
        y_px: u16,
    },
    Encodings {
        left: u16,
        so_far: Encodings,
    },
    CutText {
        len: usize,
    },
    Fence {
        flags: u32,
        len: usize,
    },
    /// Screens that the client would like; it is told that it cannot have them.
    Screens {
        left: usize,
    },
    /// A text that nobody wants.
    Skipped {
        left: usize,
    },
}

impl Reader {
    /// Takes bytes from the front, of one message at most. Answers how many, and the message if it is complete.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        agreed: Agreed,
    ) -> Result<(usize, Option<Message>), RfbError> {
        let mut consumed = 0;
        loop {
            let rest = &bytes[consumed..];
            let len = match &mut self.part {
                Part::Skipped { left } | Part::Screens { left } => {
                    let skipped = rest.len().min(*left);
                    consumed += skipped;
                    *left -= skipped;
                    if *left > 0 {
                        return Ok((consumed, None));
                    }
                    let asks_for_size = matches!(self.part, Part::Screens { .. });
                    self.part = Part::Number;
                    if asks_for_size {
                        return Ok((consumed, Some(Message::SetDesktopSize)));
                    }
                    continue;
                }
                Part::Number | Part::Buttons { .. } => 1,
                Part::Body { len, .. } | Part::CutText { len } | Part::Fence { len, .. } => *len,
                Part::Encodings { .. } => 4,
            };
            consumed += self.unit.fill(rest, len);
            let Some(complete) = self.unit.complete(len) else { return Ok((consumed, None)) };
            let (part, message) = follow(&self.part, complete, agreed)?;
            self.part = part;
            self.unit.clear();
            if message.is_some() || consumed == bytes.len() && !self.has_all() {
                return Ok((consumed, message));
            }
        }
    }

    /// Whether nothing more is needed for the part at hand, since it is empty.
    fn has_all(&self) -> bool {
        matches!(
            self.part,
            Part::Skipped { left: 0 }
                | Part::Screens { left: 0 }
                | Part::CutText { len: 0 }
                | Part::Fence { len: 0, .. }
        )
    }
}

/// What comes after a part that is complete.
fn follow(part: &Part, complete: &[u8], agreed: Agreed) -> Result<(Part, Option<Message>), RfbError> {
    let fields = Fields(complete);
    let message = match part {
        Part::Number => {
            let number = fields.u8(0);
            let len = match number {
                SET_PIXEL_FORMAT => 19,
                SET_ENCODINGS => 3,
                UPDATE_REQUEST | CONTINUOUS_UPDATES => 9,
                KEY | CUT_TEXT | SET_DESKTOP_SIZE => 7,
                POINTER => 5,
                Fence::NUMBER => 8,
                QEMU => 11,
                _ => return Err(RfbError::UnknownMessage { number }),
            };
            return Ok((Part::Body { number, len }, None));
        }
        Part::Body { number, .. } => return follow_body(*number, fields, agreed),
        Part::Buttons { buttons, x_px, y_px } => {
            // Back and forward stand behind the seven of the first byte.
            let buttons = u16::from(*buttons) | u16::from(fields.u8(0) & 3) << 7;
            Message::Pointer { buttons, x_px: *x_px, y_px: *y_px }
        }
        Part::Encodings { left, so_far } => {
            let mut encodings = *so_far;
            encodings.insert(i32::from_be_bytes(fields.array(0)));
            if *left > 1 {
                return Ok((Part::Encodings { left: left - 1, so_far: encodings }, None));
            }
            Message::SetEncodings(encodings)
        }
        Part::CutText { .. } => Message::CutText(CutText(complete.to_vec())),
        Part::Fence { flags, .. } => Message::Fence(Fence { flags: *flags, payload: complete.to_vec() }),
        Part::Screens { .. } | Part::Skipped { .. } => return Ok((Part::Number, None)),
    };
    Ok((Part::Number, Some(message)))
}

/// What comes after the fixed part of a message.
fn follow_body(number: u8, fields: Fields<'_>, agreed: Agreed) -> Result<(Part, Option<Message>), RfbError> {
    let area = |at: usize| {
        let [x, y, width, height] = [0, 2, 4, 6].map(|offset| u32::from(fields.u16(at + offset)));
        Rect::new(x, y, width, height)
    };
    let message = match number {
        SET_PIXEL_FORMAT => Message::SetPixelFormat(fields.array(3)),
        SET_ENCODINGS => match fields.u16(1) {
            0 => Message::SetEncodings(Encodings::default()),
            left => return Ok((Part::Encodings { left, so_far: Encodings::default() }, None)),
        },
        UPDATE_REQUEST => Message::UpdateRequest { is_incremental: fields.u8(0) != 0, area: area(1) },
        KEY => Message::Key(KeyInput { pressed: fields.u8(0) != 0, keysym: fields.u32(3), xt_code: None }),
        POINTER => {
            let (buttons, x_px, y_px) = (fields.u8(0), fields.u16(1), fields.u16(3));
            if agreed.extended_buttons && buttons & 0x80 != 0 {
                return Ok((Part::Buttons { buttons: buttons & 0x7F, x_px, y_px }, None));
            }
            Message::Pointer { buttons: u16::from(buttons), x_px, y_px }
        }
        CUT_TEXT => return Ok((cut_text(fields.u32(3), agreed)?, None)),
        CONTINUOUS_UPDATES => Message::ContinuousUpdates { is_on: fields.u8(0) != 0, area: area(1) },
        Fence::NUMBER => {
            let len = usize::from(fields.u8(7));
            if len > MAX_FENCE {
                return Err(RfbError::TooLong { what: "a fence", len: len as u64 });
            }
            return Ok((Part::Fence { flags: fields.u32(3), len }, None));
        }
        SET_DESKTOP_SIZE => {
            return Ok((Part::Screens { left: usize::from(fields.u8(5)) * SCREEN_LEN }, None));
        }
        QEMU if fields.u8(0) == QEMU_KEY => {
            // What is no byte is no key; the meaning is what is left then.
            let xt_code = u8::try_from(fields.u32(7)).ok().filter(|code| *code != 0);
            Message::Key(KeyInput { pressed: fields.u16(1) != 0, keysym: fields.u32(3), xt_code })
        }
        // Sound (QEMU's other message) is offered to nobody, and where its messages end depends on it.
        _ => return Err(RfbError::UnknownMessage { number }),
    };
    Ok((Part::Number, Some(message)))
}

/// The text behind the announcement of one.
fn cut_text(len: u32, agreed: Agreed) -> Result<Part, RfbError> {
    // A negative length is that of the extended clipboard, which was not offered and is skipped all the same.
    let is_plain = i32::try_from(len).is_ok();
    let len = if is_plain { len } else { len.wrapping_neg() };
    if len > MAX_SKIPPED {
        return Err(RfbError::TooLong { what: "a clipboard", len: u64::from(len) });
    }
    let len = len as usize;
    Ok(if is_plain && agreed.cut_text && len <= MAX_CUT_TEXT {
        Part::CutText { len }
    } else {
        Part::Skipped { left: len }
    })
}

const SET_PIXEL_FORMAT: u8 = 0;
const SET_ENCODINGS: u8 = 2;
const UPDATE_REQUEST: u8 = 3;
const KEY: u8 = 4;
const POINTER: u8 = 5;
const CUT_TEXT: u8 = 6;
pub(super) const CONTINUOUS_UPDATES: u8 = 150;
const SET_DESKTOP_SIZE: u8 = 251;
const QEMU: u8 = 255;
/// QEMU's message with a key's code, among its others.
const QEMU_KEY: u8 = 0;
/// Bytes that describe a screen.
pub(super) const SCREEN_LEN: usize = 16;
/// Bytes that a fence may carry.
const MAX_FENCE: usize = 64;
/// Bytes of a clipboard that are handed on; a longer one is skipped.
const MAX_CUT_TEXT: usize = 256 * 1024;
/// Bytes of a clipboard that are skipped; whoever announces more means no good.
const MAX_SKIPPED: u32 = 64 * 1024 * 1024;
