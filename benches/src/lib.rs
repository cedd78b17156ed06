//! Frames to measure with, the same in every run.

#![deny(unsafe_code)]

#[cfg(feature = "peers")]
pub mod peers;
pub mod quality;

use bytes::Bytes;
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat};

/// The sizes that are measured: 720p, 1080p and 4K.
pub const SIZES: [(&str, u32, u32); 3] = [("720p", 1280, 720), ("1080p", 1920, 1080), ("4k", 3840, 2160)];

/// The formats that are measured: what HDMI bridges, boards and screens deliver.
pub const FORMATS: [PixelFormat; 3] = [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Bgrx];

/// What changes from the first frame of a pair to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Nothing: the same picture in other memory, as two captured buffers are.
    Still,
    /// One character of a console.
    OneGlyph,
    /// A page of text, by one line.
    Scroll,
    /// Every pixel.
    Noise,
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 4] = [Self::Still, Self::OneGlyph, Self::Scroll, Self::Noise];

    /// The change's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Still => "still",
            Self::OneGlyph => "one-glyph",
            Self::Scroll => "scroll",
            Self::Noise => "noise",
        }
    }
}

/// Two frames in memory of their own, of which the second differs from the first by the change.
///
/// # Panics
///
/// The format is compressed or of no size.
pub fn pair(format: FrameFormat, change: Change) -> [Frame; 2] {
    let (pattern, apart) = match change {
        Change::Still => (Pattern::Text, 0),
        // The console gets a character every third frame.
        Change::OneGlyph => (Pattern::Text, 3),
        Change::Scroll => (Pattern::Scroll, 1),
        Change::Noise => (Pattern::Noise, 1),
    };
    let mut source = PatternSource::new(pattern, format, 1).expect("a format with a size");
    let mut next = || match source.poll_capture() {
        Ok(Some(Captured::Frame(frame))) => frame,
        other => unreachable!("a pattern always has a frame, not {other:?}"),
    };
    let first = (0..4).map(|_| next()).last().expect("four frames");
    let second = (0..apart).map(|_| next()).last().unwrap_or_else(|| copied(&first));
    [first, second]
}

/// The bytes of a frame's planes, one after the other.
pub fn bytes_of(frame: &Frame) -> Vec<u8> {
    let image = frame.image().expect("a raw frame");
    image.planes().iter().flat_map(|plane| plane.rows().flatten().copied().collect::<Vec<u8>>()).collect()
}

fn copied(frame: &Frame) -> Frame {
    Frame::packed(frame.format(), Bytes::from(bytes_of(frame))).expect("a frame's own bytes")
}
