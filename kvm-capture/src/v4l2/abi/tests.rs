//! The layouts beside those of the C header.

use std::mem::offset_of;
use std::process::Command;

use super::codec::{
    Control, ControlDescription, ENCODER_CMD, EXPBUF, EncoderCommand, ExportBuffer, G_CTRL, QUERYCTRL,
    S_CTRL, S_PARM, S_SELECTION, Selection, StreamParameters, control,
};
use super::*;

/// What C should say, and what it is here. Field offsets as well as sizes, and every request's number.
fn expectations() -> Vec<(&'static str, usize)> {
    macro_rules! list {
        ($($rust:ident = $c:literal { $($field:ident = $member:literal),* $(,)? })*) => {
            vec![$(
                (concat!("sizeof(struct ", $c, ")"), size_of::<$rust>()),
                $((concat!("offsetof(struct ", $c, ", ", $member, ")"), offset_of!($rust, $field)),)*
            )*]
        };
    }
    let mut all = list! {
        Capability = "v4l2_capability" {
            driver = "driver", card = "card", bus_info = "bus_info", version = "version",
            capabilities = "capabilities", device_caps = "device_caps", reserved = "reserved",
        }
        FormatDescription = "v4l2_fmtdesc" {
            index = "index", kind = "type", flags = "flags", description = "description",
            pixelformat = "pixelformat", reserved = "reserved[0]",
        }
        Format = "v4l2_format" { kind = "type", fmt = "fmt" }
        RequestBuffers = "v4l2_requestbuffers" {
            count = "count", kind = "type", memory = "memory", capabilities = "capabilities",
        }
        Buffer = "v4l2_buffer" {
            index = "index", kind = "type", bytesused = "bytesused", flags = "flags", field = "field",
            timestamp = "timestamp", timecode = "timecode", sequence = "sequence", memory = "memory",
            m = "m", length = "length", reserved2 = "reserved2", request_fd = "reserved2 + 4",
        }
        BufferPlane = "v4l2_plane" {
            bytesused = "bytesused", length = "length", m = "m", data_offset = "data_offset",
            reserved = "reserved",
        }
        Input = "v4l2_input" {
            index = "index", name = "name", kind = "type", audioset = "audioset", tuner = "tuner",
            std = "std", status = "status", capabilities = "capabilities", reserved = "reserved",
        }
        DvTimings = "v4l2_dv_timings" {
            kind = "type", width = "bt.width", height = "bt.height", interlaced = "bt.interlaced",
            polarities = "bt.polarities", pixelclock = "bt.pixelclock", rest = "bt.hfrontporch",
        }
        EventSubscription = "v4l2_event_subscription" {
            kind = "type", id = "id", flags = "flags", reserved = "reserved",
        }
        Event = "v4l2_event" {
            kind = "type", payload = "u", pending = "pending", sequence = "sequence",
            timestamp = "timestamp", id = "id", reserved = "reserved",
        }
        ExportBuffer = "v4l2_exportbuffer" {
            kind = "type", index = "index", plane = "plane", flags = "flags", fd = "fd", reserved = "reserved",
        }
        StreamParameters = "v4l2_streamparm" { kind = "type", parm = "parm" }
        Control = "v4l2_control" { id = "id", value = "value" }
        ControlDescription = "v4l2_queryctrl" {
            id = "id", kind = "type", name = "name", minimum = "minimum", maximum = "maximum", step = "step",
            default_value = "default_value", flags = "flags", reserved = "reserved",
        }
        EncoderCommand = "v4l2_encoder_cmd" { cmd = "cmd", flags = "flags", raw = "raw" }
        Selection = "v4l2_selection" {
            kind = "type", target = "target", flags = "flags", left = "r.left", top = "r.top", width = "r.width",
            height = "r.height", reserved = "reserved",
        }
    };
    // C has no name for what follows `reserved2`, because it is an unnamed union.
    all.retain(|(name, _)| !name.contains(" + "));
    all.extend(crate::v4l2::format::offsets());
    macro_rules! requests {
        ($($request:ident)*) => { [$((concat!("VIDIOC_", stringify!($request)), $request.opcode() as usize)),*] };
    }
    all.extend(requests! {
        QUERYCAP ENUM_FMT G_FMT S_FMT REQBUFS QUERYBUF QBUF DQBUF STREAMON STREAMOFF ENUMINPUT G_INPUT
        S_DV_TIMINGS DQEVENT SUBSCRIBE_EVENT QUERY_DV_TIMINGS EXPBUF S_PARM G_CTRL S_CTRL QUERYCTRL ENCODER_CMD
        S_SELECTION
    });
    macro_rules! values {
        ($($c:literal = $value:expr),* $(,)?) => { [$(($c, $value as usize)),*] };
    }
    all.extend(values! {
        "V4L2_BUF_TYPE_VIDEO_CAPTURE" = BufferType::Single.code(),
        "V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE" = BufferType::Multi.code(),
        "V4L2_BUF_TYPE_VIDEO_OUTPUT" = BufferType::SingleOut.code(),
        "V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE" = BufferType::MultiOut.code(),
        "V4L2_MEMORY_MMAP" = MEMORY_MMAP,
        "V4L2_MEMORY_DMABUF" = MEMORY_DMABUF,
        "VIDEO_MAX_PLANES" = MAX_PLANES,
        "V4L2_CAP_VIDEO_CAPTURE" = Capability::VIDEO_CAPTURE,
        "V4L2_CAP_VIDEO_CAPTURE_MPLANE" = Capability::VIDEO_CAPTURE_MPLANE,
        "V4L2_CAP_STREAMING" = Capability::STREAMING,
        "V4L2_CAP_DEVICE_CAPS" = Capability::DEVICE_CAPS,
        "V4L2_CAP_VIDEO_M2M" = Capability::VIDEO_M2M,
        "V4L2_CAP_VIDEO_M2M_MPLANE" = Capability::VIDEO_M2M_MPLANE,
        "V4L2_FMT_FLAG_COMPRESSED" = FormatDescription::FLAG_COMPRESSED,
        "V4L2_FIELD_NONE" = Buffer::FIELD_NONE,
        "V4L2_BUF_FLAG_KEYFRAME" = Buffer::FLAG_KEYFRAME,
        "V4L2_BUF_FLAG_LAST" = Buffer::FLAG_LAST,
        "V4L2_BUF_FLAG_ERROR" = Buffer::FLAG_ERROR,
        "V4L2_BUF_FLAG_TIMESTAMP_MASK" = Buffer::FLAG_TIMESTAMP_MASK,
        "V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC" = Buffer::FLAG_TIMESTAMP_MONOTONIC,
        "V4L2_IN_ST_NO_POWER | V4L2_IN_ST_NO_SIGNAL" = Input::NOTHING_THERE,
        "V4L2_IN_ST_NO_H_LOCK | V4L2_IN_ST_NO_V_LOCK | V4L2_IN_ST_NO_STD_LOCK | V4L2_IN_ST_NO_SYNC \
         | V4L2_IN_ST_NO_EQU | V4L2_IN_ST_NO_CARRIER" = Input::NOT_LOCKED,
        "V4L2_EVENT_SOURCE_CHANGE" = EVENT_SOURCE_CHANGE,
    });
    all.extend(codec_values());
    all
}

