//! What an integrator may choose about an encoder.

use crate::FourCc;

/// What an integrator may choose about an encoder. The default suits most.
///
/// ```
/// use kvm_capture::FourCc;
/// use kvm_capture::m2m::{EncoderOptions, Rate};
///
/// let options = EncoderOptions::new()
///     .with_coded([FourCc(*b"H264")])
///     .with_rate(Rate::Variable { bits_per_second: 4_000_000 });
/// ```
#[derive(Debug, Clone)]
pub struct EncoderOptions {
    pub(super) coded: Vec<FourCc>,
    pub(super) raw: Option<Vec<FourCc>>,
    pub(super) rate: Option<Rate>,
    pub(super) frames_per_second: u32,
    pub(super) key_distance: Option<u32>,
}

impl EncoderOptions {
    /// H.264 where the device has it, else what it offers first; quality as the driver likes it; key pictures only
    /// when asked for, as far as the driver can; 60 frames a second.
    pub fn new() -> Self {
        Self { coded: Vec::new(), raw: None, rate: None, frames_per_second: 60, key_distance: None }
    }

    /// The coded formats to take, best first, as V4L2 codes. The first one the device offers is used; a device with
    /// none of them is unsuitable.
    #[must_use]
    pub fn with_coded(mut self, codes: impl IntoIterator<Item = FourCc>) -> Self {
        self.coded = codes.into_iter().collect();
        self
    }

    /// The formats of pictures to give the device, best first, as [`PixelFormat`](crate::PixelFormat)s or V4L2 codes,
    /// instead of the frames' own before others. For devices that read some of what they take slowly or wrongly.
    /// Where it takes none of them, frames are [refused](super::M2mError::Format).
    #[must_use]
    pub fn with_raw<F: Into<FourCc>>(mut self, formats: impl IntoIterator<Item = F>) -> Self {
        self.raw = Some(formats.into_iter().map(Into::into).collect());
        self
    }

    /// How many bytes are spent on how much quality.
    #[must_use]
    pub fn with_rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// The rate; `None` where that is left to the driver.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// How many frames a second there are at most.
    pub fn frames_per_second(&self) -> u32 {
        self.frames_per_second
    }

    /// How many frames a second there are at most, by which drivers turn a bit rate into the size of a picture. They
    /// may come slower.
    #[must_use]
    pub fn with_frames_per_second(mut self, frames: u32) -> Self {
        self.frames_per_second = frames.max(1);
        self
    }

    /// A key picture at least every so many pictures, or as many as the driver can.
    #[must_use]
    pub fn with_key_distance(mut self, pictures: u32) -> Self {
        self.key_distance = Some(pictures.max(1));
        self
    }
}

impl Default for EncoderOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// How many bytes are spent on how much quality. What is outside of a driver's range is the nearest it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rate {
    /// As many bits a second, whatever is shown (`V4L2_MPEG_VIDEO_BITRATE_MODE_CBR`).
    Constant {
        /// The bit rate.
        bits_per_second: u32,
    },
    /// As many bits a second on average (`V4L2_MPEG_VIDEO_BITRATE_MODE_VBR`).
    Variable {
        /// The bit rate.
        bits_per_second: u32,
    },
    /// The same quality always, on the codec's own scale: 0 to 51 with H.264, 1 to 31 with FWHT; more is coarser.
    Quantiser {
        /// Of key pictures.
        key: u32,
        /// Of the pictures between them.
        between: u32,
    },
}
