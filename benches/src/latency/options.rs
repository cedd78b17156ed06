//! What the command line asks for, and the frames it names.

use std::io::{self, Read, StdinLock};

use bytes::Bytes;
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat};

use crate::Failure;

pub(crate) struct Options {
    pub(crate) encoder: String,
    pub(crate) format: FrameFormat,
    pub(crate) hz: u32,
    limit: u64,
    pattern: Option<Pattern>,
}

impl Options {
    pub(crate) const USAGE: &str = "\
usage: latency rects|jpeg uyvy|yuyv|nv12|i420|bgrx WIDTHxHEIGHT [--pattern NAME] [--frames N] [--hz N] <raw frames
  --pattern NAME  frames of a pattern instead of standard input: text, desktop, scroll, drag, noise or film
  --frames N      so many frames at most, 120 unless told otherwise; all of them are read before the clock starts
  --hz N          so many frames a second, 60 unless told otherwise";

    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let encoder = words.next().filter(|word| ["rects", "jpeg"].contains(&word.as_str()));
        let encoder = encoder.ok_or("no encoder")?;
        let (pixel, size) = words.next().zip(words.next()).ok_or("no format")?;
        let format = format(&pixel, &size).ok_or(format!("no format {pixel} {size}"))?;
        let mut options = Self { encoder, format, hz: 60, limit: 120, pattern: None };
        while let Some(word) = words.next() {
            let value = words.next().ok_or(format!("{word} needs a value"))?;
            let number = || value.parse::<u32>().ok().filter(|number| *number > 0);
            match word.as_str() {
                "--pattern" => options.pattern = Some(value.parse().map_err(|_| "no such pattern")?),
                "--frames" => options.limit = number().ok_or("--frames needs a number")?.into(),
                "--hz" => options.hz = number().ok_or("--hz needs a number")?,
                other => return Err(format!("unknown option {other}")),
            }
        }
        Ok(options)
    }

    /// The frames, in order and numbered.
    pub(crate) fn frames(&self) -> Result<Frames, Failure> {
        let origin = match self.pattern {
            Some(pattern) => Origin::Pattern(PatternSource::new(pattern, self.format, 1)?),
            None => Origin::Input(io::stdin().lock()),
        };
        Ok(Frames { origin, format: self.format, number: 0, limit: self.limit })
    }
}

/// Frames that somebody else made, each in memory of its own.
pub(crate) struct Frames {
    origin: Origin,
    format: FrameFormat,
    number: u64,
    limit: u64,
}

enum Origin {
    Pattern(PatternSource),
    Input(StdinLock<'static>),
}

impl Frames {
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Failure> {
        if self.number >= self.limit {
            return Ok(None);
        }
        let frame = match &mut self.origin {
            Origin::Pattern(source) => match source.poll_capture()? {
                Some(Captured::Frame(frame)) => frame,
                other => return Err(format!("a pattern came to {other:?}").into()),
            },
            Origin::Input(input) => {
                let len = self.format.len_bytes();
                let mut bytes = Vec::with_capacity(len);
                if input.take(len as u64).read_to_end(&mut bytes)? == 0 {
                    return Ok(None);
                }
                Frame::packed(self.format, Bytes::from(bytes))?
            }
        };
        let frame = frame.with_sequence(self.number);
        self.number += 1;
        Ok(Some(frame))
    }
}

fn format(pixel: &str, size: &str) -> Option<FrameFormat> {
    let pixel = match pixel {
        "uyvy" => PixelFormat::Uyvy,
        "yuyv" => PixelFormat::Yuyv,
        "nv12" => PixelFormat::Nv12,
        "i420" => PixelFormat::I420,
        "bgrx" => PixelFormat::Bgrx,
        _ => return None,
    };
    let (width, height) = size.split_once('x')?;
    Some(FrameFormat::new(pixel, width.parse().ok()?, height.parse().ok()?))
}