/// The numbers that only codecs need.
fn codec_values() -> Vec<(&'static str, usize)> {
    macro_rules! values {
        ($($c:literal = $value:expr),* $(,)?) => { vec![$(($c, $value as usize)),*] };
    }
    values! {
        "offsetof(struct v4l2_streamparm, parm.output.timeperframe.numerator)"
            = offset_of!(StreamParameters, parm) + 4 * StreamParameters::NUMERATOR,
        "offsetof(struct v4l2_streamparm, parm.output.timeperframe.denominator)"
            = offset_of!(StreamParameters, parm) + 4 * StreamParameters::DENOMINATOR,
        "V4L2_ENC_CMD_STOP" = EncoderCommand::STOP.cmd,
        "V4L2_SEL_TGT_CROP" = Selection::CROP,
        "V4L2_CTRL_FLAG_DISABLED" = ControlDescription::FLAG_DISABLED,
        "V4L2_CTRL_FLAG_READ_ONLY" = ControlDescription::FLAG_READ_ONLY,
        "V4L2_CID_MIN_BUFFERS_FOR_OUTPUT" = control::MIN_BUFFERS_FOR_OUTPUT,
        "V4L2_CID_MPEG_VIDEO_B_FRAMES" = control::B_FRAMES,
        "V4L2_CID_MPEG_VIDEO_GOP_SIZE" = control::GOP_SIZE,
        "V4L2_CID_MPEG_VIDEO_BITRATE_MODE" = control::BITRATE_MODE,
        "V4L2_CID_MPEG_VIDEO_BITRATE" = control::BITRATE,
        "V4L2_CID_MPEG_VIDEO_BITRATE_PEAK" = control::BITRATE_PEAK,
        "V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE" = control::FRAME_RC_ENABLE,
        "V4L2_CID_MPEG_VIDEO_HEADER_MODE" = control::HEADER_MODE,
        "V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER" = control::REPEAT_SEQ_HEADER,
        "V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME" = control::FORCE_KEY_FRAME,
        "V4L2_CID_FWHT_I_FRAME_QP" = control::FWHT_I_FRAME_QP,
        "V4L2_CID_FWHT_P_FRAME_QP" = control::FWHT_P_FRAME_QP,
        "V4L2_CID_MPEG_VIDEO_H264_I_FRAME_QP" = control::H264_I_FRAME_QP,
        "V4L2_CID_MPEG_VIDEO_H264_P_FRAME_QP" = control::H264_P_FRAME_QP,
        "V4L2_CID_MPEG_VIDEO_H264_I_PERIOD" = control::H264_I_PERIOD,
        "V4L2_CID_MPEG_VIDEO_VPX_I_FRAME_QP" = control::VPX_I_FRAME_QP,
        "V4L2_CID_MPEG_VIDEO_VPX_P_FRAME_QP" = control::VPX_P_FRAME_QP,
        "V4L2_CID_MPEG_VIDEO_HEVC_I_FRAME_QP" = control::HEVC_I_FRAME_QP,
        "V4L2_CID_MPEG_VIDEO_HEVC_P_FRAME_QP" = control::HEVC_P_FRAME_QP,
        "V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR" = control::PREPEND_SPSPPS_TO_IDR,
        "V4L2_MPEG_VIDEO_BITRATE_MODE_VBR" = control::VARIABLE_BITRATE,
        "V4L2_MPEG_VIDEO_BITRATE_MODE_CBR" = control::CONSTANT_BITRATE,
        "V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME" = control::HEADER_WITH_FIRST_PICTURE,
    }
}

