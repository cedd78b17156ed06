//! What a decoder has to know of a stream: the parameter sets (ITU-T H.264, 7.3.2.1, 7.3.2.2 and annex E).

use std::time::Duration;

use super::bits::BitWriter;
use super::level::Level;
use super::rate::H264Rate;

/// The parameters of a stream of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameters {
    width_px: u32,
    height_px: u32,
    interval_us: u32,
    level: Level,
}

impl Parameters {
    /// The quantiser that those of slices are told relative to.
    pub(crate) const QUANTISER: i32 = 26;
    /// Bits of `frame_num`.
    pub(crate) const FRAME_NUM_BITS: u32 = 8;

    /// The parameters of pictures of this size, of which the next comes after `interval` at the earliest, at a rate.
    ///
    /// Of an odd width or height the last column or row is not shown, because a picture of 4:2:0 has none. `None` if
    /// there is no picture, or one beyond level 5.2: more than 36,864 macroblocks, or a side of more than 8,688 samples.
    pub(crate) fn new(
        width_px: u32,
        height_px: u32,
        interval: Duration,
        rate: Option<H264Rate>,
    ) -> Option<Self> {
        let (width_px, height_px) = (width_px & !1, height_px & !1);
        if width_px == 0 || height_px == 0 {
            return None;
        }
        let interval_us = u32::try_from(interval.as_micros()).unwrap_or(u32::MAX).max(1);
        let level = Level::of(width_px.div_ceil(16), height_px.div_ceil(16), interval_us, rate)?;
        Some(Self { width_px, height_px, interval_us, level })
    }

    /// Size that a decoder shows, in pixels: width and height.
    pub(crate) fn size_px(&self) -> (u32, u32) {
        (self.width_px, self.height_px)
    }

