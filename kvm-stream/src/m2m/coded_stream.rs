//! What a device's bytes are: which codec, where decoding can start, and with what.

use bytes::Bytes;
use kvm_capture::FourCc;

use crate::Codec;
use crate::mp4::avc::{PPS, SLICE, SLICE_IDR, SPS, unit_type, units};

/// The stream that a device gives out, as packets are to have it.
#[derive(Debug)]
pub(super) struct CodedStream {
    codec: Codec,
    /// The parameter sets of H.264 as they came last, in byte-stream form.
    sequence_sets: Vec<u8>,
    picture_sets: Vec<u8>,
}

impl CodedStream {
    /// The stream of a device whose coded format V4L2 names so.
    pub(super) fn of(code: FourCc) -> Self {
        let codec = match &code.0 {
            b"H264" => Codec::H264,
            b"JPEG" | b"MJPG" => Codec::Jpeg,
            _ => Codec::Other(code),
        };
        Self { codec, sequence_sets: Vec::new(), picture_sets: Vec::new() }
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// A picture and whether decoding can start at it; `None` for headers that came without one.
    ///
    /// What the bytes say counts before what the driver marks, since drivers forget to.
    pub(super) fn picture(&mut self, payload: Bytes, is_marked_key: bool) -> Option<(Bytes, bool)> {
        match self.codec {
            Codec::H264 => self.h264_picture(payload),
            Codec::Jpeg => Some((payload, true)),
            Codec::Other(FWHT) => {
                let is_key = fwht_is_key(&payload).unwrap_or(is_marked_key);
                Some((payload, is_key))
            }
            _ => Some((payload, is_marked_key)),
        }
    }

    /// Keeps the parameter sets, and puts them before a key picture that comes without.
    fn h264_picture(&mut self, payload: Bytes) -> Option<(Bytes, bool)> {
        let (mut sequence, mut picture) = (Vec::new(), Vec::new());
        let (mut has_slice, mut is_idr) = (false, false);
        for unit in units(&payload) {
            let unit = &payload[unit];
            match unit_type(unit) {
                SPS => put_unit(&mut sequence, unit),
                PPS => put_unit(&mut picture, unit),
                SLICE_IDR => (has_slice, is_idr) = (true, true),
                // Slices, and the partitions of slices that no device makes.
                SLICE..SLICE_IDR => has_slice = true,
                _ => {}
            }
        }
        let lacks_sets = sequence.is_empty() || picture.is_empty();
        if !sequence.is_empty() {
            self.sequence_sets = sequence;
        }
        if !picture.is_empty() {
            self.picture_sets = picture;
        }
        if !has_slice {
            return None;
        }
        if is_idr && lacks_sets && !self.sequence_sets.is_empty() {
            let whole = [&self.sequence_sets[..], &self.picture_sets, &payload].concat();
            return Some((whole.into(), true));
        }
        Some((payload, is_idr))
    }
}

/// Appends a unit in byte-stream form, unless that makes more than any stream has.
fn put_unit(sets: &mut Vec<u8>, unit: &[u8]) {
    if sets.len() + unit.len() <= MAX_SETS_BYTES {
        sets.extend_from_slice(&[0, 0, 0, 1]);
        sets.extend_from_slice(unit);
    }
}

/// Whether a picture of FWHT is a key picture; `None` if it is no picture of FWHT.
///
/// It begins with two words of magic, version, width, height and flags, all big-endian words; the flags are those of
/// `struct v4l2_ctrl_fwht_params` (V4L2 documentation, "FWHT Flags").
fn fwht_is_key(payload: &[u8]) -> Option<bool> {
    let after = payload.strip_prefix(&FWHT_MAGIC)?;
    let flags = after.get(12..16)?.try_into().ok()?;
    Some(u32::from_be_bytes(flags) & FWHT_I_FRAME != 0)
}

const FWHT: FourCc = FourCc(*b"FWHT");
const FWHT_MAGIC: [u8; 8] = [0x4f, 0x4f, 0x4f, 0x4f, 0xff, 0xff, 0xff, 0xff];
const FWHT_I_FRAME: u32 = 1 << 10;
/// As many bytes as a recording has room for.
const MAX_SETS_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn h264() -> CodedStream {
        CodedStream::of(FourCc(*b"H264"))
    }

    const SETS: &[u8] = b"\0\0\0\x01\x67\x42\0\x1F\0\0\0\x01\x68\x99";
    const IDR: &[u8] = b"\0\0\0\x01\x65\x88\x84";
    const DELTA: &[u8] = b"\0\0\0\x01\x41\x9a\x02";

    #[test]
    fn labels_are_honest() {
        for (code, codec) in [
            (b"H264", Codec::H264),
            (b"JPEG", Codec::Jpeg),
            (b"MJPG", Codec::Jpeg),
            (b"FWHT", Codec::Other(FWHT)),
            // H.264 without start codes is not what `Codec::H264` says.
            (b"AVC1", Codec::Other(FourCc(*b"AVC1"))),
        ] {
            assert_eq!(CodedStream::of(FourCc(*code)).codec(), codec);
        }
    }

    #[test]
    fn key_pictures_have_their_parameter_sets() {
        let mut stream = h264();
        // A driver that gives headers a buffer of their own, and only once.
        assert_eq!(stream.picture(Bytes::from_static(SETS), true), None);
        let (first, is_key) = stream.picture(Bytes::from_static(IDR), false).unwrap();
        assert!(is_key && first == [SETS, IDR].concat());
        let (delta, is_key) = stream.picture(Bytes::from_static(DELTA), true).unwrap();
        assert!(!is_key && delta == DELTA, "what the bytes say counts");
        let (later, is_key) = stream.picture(Bytes::from_static(IDR), false).unwrap();
        assert!(is_key && later == [SETS, IDR].concat());
        // One that repeats them.
        let whole = Bytes::from([SETS, IDR].concat());
        assert_eq!(stream.picture(whole.clone(), true), Some((whole, true)));
    }

    #[test]
    fn key_pictures_of_fwht_say_so_themselves() {
        let picture = |flags: u32| {
            let head = [&FWHT_MAGIC[..], &[0; 12], &flags.to_be_bytes(), &[0; 20]].concat();
            CodedStream::of(FWHT).picture(head.into(), false).unwrap().1
        };
        assert!(picture(0x000a_0470));
        assert!(!picture(0x000a_0000));
        let short = Bytes::from_static(b"OOOO");
        assert_eq!(CodedStream::of(FWHT).picture(short.clone(), true), Some((short, true)));
    }

    proptest! {
        /// Nothing a device says makes it fall over or grow without end.
        #[test]
        fn any_bytes_are_a_picture_or_none(
            code in proptest::sample::select(vec![*b"H264", *b"FWHT", *b"JPEG", *b"VP80"]),
            payloads in proptest::collection::vec(
                proptest::collection::vec(proptest::sample::select(vec![0, 1, 0x67, 0x68, 0x65, 0x4f, 0xff]), 0..80),
                0..8,
            ),
        ) {
            let mut stream = CodedStream::of(FourCc(code));
            for payload in payloads {
                let payload = Bytes::from(payload);
                if let Some((picture, _)) = stream.picture(payload.clone(), false) {
                    prop_assert!(picture.ends_with(&payload));
                }
            }
        }
    }
}
