//! Pictures one after the other in one HTTP answer: multipart/x-mixed-replace.
//!
//! What every `<img>` shows without a script: each part of the answer (RFC 2046, section 5.1) takes the place of the one
//! before. Framing only: bytes are written, and by whom, is the program's affair.
//!
//! Browsers differ in when they show a part. One that waits for the delimiter behind it would always be a picture
//! late, and on a still screen for ever; so here the delimiter *follows* each picture at once instead of leading the
//! next one (the headers of the next picture, with its length and time, still come with it). WebKit waits for the
//! next part as a whole: for it, the last picture before a pause is to be sent [once more](Multipart::repeat).

use std::fmt::Write;

use bytes::Bytes;

use crate::{Codec, Packet};

/// Frames JPEG packets as the parts of one HTTP answer.
///
/// ```
/// # use bytes::Bytes;
/// # use kvm_capture::{Frame, FrameFormat, PixelFormat};
/// # use kvm_stream::{Codec, Multipart, Packet};
/// # let jpeg = Bytes::from_static(b"\xFF\xD8 a picture \xFF\xD9");
/// # let frame = Frame::packed(FrameFormat::new(PixelFormat::Mjpeg, 64, 48), jpeg.clone())?;
/// # let packet = Packet::of(&frame, Codec::Jpeg, jpeg, true);
/// let mut multipart = Multipart::new();
/// // HTTP/1.1 200 OK, Content-Type: Multipart::CONTENT_TYPE, Cache-Control: no-store, and then, for each packet:
/// let part = multipart.part(&packet).expect("a JPEG");
/// let bytes = [&part.before[..], &part.payload, part.after].concat();
/// # assert!(bytes.starts_with(b"--"));
/// # Ok::<(), kvm_capture::FrameError>(())
/// ```
#[derive(Debug, Default)]
pub struct Multipart {
    has_begun: bool,
    /// The newest picture, unless it was sent twice.
    newest: Option<Packet>,
}

/// One part: its headers, its picture (which is shared, not copied), and what follows at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// What is written before the picture.
    pub before: Bytes,
    /// The picture.
    pub payload: Bytes,
    /// What is written behind the picture.
    pub after: &'static [u8],
}

impl Multipart {
    /// The answer's `Content-Type`.
    pub const CONTENT_TYPE: &'static str = "multipart/x-mixed-replace; boundary=kvm-picture-boundary";
    /// What ends the answer, where it ends and is not just cut off.
    pub const END: &'static [u8] = b"--kvm-picture-boundary--\r\n";

    /// Begins an answer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The part of a packet; `None` if it is no JPEG.
    ///
    /// Its headers are `Content-Type`, `Content-Length`, and `X-Timestamp`: when the picture was captured, in seconds on the
    /// capturing driver's clock, with six digits after the point.
    pub fn part(&mut self, packet: &Packet) -> Option<Part> {
        if packet.codec != Codec::Jpeg {
            return None;
        }
        self.newest = Some(packet.clone());
        Some(self.framed(packet))
    }

    /// The last picture once more, for browsers that show a picture when the next one has come. To be called when no
    /// packet came for a while, a tenth of a second, say; `None` if this has been done since the last packet.
    pub fn repeat(&mut self) -> Option<Part> {
        let newest = self.newest.take()?;
        Some(self.framed(&newest))
    }

    fn framed(&mut self, packet: &Packet) -> Part {
        let lead = if std::mem::replace(&mut self.has_begun, true) { "" } else { FIRST_DELIMITER };
        let micros = packet.timestamp.as_micros();
        let mut before = String::with_capacity(128);
        write!(
            before,
            "{lead}Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Timestamp: {}.{:06}\r\n\r\n",
            packet.payload.len(),
            micros / 1_000_000,
            micros % 1_000_000,
        )
        .expect("a string takes everything");
        Part { before: before.into(), payload: packet.payload.clone(), after: DELIMITER }
    }
}

const FIRST_DELIMITER: &str = "--kvm-picture-boundary\r\n";
/// RFC 2046, section 5.1.1: the line break before the dashes belongs to the delimiter.
const DELIMITER: &[u8] = b"\r\n--kvm-picture-boundary\r\n";

#[cfg(test)]
mod tests {
    use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};

    use super::*;

    fn packet(codec: Codec, payload: &'static [u8], micros: u64) -> Packet {
        let format = FrameFormat::new(PixelFormat::Mjpeg, 64, 48);
        let frame = Frame::packed(format, Bytes::from_static(payload)).unwrap();
        Packet::of(
            &frame.with_timestamp(Timestamp::from_micros(micros)),
            codec,
            Bytes::from_static(payload),
            true,
        )
    }

    fn written(parts: impl IntoIterator<Item = Part>) -> String {
        let bytes: Vec<u8> = parts
            .into_iter()
            .flat_map(|part| [&part.before[..], &part.payload, part.after].concat())
            .collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_picture_is_followed_by_its_delimiter_at_once() {
        let mut multipart = Multipart::new();
        let parts = [(b"one" as &[u8], 1_000_007), (b"three", 2_500_000)];
        let parts = parts.map(|(payload, at)| multipart.part(&packet(Codec::Jpeg, payload, at)).unwrap());
        assert_eq!(
            written(parts),
            "--kvm-picture-boundary\r\nContent-Type: image/jpeg\r\nContent-Length: 3\r\nX-Timestamp: 1.000007\r\n\r\n\
             one\r\n--kvm-picture-boundary\r\n\
             Content-Type: image/jpeg\r\nContent-Length: 5\r\nX-Timestamp: 2.500000\r\n\r\n\
             three\r\n--kvm-picture-boundary\r\n"
        );
    }

    #[test]
    fn the_last_picture_is_repeated_once_and_shares_its_bytes() {
        let mut multipart = Multipart::new();
        assert_eq!(multipart.repeat(), None);
        let sent = packet(Codec::Jpeg, b"picture", 5);
        let first = multipart.part(&sent).unwrap();
        let again = multipart.repeat().unwrap();
        assert_eq!(first.before.strip_prefix(FIRST_DELIMITER.as_bytes()), Some(&again.before[..]));
        assert_eq!(again.payload.as_ptr(), sent.payload.as_ptr());
        assert_eq!(multipart.repeat(), None);
        assert_eq!(multipart.part(&packet(Codec::H264, b"picture", 6)), None);
    }
}