    /// Macroblocks across and down.
    pub(crate) fn macroblocks(&self) -> (u32, u32) {
        (self.width_px.div_ceil(16), self.height_px.div_ceil(16))
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// The stream's name for media APIs (RFC 6381, 3.3): profile, constraints and level.
    pub(crate) fn codec_string(&self) -> String {
        format!("avc1.{PROFILE:02X}{CONSTRAINTS:02X}{:02X}", self.level.idc)
    }

    /// Writes the sequence parameter set (7.3.2.1.1).
    pub(crate) fn write_sequence(&self, bits: &mut BitWriter) {
        bits.put(8, PROFILE);
        bits.put(8, CONSTRAINTS);
        bits.put(8, u32::from(self.level.idc));
        bits.ue(0); // seq_parameter_set_id
        bits.ue(Self::FRAME_NUM_BITS - 4); // log2_max_frame_num_minus4
        bits.ue(2); // pic_order_cnt_type: pictures are shown in the order they come in
        bits.ue(REFERENCES); // max_num_ref_frames
        bits.put(1, 0); // gaps_in_frame_num_value_allowed_flag
        let (columns, rows) = self.macroblocks();
        bits.ue(columns - 1); // pic_width_in_mbs_minus1
        bits.ue(rows - 1); // pic_height_in_map_units_minus1
        bits.put(1, 1); // frame_mbs_only_flag
        bits.put(1, 1); // direct_8x8_inference_flag: as the Extended profile, named too, wants it
        let (right, bottom) = (columns * 16 - self.width_px, rows * 16 - self.height_px);
        if right == 0 && bottom == 0 {
            bits.put(1, 0); // frame_cropping_flag
        } else {
            bits.put(1, 1);
            for offset in [0, right / 2, 0, bottom / 2] {
                bits.ue(offset); // left, right, top, bottom, in samples of chroma
            }
        }
        bits.put(1, 1); // vui_parameters_present_flag
        self.write_vui(bits);
        bits.finish_rbsp();
    }

    /// Writes the picture parameter set (7.3.2.2).
    pub(crate) fn write_picture(&self, bits: &mut BitWriter) {
        bits.ue(0); // pic_parameter_set_id
        bits.ue(0); // seq_parameter_set_id
        bits.put(1, 0); // entropy_coding_mode_flag: CAVLC
        bits.put(1, 0); // bottom_field_pic_order_in_frame_present_flag
        bits.ue(0); // num_slice_groups_minus1
        bits.ue(REFERENCES - 1); // num_ref_idx_l0_default_active_minus1
        bits.ue(0); // num_ref_idx_l1_default_active_minus1
        bits.put(1, 0); // weighted_pred_flag
        bits.put(2, 0); // weighted_bipred_idc
        bits.se(Self::QUANTISER - 26); // pic_init_qp_minus26
        bits.se(0); // pic_init_qs_minus26
        bits.se(0); // chroma_qp_index_offset
        bits.put(1, 1); // deblocking_filter_control_present_flag
        bits.put(1, 0); // constrained_intra_pred_flag
        bits.put(1, 0); // redundant_pic_cnt_present_flag
        bits.finish_rbsp();
    }

    /// E.1.1.
    fn write_vui(&self, bits: &mut BitWriter) {
        bits.put(1, 0); // aspect_ratio_info_present_flag
        bits.put(1, 0); // overscan_info_present_flag
        bits.put(1, 1); // video_signal_type_present_flag
        bits.put(3, 5); // video_format: unspecified
        bits.put(1, 0); // video_full_range_flag
        bits.put(1, 1); // colour_description_present_flag
        for description in [REC_709; 3] {
            bits.put(8, description); // colour_primaries, transfer_characteristics, matrix_coefficients
        }
        bits.put(1, 0); // chroma_loc_info_present_flag
        bits.put(1, 1); // timing_info_present_flag
        bits.put(32, self.interval_us); // num_units_in_tick
        bits.put(32, 2_000_000); // time_scale: two ticks are a picture, because one is a field
        bits.put(1, 0); // fixed_frame_rate_flag: where nothing changes, no picture comes
        bits.put(1, 0); // nal_hrd_parameters_present_flag
        bits.put(1, 0); // vcl_hrd_parameters_present_flag
        bits.put(1, 0); // pic_struct_present_flag
        bits.put(1, 1); // bitstream_restriction_flag
        bits.put(1, 1); // motion_vectors_over_pic_boundaries_flag
        bits.ue(0); // max_bytes_per_pic_denom: none told
        bits.ue(0); // max_bits_per_mb_denom: none told
        // Vectors are told in quarters of samples.
        bits.ue((Level::HORIZONTAL_RANGE * 4).ilog2()); // log2_max_mv_length_horizontal
        bits.ue((self.level.vertical_range * 4).ilog2()); // log2_max_mv_length_vertical
        bits.ue(0); // max_num_reorder_frames: a decoder shows each picture at once
        bits.ue(REFERENCES); // max_dec_frame_buffering
    }
}

/// Baseline.
const PROFILE: u32 = 66;
/// The stream keeps to the Baseline, Main and Extended profiles at once; with Baseline, that is Constrained Baseline.
const CONSTRAINTS: u32 = 0b1110_0000;
/// Pictures that a decoder keeps.
const REFERENCES: u32 = 1;
/// Rec. 709, as primaries, transfer and matrix (tables E-3 to E-5).
const REC_709: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    const HZ_30: Duration = Duration::from_micros(33_333);

    #[test]
    fn the_codec_string_tells_profile_and_level() {
        let parameters = Parameters::new(1920, 1080, HZ_30, None).unwrap();
        assert_eq!(parameters.codec_string(), "avc1.42E028");
        let mut bits = BitWriter::new();
        parameters.write_sequence(&mut bits);
        assert_eq!(bits.as_bytes()[..3], [0x42, 0xE0, 0x28]);
    }

    #[test]
    fn odd_sizes_lose_their_last_row_and_column() {
        assert_eq!(Parameters::new(1367, 769, HZ_30, None).unwrap().size_px(), (1366, 768));
        assert_eq!(Parameters::new(1367, 769, HZ_30, None).unwrap().macroblocks(), (86, 48));
        assert_eq!(Parameters::new(1, 16, HZ_30, None), None);
        assert_eq!(Parameters::new(8704, 16, HZ_30, None), None);
        assert!(Parameters::new(2, 2, Duration::ZERO, None).is_some());
        assert!(Parameters::new(2, 2, Duration::MAX, None).is_some());
    }
}
