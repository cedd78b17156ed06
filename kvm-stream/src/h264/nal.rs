//! Units of a byte stream (ITU-T H.264, 7.3.1 and annex B).

/// What a unit is (table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NalKind {
    /// A slice of a picture that decoding cannot start at.
    Slice,
    /// A slice of a picture that decoding can start at (IDR).
    KeySlice,
    /// A sequence parameter set.
    Sequence,
    /// A picture parameter set.
    Picture,
}

impl NalKind {
    /// `nal_unit_type`.
    const fn code(self) -> u8 {
        match self {
            Self::Slice => 1,
            Self::KeySlice => 5,
            Self::Sequence => 7,
            Self::Picture => 8,
        }
    }

    /// `nal_ref_idc`: later pictures depend on it, since every picture is the reference of the next one.
    const REFERENCE: u8 = 3;
}

/// Appends a unit with a start code of four bytes before it, and with what keeps start codes out of its
/// payload (`emulation_prevention_three_byte`, 7.4.1).
pub(crate) fn append_annex_b(out: &mut Vec<u8>, kind: NalKind, rbsp: &[u8]) {
    out.extend_from_slice(&[0, 0, 0, 1, (NalKind::REFERENCE << 5) | kind.code()]);
    // Where the bytes begin that are not in `out` yet.
    let mut start = 0;
    let mut zeros = 0;
    let mut index = 0;
    while index < rbsp.len() {
        if let Some(chunk) = rbsp[index..].first_chunk::<8>() {
            if zeros < 2 && !has_zero(u64::from_ne_bytes(*chunk)) {
                zeros = 0;
                index += 8;
                continue;
            }
        }
        let byte = rbsp[index];
        if zeros == 2 && byte <= 3 {
            out.extend_from_slice(&rbsp[start..index]);
            out.push(3);
            (start, zeros) = (index, 0);
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        index += 1;
    }
    out.extend_from_slice(&rbsp[start..]);
}

/// Counts the bytes that keep start codes out of a payload, while it grows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Prevention {
    /// Bytes of the payload that are counted.
    len: usize,
    zeros: u32,
    count: usize,
}

impl Prevention {
    /// How many there are, once a payload has grown to these bytes.
    pub(crate) fn advance(&mut self, rbsp: &[u8]) -> usize {
        while self.len < rbsp.len() {
            if let Some(chunk) = rbsp[self.len..].first_chunk::<8>() {
                if self.zeros < 2 && !has_zero(u64::from_ne_bytes(*chunk)) {
                    self.zeros = 0;
                    self.len += 8;
                    continue;
                }
            }
            let byte = rbsp[self.len];
            if self.zeros == 2 && byte <= 3 {
                self.count += 1;
                self.zeros = 0;
            }
            self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
            self.len += 1;
        }
        self.count
    }
}

/// Whether one of the bytes is zero.
#[inline(always)]
fn has_zero(bytes: u64) -> bool {
    bytes.wrapping_sub(0x0101_0101_0101_0101) & !bytes & 0x8080_8080_8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(rbsp: &[u8]) -> Vec<u8> {
        let mut out = vec![9];
        append_annex_b(&mut out, NalKind::Slice, rbsp);
        assert_eq!(out[..6], [9, 0, 0, 0, 1, 0x61]);
        out[6..].to_vec()
    }

    /// 7.3.1, the reader's side.
    fn rbsp(unit: &[u8]) -> Vec<u8> {
        let mut rbsp = Vec::new();
        let mut zeros = 0;
        for &byte in unit {
            if zeros == 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            assert!(zeros < 2 || byte > 3, "not in a unit: {unit:?}");
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            rbsp.push(byte);
        }
        rbsp
    }

    #[test]
    fn each_kind_has_its_header() {
        let kinds = [NalKind::Slice, NalKind::KeySlice, NalKind::Sequence, NalKind::Picture];
        let headers = kinds.map(|kind| {
            let mut out = Vec::new();
            append_annex_b(&mut out, kind, &[0x80]);
            out[4]
        });
        assert_eq!(headers, [0x61, 0x65, 0x67, 0x68]);
    }

    #[test]
    fn start_codes_are_kept_out() {
        assert_eq!(unit(&[0, 0, 1]), [0, 0, 3, 1]);
        assert_eq!(unit(&[0, 0, 3]), [0, 0, 3, 3]);
        assert_eq!(unit(&[0, 0, 4]), [0, 0, 4]);
        assert_eq!(unit(&[0, 0, 0, 0, 0, 1]), [0, 0, 3, 0, 0, 3, 0, 1]);
        assert_eq!(
            unit(&[1, 1, 1, 1, 1, 1, 0, 0, 2, 1, 1, 1, 1, 1, 1, 1]),
            [1, 1, 1, 1, 1, 1, 0, 0, 3, 2, 1, 1, 1, 1, 1, 1, 1]
        );
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(
            payload in proptest::collection::vec(prop_oneof![3 => 0_u8..5, 1 => any::<u8>()], 0..200),
            sparse in any::<bool>(),
        ) {
            let payload: Vec<u8> = payload.iter().flat_map(|byte| {
                std::iter::once(*byte).chain(if sparse && byte % 5 == 4 { vec![7; 20] } else { vec![] })
            }).collect();
            let unit = unit(&payload);
            prop_assert_eq!(rbsp(&unit), &payload[..]);
            let mut prevention = Prevention::default();
            prevention.advance(&payload[..payload.len() / 2]);
            prop_assert_eq!(payload.len() + prevention.advance(&payload), unit.len());
        }
    }
}
