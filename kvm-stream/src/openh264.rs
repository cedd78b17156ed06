//! H.264 through Cisco's OpenH264 library.

use std::fmt;

use ::openh264::OpenH264API;
use ::openh264::encoder::{
    Complexity, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, QpRange, RateControlMode,
    SpsPpsStrategy, UsageType, VuiConfig,
};
use ::openh264::formats::YUVSlices;
use kvm_capture::convert::Converter;
use kvm_capture::{Colour, Frame, FrameFormat, PixelFormat};

use crate::{Codec, Damage, EncodeError, Encoder, Packet, PacketSink};

/// Encodes raw frames as H.264 with Cisco's OpenH264, built from source with this crate: a C++ compiler is needed.
///
/// Tuned for screens: every picture at one quantiser, so that text is as sharp after a scroll as it was before,
/// and in the library's camera mode, which takes a half to a quarter of the time of its screen mode for
/// a tenth more bytes. One thread. A key picture comes first, when asked for, and when the size changes; there are none in between,
/// since nobody who has them all needs them.
///
/// A frame with empty damage is not encoded, unless a key picture was asked for.
///
/// Pictures are 4:2:0, Rec. 709 with limited range, and say so (ITU-T H.264, annex E). Of a frame with an odd
/// width or height the last column or row is left out, because a picture of 4:2:0 has none.
///
/// Patents: Cisco pays the royalties for the library that *Cisco* builds and distributes, not for one built from
/// source. Whoever ships this feature decides what that means for them.
pub struct OpenH264Encoder {
    quantiser: u8,
    session: Option<Session>,
    wants_keyframe: bool,
    converter: Converter,
    planes: Vec<u8>,
}

impl OpenH264Encoder {
    /// The quantiser that keeps text sharp: above 45 dB on console and desktop pictures.
    pub const DEFAULT_QUANTISER: u8 = 24;

    /// Creates an encoder with a quantiser of ITU-T H.264: six steps more halve the bytes, roughly. The library
    /// takes 12 to 51; what is beyond is the nearest of them.
    pub fn new(quantiser: u8) -> Self {
        Self {
            quantiser: quantiser.clamp(12, 51),
            session: None,
            wants_keyframe: false,
            converter: Converter::new(),
            planes: Vec::new(),
        }
    }

    fn encode_picture(&mut self, frame: &Frame) -> Result<Option<Packet>, EncodeError> {
        let unsupported = || EncodeError::Unsupported { encoder: NAME, format: frame.format() };
        let image = frame.image().ok_or_else(unsupported)?;
        let format = frame.format();
        let (width_px, height_px) = (format.width_px & !1, format.height_px & !1);
        if width_px.min(height_px) < MIN_SIDE_PX
            || width_px.max(height_px) > MAX_SIDES_PX.0
            || width_px.min(height_px) > MAX_SIDES_PX.1
        {
            return Err(unsupported());
        }
        let session = match &mut self.session {
            Some(session) if (session.width_px, session.height_px) == (width_px, height_px) => session,
            session => session.insert(Session::new(width_px, height_px, self.quantiser)?),
        };
        if std::mem::take(&mut self.wants_keyframe) && session.is_started {
            session.encoder.force_intra_frame();
        }
        let target =
            FrameFormat::new(PixelFormat::I420, format.width_px, format.height_px).with_colour(Colour::VIDEO);
        self.converter.convert(&image, target, &mut self.planes);
        let planes = planes_of(target, &self.planes, width_px, height_px);
        let stream = session.encoder.encode(&planes).map_err(codec_error)?;
        session.is_started = true;
        let is_keyframe = match stream.frame_type() {
            FrameType::IDR => true,
            FrameType::P | FrameType::I => false,
            FrameType::Skip => return Ok(None),
            FrameType::Invalid | FrameType::IPMixed => {
                return Err(EncodeError::Codec { encoder: NAME, reason: "it made no picture".into() });
            }
        };
        let mut packet = Packet::of(frame, Codec::H264, stream.to_vec().into(), is_keyframe);
        (packet.width_px, packet.height_px) = (width_px, height_px);
        Ok(Some(packet))
    }
}

impl Default for OpenH264Encoder {
    fn default() -> Self {
        Self::new(Self::DEFAULT_QUANTISER)
    }
}

impl Encoder for OpenH264Encoder {
    fn encode(
        &mut self,
        frame: &Frame,
        damage: &Damage,
        out: &mut dyn PacketSink,
    ) -> Result<(), EncodeError> {
        if damage.is_empty() && !self.wants_keyframe && self.session.is_some() {
            return Ok(());
        }
        match self.encode_picture(frame) {
            Ok(Some(packet)) => Ok(out.push(packet)?),
            Ok(None) => Ok(()),
            Err(error) => {
                // The library's reference picture is unknown now: the next picture starts anew.
                self.session = None;
                Err(error)
            }
        }
    }

    fn request_keyframe(&mut self) {
        self.wants_keyframe = true;
    }
}

impl fmt::Debug for OpenH264Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenH264Encoder")
            .field("quantiser", &self.quantiser)
            .field("size", &self.session.as_ref().map(|session| (session.width_px, session.height_px)))
            .field("wants_keyframe", &self.wants_keyframe)
            .finish_non_exhaustive()
    }
}

/// The library's encoder for pictures of one size.
struct Session {
    encoder: ::openh264::encoder::Encoder,
    width_px: u32,
    height_px: u32,
    // The library sets itself up with the first picture, which is a key picture anyway.
    is_started: bool,
}

impl Session {
    fn new(width_px: u32, height_px: u32, quantiser: u8) -> Result<Self, EncodeError> {
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .complexity(Complexity::Low)
            // With rate control off, the library uses a quantiser of its own. This mode keeps to the range it is
            // given, which has one quantiser; the others do too and print that they cannot keep to a bit rate.
            .rate_control_mode(RateControlMode::Bufferbased)
            .qp(QpRange::new(quantiser, quantiser))
            .skip_frames(false)
            .scene_change_detect(false)
            .adaptive_quantization(false)
            .background_detection(false)
            .intra_frame_period(IntraFramePeriod::auto())
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .max_frame_rate(FrameRate::from_hz(60.0))
            .num_threads(1)
            .vui(VuiConfig::bt709());
        let encoder = ::openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(codec_error)?;
        Ok(Self { encoder, width_px, height_px, is_started: false })
    }
}

/// The planes of a converted picture, without an odd last column and row.
fn planes_of(converted: FrameFormat, bytes: &[u8], width_px: u32, height_px: u32) -> YUVSlices<'_> {
    let (width, height) = (width_px as usize, height_px as usize);
    let mut rest = bytes;
    let mut planes = [&[][..]; 3];
    let mut strides = [0; 3];
    let sizes = converted.pixel.planes(converted.width_px, converted.height_px);
    for (index, size) in sizes.enumerate() {
        let (plane, after) = rest.split_at(size.row_bytes * size.rows);
        let rows = if index == 0 { height } else { height / 2 };
        planes[index] = &plane[..size.row_bytes * rows];
        strides[index] = size.row_bytes;
        rest = after;
    }
    YUVSlices::new(planes.into(), (width, height), strides.into())
}

fn codec_error(error: ::openh264::Error) -> EncodeError {
    EncodeError::Codec { encoder: NAME, reason: error.to_string() }
}

const NAME: &str = "OpenH264";
/// A macroblock: smaller pictures are refused by the library.
const MIN_SIDE_PX: u32 = 16;
/// The longer and the shorter side that the library takes.
const MAX_SIDES_PX: (u32, u32) = (3840, 2160);
