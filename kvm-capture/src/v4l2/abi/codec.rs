//! The structs and requests of `linux/videodev2.h` that codecs need, and the numbers of their controls.
//!
//! Sources: "Linux Media Subsystem Documentation", "Memory-to-Memory Stateful Video Encoder Interface" and "Codec
//! Control Reference", and the headers `videodev2.h` and `v4l2-controls.h`.

use std::mem::size_of;

use super::{BufferType, Request};

/// Not called with anything but what `kernel::export` makes, because the answer owns a descriptor.
pub(in crate::v4l2) const EXPBUF: Request<ExportBuffer> = Request::read_write("VIDIOC_EXPBUF", 16);
pub(in crate::v4l2) const S_PARM: Request<StreamParameters> = Request::read_write("VIDIOC_S_PARM", 22);
pub(in crate::v4l2) const G_CTRL: Request<Control> = Request::read_write("VIDIOC_G_CTRL", 27);
pub(in crate::v4l2) const S_CTRL: Request<Control> = Request::read_write("VIDIOC_S_CTRL", 28);
pub(in crate::v4l2) const QUERYCTRL: Request<ControlDescription> =
    Request::read_write("VIDIOC_QUERYCTRL", 36);
pub(in crate::v4l2) const ENCODER_CMD: Request<EncoderCommand> =
    Request::read_write("VIDIOC_ENCODER_CMD", 77);
pub(in crate::v4l2) const S_SELECTION: Request<Selection> = Request::read_write("VIDIOC_S_SELECTION", 95);

/// `struct v4l2_exportbuffer`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(in crate::v4l2) struct ExportBuffer {
    pub(in crate::v4l2) kind: u32,
    pub(in crate::v4l2) index: u32,
    pub(in crate::v4l2) plane: u32,
    /// `O_CLOEXEC` and an access mode.
    pub(in crate::v4l2) flags: u32,
    pub(in crate::v4l2) fd: i32,
    pub(super) reserved: [u32; 11],
}

impl ExportBuffer {
    pub(in crate::v4l2) fn asking(kind: BufferType, index: u32, plane: u32, flags: u32) -> Self {
        Self { kind: kind.code(), index, plane, flags, fd: -1, reserved: [0; 11] }
    }
}

/// `struct v4l2_streamparm`, its union as words.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(in crate::v4l2) struct StreamParameters {
    pub(super) kind: u32,
    pub(super) parm: [u32; 50],
}

impl StreamParameters {
    /// So many frames a second, in what the application gives the driver: `parm.output.timeperframe`.
    pub(in crate::v4l2) fn output_rate(kind: BufferType, frames_per_second: u32) -> Self {
        let mut parm = [0; 50];
        parm[Self::NUMERATOR] = 1;
        parm[Self::DENOMINATOR] = frames_per_second;
        Self { kind: kind.code(), parm }
    }

    pub(super) const NUMERATOR: usize = 2;
    pub(super) const DENOMINATOR: usize = 3;
}

/// `struct v4l2_control`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(in crate::v4l2) struct Control {
    pub(in crate::v4l2) id: u32,
    pub(in crate::v4l2) value: i32,
}

/// `struct v4l2_queryctrl`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(in crate::v4l2) struct ControlDescription {
    pub(in crate::v4l2) id: u32,
    pub(super) kind: u32,
    pub(super) name: [u8; 32],
    pub(in crate::v4l2) minimum: i32,
    pub(in crate::v4l2) maximum: i32,
    pub(super) step: i32,
    pub(super) default_value: i32,
    pub(in crate::v4l2) flags: u32,
    pub(super) reserved: [u32; 2],
}

impl ControlDescription {
    pub(in crate::v4l2) const FLAG_DISABLED: u32 = 0x1;
    pub(in crate::v4l2) const FLAG_READ_ONLY: u32 = 0x4;

    pub(in crate::v4l2) fn of(id: u32) -> Self {
        Self { id, ..Self::default() }
    }
}

/// `struct v4l2_encoder_cmd`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(in crate::v4l2) struct EncoderCommand {
    pub(super) cmd: u32,
    pub(super) flags: u32,
    pub(super) raw: [u32; 8],
}