#[test]
fn the_c_header_agrees() {
    let folder = std::env::temp_dir().join(format!("kvm-capture-abi-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("probe.c"), folder.join("probe"));
    let expectations = expectations();
    let lines: String = expectations
        .iter()
        .map(|(expression, _)| format!("    printf(\"%lu\\n\", (unsigned long)({expression}));\n"))
        .collect();
    let code = format!(
        "#include <stddef.h>\n#include <stdio.h>\n#include <linux/videodev2.h>\n\
         int main(void) {{\n{lines}    return 0;\n}}\n"
    );
    std::fs::write(&source, code).unwrap();
    let header = std::path::Path::new("/usr/include/linux/videodev2.h");
    let compiled = header.exists().then(|| Command::new("cc").arg(&source).arg("-o").arg(&program).output());
    let Some(Ok(compiled)) = compiled else {
        println!("SKIPPED: no C compiler or no linux/videodev2.h to compare with");
        return;
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let said = Command::new(&program).output().unwrap().stdout;
    std::fs::remove_dir_all(&folder).unwrap();
    let said: Vec<usize> =
        String::from_utf8(said).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(said.len(), expectations.len());
    for ((expression, here), c) in expectations.into_iter().zip(said) {
        assert_eq!(here, c, "{expression}");
    }
}

/// The numbers as `strace` prints them on any 64-bit machine, for where there is no header.
#[test]
#[cfg(all(target_pointer_width = "64", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn requests_have_their_known_numbers() {
    assert_eq!(QUERYCAP.opcode(), 0x8068_5600);
    assert_eq!(S_FMT.opcode(), 0xc0d0_5605);
    assert_eq!(DQBUF.opcode(), 0xc058_5611);
    assert_eq!(STREAMON.opcode(), 0x4004_5612);
    assert_eq!(S_DV_TIMINGS.opcode(), 0xc084_5657);
    assert_eq!(DQEVENT.opcode(), 0x8088_5659);
    assert_eq!(QUERY_DV_TIMINGS.opcode(), 0x8084_5663);
}
