//! The headers of YUV4MPEG2 files.
//!
//! Source: yuv4mpeg(5) of mjpegtools, and for the chroma words ffmpeg's `-strict` default, which writes the
//! 8-bit ones understood here. A file is one line of parameters, then for each frame a line that begins with
//! `FRAME` and the planes without padding, odd sizes rounded up.

use crate::{FrameFormat, PixelFormat, Range};

use crate::replay::FrameRate;

/// What the first line of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// What frames become.
    pub(crate) format: FrameFormat,
    pub(crate) rate: FrameRate,
    pub(crate) chroma: Chroma,
}

/// How the file's planes become those of a [`PixelFormat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chroma {
    /// As they are.
    Kept,
    /// A plane of Cb and one of Cr become pairs, as this crate has no word for three full-height planes.
    Paired,
}

/// What is wrong with a line, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) reason: &'static str,
}

/// The longest line taken. Far beyond what programs write, and small enough not to be an attack.
pub(crate) const MAX_LINE: usize = 1024;

/// Reads the first line, without its line feed.
pub(crate) fn header(line: &[u8]) -> Result<Header, Fault> {
    let mut at = MAGIC.len();
    let Some(parameters) = line.strip_prefix(MAGIC) else {
        return Err(Fault { at: 0, reason: "a YUV4MPEG2 file begins with its name" });
    };
    if !matches!(parameters.first(), None | Some(b' ')) {
        return Err(Fault { at, reason: "a YUV4MPEG2 file begins with its name and a space" });
    }
    let (mut width, mut height) = (None, None);
    let mut rate = FrameRate::DEFAULT;
    let (mut pixel, mut chroma) = (PixelFormat::I420, Chroma::Kept);
    let mut range = None;
    for word in parameters.split(|&byte| byte == b' ') {
        let fault = |reason| Fault { at, reason };
        match word.split_first() {
            // `split` begins with what is before the first space.
            None => {}
            Some((b'W', value)) => width = Some(number(value).ok_or(fault("the width is no number"))?),
            Some((b'H', value)) => height = Some(number(value).ok_or(fault("the height is no number"))?),
            Some((b'F', value)) => {
                rate = frame_rate(value).ok_or(fault("the frame rate is no ratio of two numbers"))?;
            }
            Some((b'C', value)) => {
                let known = chroma_word(value);
                (pixel, chroma) = known.ok_or(fault("the chroma format is none that is known here"))?;
            }
            Some((b'X', b"COLORRANGE=FULL")) => range = Some(Range::Full),
            Some((b'X', b"COLORRANGE=LIMITED")) => range = Some(Range::Limited),
            // Interlacing (lines are woven either way), aspect ratio, comments, and what is to come.
            Some(_) => {}
        }
        at += word.len() + 1;
    }
    let missing = |what| Fault { at: line.len(), reason: what };
    let width = width.ok_or(missing("the width is missing"))?;
    let height = height.ok_or(missing("the height is missing"))?;
    let sides = 1..=FrameFormat::MAX_SIDE_PX;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(missing("no picture has this width and height"));
    }
    let mut format = FrameFormat::new(pixel, width, height);
    if let Some(range) = range {
        format.colour.range = range;
    }
    Ok(Header { format, rate, chroma })
}

/// Reads the line before a frame, without its line feed.
pub(crate) fn frame(line: &[u8]) -> Result<(), Fault> {
    match line.strip_prefix(b"FRAME") {
        Some([] | [b' ', ..]) => Ok(()),
        _ => Err(Fault { at: 0, reason: "here a line with FRAME should stand" }),
    }
}

/// Copies planes of Y, Cb and Cr into a plane of Y and one of pairs.
pub(crate) fn pair_chroma(planes: &[u8], luma_len: usize) -> Vec<u8> {
    let mut paired = Vec::with_capacity(planes.len());
    let (luma, chroma) = planes.split_at(luma_len);
    let (cb, cr) = chroma.split_at(chroma.len() / 2);
    paired.extend_from_slice(luma);
    paired.extend(cb.iter().zip(cr).flat_map(|(&cb, &cr)| [cb, cr]));
    paired
}

fn chroma_word(word: &[u8]) -> Option<(PixelFormat, Chroma)> {
    Some(match word {
        // They differ in where the chroma samples lie, which no format here tells apart.
        b"420" | b"420jpeg" | b"420mpeg2" | b"420paldv" => (PixelFormat::I420, Chroma::Kept),
        b"422" => (PixelFormat::Nv16, Chroma::Paired),
        b"444" => (PixelFormat::Nv24, Chroma::Paired),
        b"mono" => (PixelFormat::Grey, Chroma::Kept),
        _ => return None,
    })
}

fn frame_rate(value: &[u8]) -> Option<FrameRate> {
    let colon = value.iter().position(|&byte| byte == b':')?;
    let (frames, seconds) = (number(&value[..colon])?, number(&value[colon + 1..])?);
    // 0:0 stands for unknown.
    if (frames, seconds) == (0, 0) { Some(FrameRate::DEFAULT) } else { FrameRate::new(frames, seconds) }
}

fn number(digits: &[u8]) -> Option<u32> {
    // `parse` would take a sign.
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

const MAGIC: &[u8] = b"YUV4MPEG2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_programs_write_them() {
        let ffmpeg = b"YUV4MPEG2 W1280 H720 F25:1 Ip A1:1 C420jpeg XYSCSS=420JPEG XCOLORRANGE=FULL";
        let header = header(ffmpeg).unwrap();
        assert_eq!(header.format.pixel, PixelFormat::I420);
        assert_eq!((header.format.width_px, header.format.height_px), (1280, 720));
        assert_eq!(header.format.colour.range, Range::Full);
        assert_eq!(header.rate, FrameRate::new(25, 1).unwrap());
        assert_eq!(super::header(b"YUV4MPEG2 W2 H2").unwrap().rate, FrameRate::DEFAULT);
        assert_eq!(super::header(b"YUV4MPEG2 W2 H2 C444").unwrap().format.pixel, PixelFormat::Nv24);
    }

    #[test]
    fn faults_are_named_with_their_place() {
        for (line, at) in [
            (&b"YUV4MPEG"[..], 0),
            (b"YUV4MPEG2X W2 H2", 9),
            (b"YUV4MPEG2 W2", 12),
            (b"YUV4MPEG2 W0 H2", 15),
            (b"YUV4MPEG2 W99999 H2", 19),
            (b"YUV4MPEG2 W2 H+2", 13),
            (b"YUV4MPEG2 W2 H4294967296", 13),
            (b"YUV4MPEG2 W2 H2 F25", 16),
            (b"YUV4MPEG2 W2 H2 F25:0", 16),
            (b"YUV4MPEG2 W2 H2 C420p10", 16),
        ] {
            assert_eq!(header(line).unwrap_err().at, at, "{}", line.escape_ascii());
        }
        assert!(frame(b"FRAME").is_ok() && frame(b"FRAME Ip").is_ok());
        assert!(frame(b"FRAMES").is_err() && frame(b"").is_err());
    }
}
