//! What an encoder of H.264 makes of frames, with the pictures that it says decoders show.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "all of it is test code")]

use kvm_capture::convert::Converter;
use kvm_capture::{Colour, Frame, FrameFormat, ImageView, PixelFormat};
use kvm_stream::{Damage, Encoder, H264Encoder, Packet};

use crate::h264_judges::by_ffmpeg;

/// A picture of 4:2:0 as a decoder shows it: three planes without padding.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) size: (u32, u32),
    pub(crate) planes: Vec<u8>,
}

impl Shown {
    /// The bytes of a picture.
    pub(crate) fn len((width, height): (u32, u32)) -> usize {
        FrameFormat::new(PixelFormat::I420, width, height).len_bytes()
    }

    pub(crate) fn of(image: &ImageView<'_>) -> Self {
        let format = image.format();
        assert_eq!(format.pixel, PixelFormat::I420);
        let planes = image.planes().iter().flat_map(|plane| plane.rows()).flatten().copied().collect();
        Self { size: (format.width_px, format.height_px), planes }
    }

    /// A frame as an encoder of 4:2:0 should see it.
    pub(crate) fn of_frame(frame: &Frame) -> Self {
        let (width, height) = (frame.format().width_px, frame.format().height_px);
        let target = FrameFormat::new(PixelFormat::I420, width, height).with_colour(Colour::VIDEO);
        let mut planes = Vec::new();
        Converter::new().convert(&frame.image().unwrap(), target, &mut planes);
        Self { size: (width, height), planes }
    }

    /// One row of luma.
    fn luma_row(&self, row: usize) -> &[u8] {
        let width = self.size.0 as usize;
        &self.planes[row * width..][..width]
    }

    /// Luma against a source that may be a column or a row larger, in decibels.
    pub(crate) fn psnr(&self, source: &Self) -> f64 {
        let (width, height) = self.size;
        let mut squares = 0.0;
        for row in 0..height as usize {
            let pairs = self.luma_row(row).iter().zip(source.luma_row(row));
            squares += pairs.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>();
        }
        10.0 * (255.0_f64.powi(2) * f64::from(width * height) / squares).log10()
    }

    /// Where two pictures differ first, in words.
    fn difference(&self, other: &Self) -> Option<String> {
        if self.size != other.size {
            return Some(format!("{:?} against {:?}", self.size, other.size));
        }
        let at = self.planes.iter().zip(&other.planes).position(|(a, b)| a != b)?;
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let (plane, at, columns, macroblock) = if at < width * height {
            ("luma", at, width, 16)
        } else {
            let chroma = at - width * height;
            let len = width.div_ceil(2) * height.div_ceil(2);
            (if chroma < len { "Cb" } else { "Cr" }, chroma % len, width.div_ceil(2), 8)
        };
        let (x, y) = (at % columns, at / columns);
        Some(format!("{plane} at {x}, {y}, in macroblock {}, {}", x / macroblock, y / macroblock))
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a picture of {:?}", self.size)
    }
}

/// What an encoder pushed, and the pictures that it says decoders show after each packet.
#[derive(Debug, Default)]
pub(crate) struct Take {
    pub(crate) packets: Vec<Packet>,
    pub(crate) shown: Vec<Shown>,
}

impl Take {
    /// Encodes a frame, and goes on with it as long as there is a backlog, so many times at most.
    pub(crate) fn encode(
        &mut self,
        encoder: &mut H264Encoder,
        frame: &Frame,
        damage: &Damage,
        refine: usize,
    ) {
        self.with(encoder, |encoder, out| encoder.encode(frame, damage, out).unwrap());
        for _ in 0..refine {
            if !encoder.has_backlog() {
                break;
            }
            self.with(encoder, |encoder, out| encoder.encode(frame, &Damage::NONE, out).unwrap());
        }
    }

    /// Lets the encoder make at most one packet.
    pub(crate) fn with(
        &mut self,
        encoder: &mut H264Encoder,
        make: impl FnOnce(&mut H264Encoder, &mut Vec<Packet>),
    ) {
        let mut out = Vec::new();
        make(encoder, &mut out);
        assert!(out.len() <= 1, "one frame, {} packets", out.len());
        let Some(packet) = out.pop() else { return };
        let shown = Shown::of(&encoder.reconstruction().expect("a packet was made of a picture"));
        assert_eq!(shown.size, (packet.width_px, packet.height_px));
        self.packets.push(packet);
        self.shown.push(shown);
    }

    /// The packets one after the other.
    pub(crate) fn stream(&self) -> Vec<u8> {
        self.packets.iter().flat_map(|packet| packet.payload.to_vec()).collect()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.packets.iter().map(|packet| packet.payload.len()).sum()
    }

    /// Holds what the decoders show against what the encoder says they do, picture by picture.
    pub(crate) fn judged(&self) -> Result<(), String> {
        self.judged_by_openh264()?;
        judged_by_ffmpeg(&[self])
    }

    #[cfg(feature = "openh264")]
    pub(crate) fn judged_by_openh264(&self) -> Result<(), String> {
        let shown = crate::h264_judges::by_openh264(self.packets.iter().map(|packet| &*packet.payload))?;
        compare("OpenH264", self.shown.iter(), &shown)
    }

    /// Without that decoder there is nothing to hold against.
    #[cfg(not(feature = "openh264"))]
    pub(crate) fn judged_by_openh264(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Has ffmpeg decode the streams of several encoders, all of one size, one behind the other.
pub(crate) fn judged_by_ffmpeg(takes: &[&Take]) -> Result<(), String> {
    let mut stream = Vec::new();
    for take in takes {
        stream.extend(take.stream());
        // End of sequence (ITU-T H.264, 7.3.2.5): what follows starts anew.
        stream.extend([0, 0, 1, 10]);
    }
    let Some(size) = takes.iter().find_map(|take| take.shown.first()).map(|shown| shown.size) else {
        return Ok(());
    };
    compare("ffmpeg", takes.iter().flat_map(|take| &take.shown), &by_ffmpeg(&stream, size)?)
}

fn compare<'a>(judge: &str, said: impl Iterator<Item = &'a Shown>, seen: &[Shown]) -> Result<(), String> {
    let said: Vec<&Shown> = said.collect();
    if said.len() != seen.len() {
        return Err(format!("{judge} decodes {} pictures of {}", seen.len(), said.len()));
    }
    for (number, (said, seen)) in said.iter().zip(seen).enumerate() {
        if let Some(difference) = said.difference(seen) {
            return Err(format!("{judge} shows something else in picture {number}: {difference}"));
        }
    }
    Ok(())
}
