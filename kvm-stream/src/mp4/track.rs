//! What the track of pictures holds, and which packets fit it.

use super::avc::{NotAvc, NotStored, ParameterSets};
use super::fragment::Sample;
use crate::{Codec, Packet, SinkError};

/// What the track of pictures holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) width_px: u16,
    pub(crate) height_px: u16,
    pub(crate) coding: Coding,
}

/// How the pictures of a track are coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Coding {
    Jpeg,
    H264(ParameterSets),
}

impl Track {
    /// The track that starts with this packet.
    pub(crate) fn of(packet: &Packet) -> Result<Self, SinkError> {
        let malformed = |reason| SinkError::Malformed { codec: packet.codec, reason };
        let side = |px| match u16::try_from(px) {
            Ok(side @ 1..) => Ok(side),
            _ => Err(malformed("a picture without a size that can be stored")),
        };
        let coding = match packet.codec {
            Codec::Jpeg => Coding::Jpeg,
            Codec::H264 => Coding::H264(
                ParameterSets::of(&packet.payload).map_err(|NotAvc { reason }| malformed(reason))?,
            ),
            codec => return Err(SinkError::Codec { codec }),
        };
        Ok(Self { width_px: side(packet.width_px)?, height_px: side(packet.height_px)?, coding })
    }

    /// The packet as a sample of this track, its duration still open.
    pub(crate) fn sample(&self, packet: &Packet) -> Result<Sample, SinkError> {
        let codec = packet.codec;
        let (payload, is_sync) = match (&self.coding, codec) {
            (Coding::Jpeg, Codec::Jpeg) => (packet.payload.clone(), true),
            (Coding::H264(sets), Codec::H264) => match sets.store(&packet.payload) {
                Ok(stored) => (stored.bytes, stored.is_idr),
                Err(NotStored::OtherSets) => {
                    return Err(SinkError::StreamChanged { reason: "other parameter sets" });
                }
                Err(NotStored::NotAvc(NotAvc { reason })) => {
                    return Err(SinkError::Malformed { codec, reason });
                }
            },
            _ => return Err(SinkError::StreamChanged { reason: "another codec" }),
        };
        if packet.width_px != u32::from(self.width_px) || packet.height_px != u32::from(self.height_px) {
            return Err(SinkError::StreamChanged { reason: "another picture size" });
        }
        if payload.is_empty() || payload.len() > MAX_PICTURE_BYTES {
            return Err(SinkError::Malformed { codec, reason: "a picture of a size that cannot be stored" });
        }
        Ok(Sample { payload, duration: 0, is_sync })
    }

    /// Whether a picture can be shown once more by storing it once more. A second IDR picture in a row would
    /// need another `idr_pic_id` (ITU-T H.264, section 7.4.3), and other pictures change what is on the screen.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self.coding, Coding::Jpeg)
    }
}

/// The most bytes that one picture may have. Far above what any encoder makes of the largest frame, and so far
/// below what a fragment can hold that no sum overflows.
pub(super) const MAX_PICTURE_BYTES: usize = 256 << 20;
