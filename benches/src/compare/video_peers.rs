//! Video codecs set up for screens without latency: x264, OpenH264 and libvpx's VP8, each on one thread.

use kvm_benches::peers::{Coder, Converted, Layout, X264Preset};
use kvm_capture::{Colour, Frame, FrameFormat, Matrix, PixelFormat, Range};
use openh264::OpenH264API;
use openh264::encoder::{
    Complexity, EncoderConfig, FrameRate, IntraFramePeriod, QpRange, RateControlMode, UsageType,
};
use openh264::formats::YUVSlices;

use crate::contender::{Contender, Entrant, Failure};
use crate::library::{Library, pixels};
use crate::viewers::{H264View, PictureView};

pub(crate) fn entrants(format: FrameFormat) -> Result<Vec<Entrant>, Failure> {
    let size = (u16::try_from(format.width_px)?, u16::try_from(format.height_px)?);
    // libyuv makes BT.601 of RGB.
    let colour =
        if format.pixel.is_rgb() { Colour::new(Matrix::Bt601, Range::Limited) } else { format.colour };
    let matrix = if colour.matrix == Matrix::Bt601 { 6 } else { 1 };
    let mut entrants = Vec::new();
    for (name, preset) in
        [("x264 ultrafast CRF 23", X264Preset::Ultrafast), ("x264 superfast CRF 23", X264Preset::Superfast)]
    {
        // x264 takes NV12 as it comes.
        let layout = (format.pixel != PixelFormat::Nv12).then_some(Layout::I420);
        let contender = Library::new(Coder::x264(size, preset, 23, matrix)?, layout);
        entrants.push(Entrant::new(name, format, contender, H264View::new(colour)?));
    }
    // Without the detection of scene changes the library complains in screen mode, and has it nevertheless.
    for (name, usage, detects_scenes) in [
        ("OpenH264 screen QP 24", UsageType::ScreenContentRealTime, true),
        ("OpenH264 camera QP 24", UsageType::CameraVideoRealTime, false),
    ] {
        let contender = OpenH264::new(usage, detects_scenes)?;
        entrants.push(Entrant::new(name, format, contender, H264View::new(colour)?));
    }
    let vp8 = Library::new(Coder::vp8(size, VP8_QUANTISER)?, Some(Layout::I420));
    entrants.push(Entrant::new("libvpx VP8 screen q 20", format, vp8, PictureView::vp8(colour)?));
    Ok(entrants)
}

/// OpenH264, given every frame.
struct OpenH264 {
    encoder: openh264::encoder::Encoder,
    converted: Converted,
    coded: Vec<u8>,
}

impl OpenH264 {
    fn new(usage: UsageType, detects_scenes: bool) -> Result<Self, Failure> {
        let config = EncoderConfig::new()
            .usage_type(usage)
            .complexity(Complexity::Low)
            // The mode that keeps to the one quantiser without a bit rate to miss.
            .rate_control_mode(RateControlMode::Bufferbased)
            .qp(QpRange::new(24, 24))
            .skip_frames(false)
            .scene_change_detect(detects_scenes)
            .adaptive_quantization(false)
            .background_detection(false)
            .intra_frame_period(IntraFramePeriod::auto())
            .max_frame_rate(FrameRate::from_hz(30.0))
            .num_threads(1);
        let encoder = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config)?;
        Ok(Self { encoder, converted: Converted::default(), coded: Vec::new() })
    }
}

impl Contender for OpenH264 {
    fn convert(&mut self, frame: &Frame) -> Result<(), Failure> {
        Ok(self.converted.fill(&pixels(frame)?, Layout::I420)?)
    }

    fn code(&mut self, _: &Frame) -> Result<(), Failure> {
        let ([luma, cb, cr], width, height) = self.converted.i420().ok_or("nothing was converted")?;
        let planes = YUVSlices::new((luma, cb, cr), (width, height), (width, width / 2, width / 2));
        self.coded.clear();
        self.encoder.encode(&planes)?.write_vec(&mut self.coded);
        Ok(())
    }

    fn messages(&self) -> Vec<&[u8]> {
        vec![&self.coded]
    }
}

/// With which luma is as close to the source as with x264 at CRF 23, about.
const VP8_QUANTISER: u8 = 20;