impl EncoderCommand {
    /// `V4L2_ENC_CMD_STOP`.
    pub(in crate::v4l2) const STOP: Self = Self { cmd: 1, flags: 0, raw: [0; 8] };
}

/// `struct v4l2_selection`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(in crate::v4l2) struct Selection {
    pub(super) kind: u32,
    pub(super) target: u32,
    pub(super) flags: u32,
    pub(super) left: i32,
    pub(super) top: i32,
    pub(in crate::v4l2) width: u32,
    pub(in crate::v4l2) height: u32,
    pub(super) reserved: [u32; 9],
}

impl Selection {
    /// `V4L2_SEL_TGT_CROP`.
    pub(super) const CROP: u32 = 0;

    /// The part of the pictures given to a codec that is to be coded. The buffer type is the single-planar one
    /// also for multi-planar devices.
    pub(in crate::v4l2) fn visible(width: u32, height: u32) -> Self {
        Self { kind: BufferType::SingleOut.code(), target: Self::CROP, width, height, ..Self::default() }
    }
}

/// Controls, as `v4l2-controls.h` numbers them.
pub(in crate::v4l2) mod control {
    const CODEC: u32 = 0x0099_0900;

    pub(in crate::v4l2) const MIN_BUFFERS_FOR_OUTPUT: u32 = 0x0098_0900 + 40;
    pub(in crate::v4l2) const B_FRAMES: u32 = CODEC + 202;
    pub(in crate::v4l2) const GOP_SIZE: u32 = CODEC + 203;
    pub(in crate::v4l2) const BITRATE_MODE: u32 = CODEC + 206;
    pub(in crate::v4l2) const BITRATE: u32 = CODEC + 207;
    pub(in crate::v4l2) const BITRATE_PEAK: u32 = CODEC + 208;
    pub(in crate::v4l2) const FRAME_RC_ENABLE: u32 = CODEC + 215;
    pub(in crate::v4l2) const HEADER_MODE: u32 = CODEC + 216;
    pub(in crate::v4l2) const REPEAT_SEQ_HEADER: u32 = CODEC + 226;
    pub(in crate::v4l2) const FORCE_KEY_FRAME: u32 = CODEC + 229;
    pub(in crate::v4l2) const FWHT_I_FRAME_QP: u32 = CODEC + 290;
    pub(in crate::v4l2) const FWHT_P_FRAME_QP: u32 = CODEC + 291;
    pub(in crate::v4l2) const H264_I_FRAME_QP: u32 = CODEC + 350;
    pub(in crate::v4l2) const H264_P_FRAME_QP: u32 = CODEC + 351;
    pub(in crate::v4l2) const H264_I_PERIOD: u32 = CODEC + 358;
    pub(in crate::v4l2) const VPX_I_FRAME_QP: u32 = CODEC + 509;
    pub(in crate::v4l2) const VPX_P_FRAME_QP: u32 = CODEC + 510;
    pub(in crate::v4l2) const HEVC_I_FRAME_QP: u32 = CODEC + 602;
    pub(in crate::v4l2) const HEVC_P_FRAME_QP: u32 = CODEC + 603;
    pub(in crate::v4l2) const PREPEND_SPSPPS_TO_IDR: u32 = CODEC + 644;

    /// `V4L2_MPEG_VIDEO_BITRATE_MODE_VBR` and `_CBR`.
    pub(in crate::v4l2) const VARIABLE_BITRATE: i32 = 0;
    pub(in crate::v4l2) const CONSTANT_BITRATE: i32 = 1;
    /// `V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME`.
    pub(in crate::v4l2) const HEADER_WITH_FIRST_PICTURE: i32 = 1;
}

// The sizes the kernel checks requests by.
const _: () = {
    assert!(size_of::<ExportBuffer>() == 64);
    assert!(size_of::<StreamParameters>() == 204);
    assert!(size_of::<Control>() == 8);
    assert!(size_of::<ControlDescription>() == 68);
    assert!(size_of::<EncoderCommand>() == 40);
    assert!(size_of::<Selection>() == 64);
};
