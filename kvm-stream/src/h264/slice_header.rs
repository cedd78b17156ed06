//! What goes before the macroblocks of a slice (ITU-T H.264, 7.3.3).

use super::bits::BitWriter;
use super::parameters::Parameters;

/// The header of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SliceHeader {
    /// The macroblock that the slice begins with, counted along the rows.
    pub(crate) first_macroblock: u32,
    pub(crate) kind: SliceKind,
    /// `frame_num`: 0 in a key picture, one more in each picture after it. The lowest bits of it are written.
    pub(crate) frame_num: u32,
    /// The quantiser of its first macroblock, 0 to 51, which others are told relative to.
    pub(crate) quantiser: u8,
}

/// What a slice may be predicted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SliceKind {
    /// Nothing but itself, in a picture that decoding can start at (IDR).
    Key {
        /// `idr_pic_id`: other than that of the key picture before, if no picture came between.
        id: u16,
    },
    /// The picture before.
    Predicted,
}

impl SliceHeader {
    /// Appends the header to an empty payload. Every picture is a reference picture, the newest one the only one.
    pub(crate) fn write(&self, bits: &mut BitWriter) {
        bits.ue(self.first_macroblock); // first_mb_in_slice
        bits.ue(if self.kind == SliceKind::Predicted { 0 } else { 2 }); // slice_type: P or I
        bits.ue(0); // pic_parameter_set_id
        bits.put(Parameters::FRAME_NUM_BITS, self.frame_num & ((1 << Parameters::FRAME_NUM_BITS) - 1));
        match self.kind {
            SliceKind::Key { id } => {
                bits.ue(u32::from(id)); // idr_pic_id
                bits.put(1, 0); // no_output_of_prior_pics_flag
                bits.put(1, 0); // long_term_reference_flag
            }
            SliceKind::Predicted => {
                bits.put(1, 0); // num_ref_idx_active_override_flag
                bits.put(1, 0); // ref_pic_list_modification_flag_l0
                bits.put(1, 0); // adaptive_ref_pic_marking_mode_flag
            }
        }
        bits.se(i32::from(self.quantiser) - Parameters::QUANTISER); // slice_qp_delta
        bits.ue(1); // disable_deblocking_filter_idc: edges stay as they are coded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header's bits, with a one behind them.
    fn header(kind: SliceKind, frame_num: u32) -> Vec<u8> {
        let mut bits = BitWriter::new();
        SliceHeader { first_macroblock: 3, kind, frame_num, quantiser: 27 }.write(&mut bits);
        bits.finish_rbsp();
        bits.as_bytes().to_vec()
    }

    #[test]
    fn the_fields_are_in_their_order() {
        // first_mb 00100, type 011, set 1, frame_num 00000000, id 010, marking 00, quantiser 010, filter 010.
        let key = header(SliceKind::Key { id: 1 }, 0);
        assert_eq!(key, [0b0010_0011, 0b1000_0000, 0b0010_0001, 0b0010_1000]);
        // first_mb 00100, type 1, set 1, frame_num 00000010, flags 000, quantiser 010, filter 010.
        let predicted = header(SliceKind::Predicted, 258);
        assert_eq!(predicted, [0b0010_0110, 0b0000_0100, 0b0001_0010, 0b1000_0000]);
    }
}
