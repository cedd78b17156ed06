//! H.264 as MP4 stores it (ISO/IEC 14496-15): parameter sets apart, a length before each unit.

use bytes::Bytes;

use super::boxes::BoxWriter;

/// The sequence and picture parameter sets of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ParameterSets {
    pub(super) sequence: Vec<Bytes>,
    pub(super) picture: Vec<Bytes>,
}

/// Why bytes are not a picture of H.264 that can be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAvc {
    pub(crate) reason: &'static str,
}

/// A picture as MP4 stores it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) bytes: Bytes,
    /// Whether decoding can start at it.
    pub(super) is_idr: bool,
}

/// Why a picture is not stored.
#[derive(Debug)]
pub(super) enum NotStored {
    /// It brings parameter sets that the stream did not start with.
    OtherSets,
    NotAvc(NotAvc),
}

impl From<NotAvc> for NotStored {
    fn from(reason: NotAvc) -> Self {
        Self::NotAvc(reason)
    }
}

impl ParameterSets {
    /// Takes the parameter sets out of the picture that a stream starts with, in byte-stream form.
    pub(crate) fn of(picture: &Bytes) -> Result<Self, NotAvc> {
        let mut sets = Self::default();
        let mut is_idr = false;
        for unit in units(picture) {
            let list = match unit_type(&picture[unit.clone()]) {
                SPS => &mut sets.sequence,
                PPS => &mut sets.picture,
                kind => {
                    is_idr |= kind == SLICE_IDR;
                    continue;
                }
            };
            let unit = picture.slice(unit);
            if !list.contains(&unit) {
                list.push(unit);
            }
        }
        if !is_idr {
            return Err(NotAvc { reason: "a key picture that decoding cannot start at" });
        }
        sets.check()?;
        Ok(sets)
    }

    /// Turns a picture in byte-stream form into units with their lengths before them.
    ///
    /// Leaves out what only a byte stream needs, delimiters and filling, and parameter sets, which the sample
    /// entry `avc1` has in one place. The picture must not bring others.
    pub(super) fn store(&self, picture: &[u8]) -> Result<Stored, NotStored> {
        let mut bytes = Vec::with_capacity(picture.len() + 16);
        let (mut has_slice, mut is_idr) = (false, false);
        for (count, unit) in units(picture).enumerate() {
            if count == MAX_UNITS {
                return Err(NotAvc { reason: "more units than any level allows a picture" }.into());
            }
            let unit = &picture[unit];
            match unit_type(unit) {
                SPS if self.sequence.iter().any(|set| set == unit) => continue,
                PPS if self.picture.iter().any(|set| set == unit) => continue,
                SPS | PPS => return Err(NotStored::OtherSets),
                DELIMITER | FILLER => continue,
                SLICE => has_slice = true,
                SLICE_IDR => (has_slice, is_idr) = (true, true),
                _ => {}
            }
            let len = u32::try_from(unit.len()).map_err(|_| NotAvc { reason: "a unit of 4 GiB or more" })?;
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(unit);
        }
        if !has_slice {
            return Err(NotAvc { reason: "no picture in it" }.into());
        }
        Ok(Stored { bytes: bytes.into(), is_idr })
    }

    /// Whether an `avcC` box can hold them and a decoder could start with them.
    pub(super) fn check(&self) -> Result<(), NotAvc> {
        let len: usize = self.sequence.iter().chain(&self.picture).map(Bytes::len).sum();
        if self.sequence.is_empty() || self.picture.is_empty() {
            return Err(NotAvc { reason: "a key picture without parameter sets" });
        }
        if self.sequence.len() > 31 || self.picture.len() > 255 || len > usize::from(u16::MAX) {
            return Err(NotAvc { reason: "more or longer parameter sets than can be stored" });
        }
        if self.sequence.iter().any(|set| set.len() < 4) {
            return Err(NotAvc { reason: "a sequence parameter set without a profile" });
        }
        Ok(())
    }

    /// Writes the decoder configuration record (section 5.3.3.1).
    pub(super) fn write_avcc(&self, out: &mut BoxWriter) {
        let count = |sets: &[Bytes]| u8::try_from(sets.len()).expect("`check` bounds the sets");
        let write_sets = |out: &mut BoxWriter, sets: &[Bytes]| {
            for set in sets {
                out.u16(u16::try_from(set.len()).expect("`check` bounds the sets"));
                out.put(set);
            }
        };
        let first = &self.sequence[0];
        out.write_box(b"avcC", |out| {
            out.u8(1); // configurationVersion
            out.put(&first[1..4]); // profile, compatibility, level
            out.u8(0xFC | 3); // lengths have four bytes
            out.u8(0xE0 | count(&self.sequence));
            write_sets(out, &self.sequence);
            out.u8(count(&self.picture));
            write_sets(out, &self.picture);
            if matches!(first[1], 100 | 110 | 122 | 144) {
                let [chroma, luma_depth, chroma_depth] = chroma_and_depths(first);
                out.u8(0xFC | chroma);
                out.u8(0xF8 | luma_depth);
                out.u8(0xF8 | chroma_depth);
                out.u8(0); // no extensions of the sequence parameter set
            }
        });
    }
}

/// Where the units of a byte stream are (ITU-T H.264, annex B.1), without start codes and trailing zeros.
pub(crate) fn units(stream: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut next = after_start_code(stream, 0);
    std::iter::from_fn(move || {
        loop {
            let start = next?;
            next = after_start_code(stream, start);
            let end = next.map_or(stream.len(), |next| next - START_CODE.len());
            let zeros = stream[start..end].iter().rev().take_while(|byte| **byte == 0).count();
            // Nothing but zeros between two start codes is no unit.
            if start < end - zeros {
                return Some(start..end - zeros);
            }
        }
    })
}

