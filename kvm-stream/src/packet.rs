//! One encoded picture.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use kvm_capture::{FourCc, Frame, Timestamp};

use crate::Tiles;

/// How a packet's payload is to be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Each packet a JPEG picture (ISO/IEC 10918-1).
    Jpeg,
    /// H.264 in Annex B byte-stream form (ITU-T H.264, annex B); key pictures carry their parameter sets.
    H264,
    /// Rectangles of the RFB protocol: what follows the padding of a FramebufferUpdate message (RFC 6143, section
    /// 7.6.1), that is, their number and then each with its header, in pixels of 32 bits, depth 24, least
    /// significant byte first, blue in the lowest byte. The encodings are CopyRect and Tight, with JPEG in it, and
    /// exact planes, an encoding of this crate's own (0x4B564D50), which the page of its programs decodes;
    /// a rectangle of film may be Open H.264. Each packet resets the zlib streams it uses.
    Rects,
    /// A format of a device, by its V4L2 code, which nothing in this crate looks into but to tell its key pictures:
    /// what the feature `m2m` gets from encoders of neither H.264 nor JPEG.
    Other(FourCc),
}

/// One encoded picture. Cheap to clone: clones share the payload.
#[derive(Clone)]
#[non_exhaustive]
pub struct Packet {
    /// How the payload is to be decoded.
    pub codec: Codec,
    /// The encoded picture.
    pub payload: Bytes,
    /// Whether decoding can start here.
    pub is_keyframe: bool,
    /// Whether this only repeats, for those who lack it, what others have got: whoever has every packet up to here
    /// leaves it out. See [`Encoder::encode_refresh`](crate::Encoder::encode_refresh).
    pub is_refresh: bool,
    /// The tiles of the picture that it changes; `None` if it changes all of them.
    pub changes: Option<Arc<Tiles>>,
    /// Width of the picture in pixels.
    pub width_px: u32,
    /// Height of the picture in pixels.
    pub height_px: u32,
    /// When the frame was captured, on the capturing driver's clock.
    pub timestamp: Timestamp,
    /// The number of the frame it was made from.
    pub sequence: u64,
}

impl Packet {
    /// A packet that was made from this frame.
    pub fn of(frame: &Frame, codec: Codec, payload: Bytes, is_keyframe: bool) -> Self {
        let format = frame.format();
        Self {
            codec,
            payload,
            is_keyframe,
            is_refresh: false,
            changes: None,
            width_px: format.width_px,
            height_px: format.height_px,
            timestamp: frame.timestamp(),
            sequence: frame.sequence(),
        }
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("codec", &self.codec)
            .field("bytes", &self.payload.len())
            .field("is_keyframe", &self.is_keyframe)
            .field("is_refresh", &self.is_refresh)
            .field("tiles", &self.changes.as_ref().map(|tiles| tiles.len()))
            .field("size", &format_args!("{}×{}", self.width_px, self.height_px))
            .field("timestamp", &self.timestamp)
            .field("sequence", &self.sequence)
            .finish()
    }
}
