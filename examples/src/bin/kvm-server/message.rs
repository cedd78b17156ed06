//! What a page may say, and the header of a picture: the protocol of `PROTOCOL.md`.

use std::time::Duration;

use kvm_capture::Timestamp;
use kvm_hid::{Button, InputEvent, usage_of_code};
use kvm_stream::{Codec, Packet};
use serde::Deserialize;

use crate::input::Request;
use crate::photon::Photons;

/// A message of the page. Not printable, since keys and texts are in it.
pub(crate) enum Message {
    Input(Request),
    Record {
        on: bool,
    },
    Keyframe,
    /// The picture of that number is painted.
    Painted {
        sequence: u64,
    },
    /// So long it took from a key to its effect.
    Photon(Duration),
}

impl Message {
    /// Reads a message, or says what is wrong with it, without repeating it.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let event = match serde_json::from_str(text).map_err(|_| "that is no message of the protocol")? {
            Wire::Key { code, down, probe } => {
                let usage = usage_of_code(&code).ok_or("no USB keyboard has a key of that code")?;
                let event = InputEvent::Key { usage, pressed: down };
                match probe {
                    Some(probe) => return Ok(Self::Input(Request::Probe { event, probe })),
                    None => event,
                }
            }
            Wire::Point { x, y } if x <= POINT_MAX && y <= POINT_MAX => InputEvent::PointTo { x, y },
            Wire::Point { .. } => return Err("a point is within 0 to 32767"),
            Wire::Move { dx, dy } => InputEvent::MoveBy { dx, dy },
            Wire::Button { button, down } => InputEvent::Button { button: button.into(), pressed: down },
            Wire::Wheel { vertical, horizontal } => InputEvent::Wheel { vertical, horizontal },
            Wire::Type { text } => return Ok(Self::Input(Request::Type(text))),
            Wire::StopTyping => return Ok(Self::Input(Request::StopTyping)),
            Wire::ReleaseAll => return Ok(Self::Input(Request::ReleaseAll)),
            Wire::TakeControl => return Ok(Self::Input(Request::TakeControl)),
            Wire::GiveControl => return Ok(Self::Input(Request::GiveControl)),
            Wire::Alive => return Ok(Self::Input(Request::Alive)),
            Wire::Record { on } => return Ok(Self::Record { on }),
            Wire::Keyframe => return Ok(Self::Keyframe),
            Wire::Painted { sequence } => return Ok(Self::Painted { sequence }),
            Wire::Photon { us } => {
                let time = Duration::from_micros(us);
                let counts = time <= Photons::LONGEST;
                return counts.then_some(Self::Photon(time)).ok_or("that key was not the cause");
            }
        };
        Ok(Self::Input(Request::Event(event)))
    }
}

/// The messages as they are written. Fields that are not known are refused like everything else.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum Wire {
    Key { code: String, down: bool, probe: Option<u32> },
    Point { x: u16, y: u16 },
    Move { dx: i32, dy: i32 },
    Button { button: WireButton, down: bool },
    Wheel { vertical: i32, horizontal: i32 },
    Type { text: String },
    StopTyping,
    ReleaseAll,
    TakeControl,
    GiveControl,
    Record { on: bool },
    Keyframe,
    Painted { sequence: u64 },
    Photon { us: u64 },
    Alive,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WireButton {
    Left,
    Middle,
    Right,
    Back,
    Forward,
}

impl From<WireButton> for Button {
    fn from(button: WireButton) -> Self {
        match button {
            WireButton::Left => Self::Left,
            WireButton::Middle => Self::Middle,
            WireButton::Right => Self::Right,
            WireButton::Back => Self::Back,
            WireButton::Forward => Self::Forward,
        }
    }
}

/// The header of a picture, which goes ahead of its payload as a message of its own: so the payload is the same bytes
/// for every viewer, and is never copied to stand behind a header.
pub(crate) fn picture_header(packet: &Packet, sent: Timestamp) -> Vec<u8> {
    let mut header = Vec::with_capacity(PICTURE_HEADER);
    let codec = match packet.codec {
        Codec::Rects => 2,
        Codec::H264 => 1,
        Codec::Jpeg => 0,
        // Nothing that the page can show; it leaves it out.
        _ => 255,
    };
    // A frame has no side above 16384 (`FrameFormat::MAX_SIDE_PX`).
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX).to_le_bytes();
    header.extend([1, codec, u8::from(packet.is_keyframe), 0]);
    header.extend(side(packet.width_px));
    header.extend(side(packet.height_px));
    header.extend(packet.sequence.to_le_bytes());
    header.extend(packet.timestamp.as_micros().to_le_bytes());
    header.extend(sent.as_micros().to_le_bytes());
    header
}

const POINT_MAX: u16 = 32767;
const PICTURE_HEADER: usize = 32;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kvm_capture::{Frame, FrameFormat, PixelFormat};

    use super::*;

    #[test]
    fn what_is_no_message_is_refused_without_being_repeated() {
        for wrong in [
            "",
            "secret",
            "[]",
            r#"{"type":"secret"}"#,
            r#"{"type":"key","code":"secret","down":true}"#,
            r#"{"type":"key","code":"KeyA"}"#,
            r#"{"type":"key","code":"KeyA","down":true,"secret":1}"#,
            r#"{"type":"point","x":32768,"y":0}"#,
            r#"{"type":"point","x":-1,"y":0}"#,
            r#"{"type":"move","dx":1e300,"dy":0}"#,
            r#"{"type":"photon","us":10000001}"#,
            r#"{"type":"painted","sequence":-1}"#,
            r#"{"type":"button","button":"secret","down":true}"#,
        ] {
            let Err(reason) = Message::read(wrong) else { panic!("{wrong} was taken") };
            assert!(!reason.contains("secret"));
        }
    }

    #[test]
    fn every_message_of_the_protocol_is_read() {
        for right in [
            r#"{"type":"key","code":"KeyA","down":true}"#,
            r#"{"type":"point","x":32767,"y":0}"#,
            r#"{"type":"move","dx":-5,"dy":7}"#,
            r#"{"type":"button","button":"forward","down":false}"#,
            r#"{"type":"wheel","vertical":-1,"horizontal":0}"#,
            r#"{"type":"type","text":"x"}"#,
            r#"{"type":"stop-typing"}"#,
            r#"{"type":"release-all"}"#,
            r#"{"type":"take-control"}"#,
            r#"{"type":"give-control"}"#,
            r#"{"type":"record","on":true}"#,
            r#"{"type":"keyframe"}"#,
            r#"{"type":"key","code":"KeyA","down":true,"probe":7}"#,
            r#"{"type":"painted","sequence":123}"#,
            r#"{"type":"photon","us":20000}"#,
            r#"{"type":"alive"}"#,
        ] {
            assert!(Message::read(right).is_ok(), "{right}");
        }
    }

    #[test]
    fn a_picture_has_its_header() {
        let format = FrameFormat::new(PixelFormat::Mjpeg, 640, 0x1E0);
        let frame = Frame::packed(format, Bytes::from_static(b"x"))
            .unwrap()
            .with_sequence(7)
            .with_timestamp(Timestamp::from_micros(0x0102));
        let packet = Packet::of(&frame, Codec::Jpeg, Bytes::from_static(b"payload"), true);
        let header = picture_header(&packet, Timestamp::from_micros(0x0103));
        assert_eq!(header.len(), PICTURE_HEADER);
        assert_eq!(header[..8], [1, 0, 1, 0, 0x80, 2, 0xE0, 1]);
        assert_eq!(header[8..], [7, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0]);
    }
}