/// The place after the next start code.
fn after_start_code(stream: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(&[first, second, third]) = stream.get(at..at + 3) {
        match (first, second, third) {
            (0, 0, 1) => return Some(at + 3),
            (_, _, 2..) => at += 3,
            (_, 1.., _) => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// `nal_unit_type`.
pub(crate) fn unit_type(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & 0x1F)
}

/// The chroma format and the bits above eight of luma and chroma, from a sequence parameter set of a high profile
/// (ITU-T H.264, section 7.3.2.1.1). 4:2:0 with eight bits where the set is too short to say.
fn chroma_and_depths(set: &[u8]) -> [u8; 3] {
    let mut bits = ExpGolomb { bits: set.iter().copied().skip(4).flat_map(bits_of) };
    let mut read = || -> Option<[u8; 3]> {
        let _set_id = bits.next_code()?;
        let chroma = bits.next_code()?;
        if chroma == 3 {
            bits.bits.next()?; // separate_colour_plane_flag
        }
        let (luma_depth, chroma_depth) = (bits.next_code()?, bits.next_code()?);
        Some([chroma & 3, luma_depth & 7, chroma_depth & 7])
    };
    read().unwrap_or([1, 0, 0])
}

/// Codes of ITU-T H.264, section 9.1, small ones only.
struct ExpGolomb<I> {
    bits: I,
}

impl<I: Iterator<Item = bool>> ExpGolomb<I> {
    fn next_code(&mut self) -> Option<u8> {
        let mut zeros = 0;
        while !self.bits.next()? {
            zeros += 1;
        }
        let mut value = 1_u8;
        for _ in 0..zeros {
            value = value.checked_mul(2)? | u8::from(self.bits.next()?);
        }
        Some(value - 1)
    }
}

fn bits_of(byte: u8) -> impl Iterator<Item = bool> {
    (0..8).rev().map(move |bit| byte >> bit & 1 == 1)
}

const START_CODE: [u8; 3] = [0, 0, 1];

// nal_unit_type of ITU-T H.264, table 7-1.
pub(crate) const SLICE: u8 = 1;
pub(crate) const SLICE_IDR: u8 = 5;
pub(crate) const SPS: u8 = 7;
pub(crate) const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const FILLER: u8 = 12;

/// More units than a picture of level 6.2 has macroblocks in one row of slices; a bound, so that a payload of start
/// codes is refused instead of stored.
const MAX_UNITS: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_lie_between_start_codes() {
        let stream = [0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 7, 0, 0, 3, 0];
        let found: Vec<&[u8]> = units(&stream).map(|unit| &stream[unit]).collect();
        assert_eq!(found, [&[0x67, 9][..], &[0x68], &[0x65, 7, 0, 0, 3]]);
    }

    #[test]
    fn parameter_sets_are_taken_out() {
        let picture =
            Bytes::from_static(b"\0\0\0\x01\x09\x10\0\0\0\x01\x67\x42\0\x1F\0\0\x01\x68\x99\0\0\x01\x65\x88");
        let sets = ParameterSets::of(&picture).unwrap();
        assert_eq!(sets.sequence, [&b"\x67\x42\0\x1F"[..]]);
        assert_eq!(sets.picture, [&b"\x68\x99"[..]]);
        let stored = sets.store(&picture).unwrap();
        assert_eq!(stored.bytes, &b"\0\0\0\x02\x65\x88"[..]);
        assert!(stored.is_idr);
        assert!(matches!(sets.store(b"\0\0\x01\x68\x98\0\0\x01\x65\x88"), Err(NotStored::OtherSets)));
        assert!(sets.store(b"\0\0\x01\x68\x99").is_err(), "parameter sets are no picture");
    }

    #[test]
    fn high_profiles_tell_chroma_and_depth() {
        // profile 100, constraints, level, then ue(0) ue(1) ue(0) ue(0): 1 010 1 1 …
        assert_eq!(chroma_and_depths(&[0x67, 100, 0, 40, 0b1010_1100]), [1, 0, 0]);
        // ue(0) ue(2) ue(2) ue(2): 1 011 011 011
        assert_eq!(chroma_and_depths(&[0x67, 122, 0, 40, 0b1011_0110, 0b1100_0000]), [2, 2, 2]);
        assert_eq!(chroma_and_depths(&[0x67, 100, 0, 40]), [1, 0, 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_stored_or_refused(stream in proptest::collection::vec(0_u8..10, 0..200)) {
            let stream = Bytes::from(stream);
            let _ = ParameterSets::of(&stream);
            if let Ok(stored) = ParameterSets::default().store(&stream) {
                prop_assert!(stored.bytes.len() <= stream.len() * 2);
            }
        }

        #[test]
        fn units_survive_storing(
            units in proptest::collection::vec(proptest::collection::vec(1_u8.., 1..20), 1..10),
        ) {
            let units: Vec<Vec<u8>> = units.into_iter().map(|mut unit| { unit[0] = 0x65; unit }).collect();
            let stream: Vec<u8> = units.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect();
            let stored: Vec<u8> = units
                .iter()
                .flat_map(|unit| [&u32::try_from(unit.len()).unwrap().to_be_bytes()[..], unit].concat())
                .collect();
            prop_assert_eq!(ParameterSets::default().store(&stream).unwrap().bytes, stored);
        }
    }
}
