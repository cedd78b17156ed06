//! The controls of an encoder, of which no driver has all.

use super::node::Node;
use super::{EncoderOptions, M2mError, Rate};
use crate::FourCc;
use crate::v4l2::abi::codec::{self, Control, ControlDescription, control};

/// Sets up a device for one-in, one-out coding, with key pictures when asked for that decoding can start at.
///
/// Drivers that lack a control behave that way anyway, or do as they like; what cannot be done without is told apart
/// by what they give out.
pub(super) fn prepare(node: &Node, options: &EncoderOptions) {
    // Pictures that wait for later ones would be late.
    set(node, control::B_FRAMES, 0);
    set(node, control::HEADER_MODE, control::HEADER_WITH_FIRST_PICTURE);
    set(node, control::REPEAT_SEQ_HEADER, 1);
    set(node, control::PREPEND_SPSPPS_TO_IDR, 1);
    let distance =
        options.key_distance.map_or(i32::MAX, |pictures| i32::try_from(pictures).unwrap_or(i32::MAX));
    set(node, control::GOP_SIZE, distance);
    set(node, control::H264_I_PERIOD, distance);
}

/// Sets how many bytes are spent on how much quality.
pub(super) fn set_rate(node: &Node, code: FourCc, rate: Rate) -> Result<(), M2mError> {
    match rate {
        Rate::Constant { bits_per_second } => set_bitrate(node, bits_per_second, control::CONSTANT_BITRATE),
        Rate::Variable { bits_per_second } => set_bitrate(node, bits_per_second, control::VARIABLE_BITRATE),
        Rate::Quantiser { key, between } => {
            let refused = M2mError::Control { what: "quantiser" };
            let Some((of_key, of_others)) = quantisers(code) else { return Err(refused) };
            // With rate control on, the driver would choose.
            set(node, control::FRAME_RC_ENABLE, 0);
            let clamp = |value| i32::try_from(value).unwrap_or(i32::MAX);
            let both = set(node, of_key, clamp(key)) && set(node, of_others, clamp(between));
            if both { Ok(()) } else { Err(refused) }
        }
    }
}

/// Asks for a key picture made of the next frame; whether the driver can.
pub(super) fn force_key_picture(node: &Node) -> bool {
    // A button: whatever the value is, it is pressed.
    let mut pressed = Control { id: control::FORCE_KEY_FRAME, value: 1 };
    node.try_call(&codec::S_CTRL, &mut pressed).is_ok()
}

/// The buffers for pictures that the driver needs at least.
pub(super) fn min_raw_buffers(node: &Node) -> u32 {
    let mut asked = Control { id: control::MIN_BUFFERS_FOR_OUTPUT, value: 0 };
    let answered = node.try_call(&codec::G_CTRL, &mut asked).is_ok();
    u32::try_from(asked.value).ok().filter(|_| answered).unwrap_or(1)
}

fn set_bitrate(node: &Node, bits_per_second: u32, mode: i32) -> Result<(), M2mError> {
    set(node, control::BITRATE_MODE, mode);
    set(node, control::FRAME_RC_ENABLE, 1);
    let bits = i32::try_from(bits_per_second).unwrap_or(i32::MAX);
    // The peak must not be below the average, so it goes first on the way up and is corrected on the way down.
    set(node, control::BITRATE_PEAK, bits);
    let is_set = set(node, control::BITRATE, bits);
    set(node, control::BITRATE_PEAK, bits);
    if is_set { Ok(()) } else { Err(M2mError::Control { what: "bit rate" }) }
}

/// Sets a control to a value, or the nearest of its range; whether that was done.
fn set(node: &Node, id: u32, value: i32) -> bool {
    let mut described = ControlDescription::of(id);
    if node.try_call(&codec::QUERYCTRL, &mut described).is_err() {
        return false;
    }
    if described.flags & (ControlDescription::FLAG_DISABLED | ControlDescription::FLAG_READ_ONLY) != 0 {
        return false;
    }
    let value = nearest(value, described.minimum, described.maximum);
    node.try_call(&codec::S_CTRL, &mut Control { id, value }).is_ok()
}

/// The nearest value of a range, also of one that a driver got the wrong way round.
fn nearest(value: i32, minimum: i32, maximum: i32) -> i32 {
    value.min(maximum).max(minimum)
}

/// The controls of the quantiser, of key pictures and of others.
fn quantisers(code: FourCc) -> Option<(u32, u32)> {
    match &code.0 {
        b"FWHT" => Some((control::FWHT_I_FRAME_QP, control::FWHT_P_FRAME_QP)),
        b"H264" => Some((control::H264_I_FRAME_QP, control::H264_P_FRAME_QP)),
        b"HEVC" => Some((control::HEVC_I_FRAME_QP, control::HEVC_P_FRAME_QP)),
        b"VP80" | b"VP90" => Some((control::VPX_I_FRAME_QP, control::VPX_P_FRAME_QP)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_the_nearest() {
        assert_eq!(nearest(i32::MAX, 1, 16), 16);
        assert_eq!(nearest(0, 1, 16), 1);
        assert_eq!(nearest(9, 1, 16), 9);
        assert_eq!(nearest(9, 5, 4), 5);
    }
}
