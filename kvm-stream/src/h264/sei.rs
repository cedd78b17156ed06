//! Supplemental enhancement information (ITU-T H.264, 7.3.2.3 and annex D).

use super::bits::BitWriter;

/// Writes a recovery point (D.1.8): who starts decoding at this picture shows the right one after so many more
/// pictures, to the last bit.
pub(crate) fn write_recovery_point(bits: &mut BitWriter, pictures: u32) {
    let mut payload = BitWriter::new();
    payload.ue(pictures); // recovery_frame_cnt
    payload.put(1, 1); // exact_match_flag
    payload.put(1, 0); // broken_link_flag
    payload.put(2, 0); // changing_slice_group_idc
    // A payload that does not end with a byte is filled like a whole one (D.1).
    if payload.bit_len() % 8 != 0 {
        payload.finish_rbsp();
    }
    let payload = payload.as_bytes();
    bits.put(8, RECOVERY_POINT);
    bits.put(8, u32::try_from(payload.len()).expect("a number and four bits are not long"));
    bits.bytes(payload);
    bits.finish_rbsp();
}

/// `payloadType` of a recovery point.
const RECOVERY_POINT: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_point_is_a_message_of_one_payload() {
        let message = |pictures| {
            let mut bits = BitWriter::new();
            write_recovery_point(&mut bits, pictures);
            bits.as_bytes().to_vec()
        };
        // The number 1, flags 1 and 0, idc 00; filled.
        assert_eq!(message(0), [6, 1, 0b1100_0100, 0x80]);
        // The number 00101; with the flags it would be 9 bits.
        assert_eq!(message(4), [6, 2, 0b0010_1100, 0b0100_0000, 0x80]);
        // The number 00000 1 00000: 11 bits and 4.
        assert_eq!(message(31), [6, 2, 0b0000_0100, 0b0001_0001, 0x80]);
    }
}
