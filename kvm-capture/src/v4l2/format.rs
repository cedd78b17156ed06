//! What a driver says of its pixels, and what that is in the words of this crate.

use bytes::Bytes;

pub(super) mod request;

use super::abi::{BufferType, Format, FormatUnion, MAX_PLANES};
use crate::{Colour, FourCc, Frame, FrameError, FrameFormat, Matrix, PixelFormat, Plane, Range};

/// The members of `struct v4l2_pix_format` and `struct v4l2_pix_format_mplane` that matter to frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PixelLayout {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) fourcc: FourCc,
    field: u32,
    colorspace: u32,
    ycbcr_enc: u32,
    quantization: u32,
    /// `bytesperline` of each piece of memory a buffer has.
    bytes_per_line: Vec<u32>,
}

impl PixelLayout {
    /// Reads what the driver answered.
    pub(super) fn read(kind: BufferType, format: &Format) -> Self {
        let FormatUnion(bytes) = &format.fmt;
        let word = |offset: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[offset..offset + 4]);
            u32::from_ne_bytes(word)
        };
        let (colorspace, ycbcr_enc, quantization, bytes_per_line) = if kind.is_multi() {
            let planes = usize::from(bytes[multi::NUM_PLANES]).clamp(1, MAX_PLANES);
            let of_plane = |plane| multi::PLANE_FMT + plane * multi::PLANE_LEN;
            (
                word(multi::COLORSPACE),
                u32::from(bytes[multi::YCBCR_ENC]),
                u32::from(bytes[multi::QUANTIZATION]),
                (0..planes).map(|plane| word(of_plane(plane) + multi::PLANE_BYTESPERLINE)).collect(),
            )
        } else {
            (
                word(single::COLORSPACE),
                word(single::YCBCR_ENC),
                word(single::QUANTIZATION),
                vec![word(single::BYTESPERLINE)],
            )
        };
        Self {
            width: word(WIDTH),
            height: word(HEIGHT),
            fourcc: FourCc::from_u32(word(PIXELFORMAT)),
            field: word(FIELD),
            colorspace,
            ycbcr_enc,
            quantization,
            bytes_per_line,
        }
    }

    /// What another library says of a single-planar device.
    #[cfg(feature = "v4l")]
    pub(super) fn single(
        fourcc: FourCc,
        (width, height): (u32, u32),
        field: u32,
        (colorspace, quantization): (u32, u32),
        bytes_per_line: u32,
    ) -> Self {
        let bytes_per_line = vec![bytes_per_line];
        Self { width, height, fourcc, field, colorspace, ycbcr_enc: 0, quantization, bytes_per_line }
    }

    /// How frames are made of such buffers; `None` for pixels this crate has no word for and for single fields
    /// of an interlaced picture.
    pub(super) fn arrangement(&self) -> Option<Arrangement> {
        let pixel = pixel_format(self.fourcc)?;
        if !WHOLE_PICTURES.contains(&self.field) {
            return None;
        }
        let format = FrameFormat::new(pixel, self.width, self.height).with_colour(self.colour(pixel));
        let sizes = pixel.planes(self.width, self.height);
        let first = sizes.clone().next().map_or(1, |plane| plane.row_bytes);
        // A driver that leaves `bytesperline` at 0 does not pad.
        let padded = self.bytes_per_line.first().map_or(0, |&line| line as usize).max(first);
        let strides = sizes
            .enumerate()
            .map(|(index, plane)| match self.bytes_per_line.get(index) {
                Some(&line) if self.bytes_per_line.len() > 1 => (line as usize).max(plane.row_bytes),
                // Planes in one piece of memory are padded in proportion ("Multi-planar format structure").
                _ => padded * plane.row_bytes / first,
            })
            .collect();
        Some(Arrangement { format, strides, separate: self.bytes_per_line.len() > 1 })
    }

    /// What the three numbers together mean ("Detailed Colorspace Descriptions", and the header's
    /// `V4L2_MAP_…_DEFAULT`).
    fn colour(&self, pixel: PixelFormat) -> Colour {
        if pixel.is_compressed() {
            return Colour::JPEG;
        }
        let matrix = match (self.ycbcr_enc, self.colorspace) {
            _ if pixel.is_rgb() => Colour::RGB.matrix,
            (YCBCR_ENC_601 | YCBCR_ENC_XV601 | YCBCR_ENC_SYCC, _) => Matrix::Bt601,
            // BT.2020 and SMPTE 240M have no word here, and BT.709 is the nearest that has one.
            (1.., _) => Matrix::Bt709,
            (_, COLORSPACE_SMPTE240M | COLORSPACE_REC709 | COLORSPACE_BT2020 | COLORSPACE_DCI_P3) => {
                Matrix::Bt709
            }
            // A driver that does not know: what is usual at this height.
            (_, COLORSPACE_DEFAULT) if self.height >= 720 => Matrix::Bt709,
            _ => Matrix::Bt601,
        };
        let range = match self.quantization {
            QUANTIZATION_FULL_RANGE => Range::Full,
            QUANTIZATION_LIM_RANGE => Range::Limited,
            // Of grey the header says nothing; vivid, and cameras that give raw luma, use all of it.
            _ if pixel.is_rgb() || pixel == PixelFormat::Grey => Range::Full,
            _ if self.colorspace == COLORSPACE_JPEG => Range::Full,
            _ => Range::Limited,
        };
        Colour::new(matrix, range)
    }
}

/// How frames lie in a driver's buffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrangement {
    pub(super) format: FrameFormat,
    strides: Vec<usize>,
    /// Whether each plane has a piece of memory of its own.
    separate: bool,
}

/// Where a plane begins in a buffer, and how far its rows are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) piece: usize,
    pub(super) offset: usize,
    pub(super) stride: usize,
}

impl Arrangement {
    /// Where the planes are.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        let sizes = self.format.pixel.planes(self.format.width_px, self.format.height_px);
        let mut end = 0;
        self.strides.iter().zip(sizes).enumerate().map(move |(index, (&stride, size))| {
            if self.separate {
                return Place { piece: index, offset: 0, stride };
            }
            let offset = end;
            end += stride * size.rows;
            Place { piece: 0, offset, stride }
        })
    }

    /// Whether a frame whose planes are in that many pieces of memory, these strides apart, lies the same way.
    pub(super) fn is_that_of(
        &self,
        format: FrameFormat,
        strides: impl Iterator<Item = usize>,
        pieces: usize,
    ) -> bool {
        let own = self.format;
        (own.pixel, own.width_px, own.height_px) == (format.pixel, format.width_px, format.height_px)
            && strides.eq(self.strides.iter().copied())
            && self.separate == (pieces > 1)
    }

    /// Makes a frame of what a buffer holds.
    pub(super) fn frame(&self, memory: impl IntoIterator<Item = Bytes>) -> Result<Frame, FrameError> {
        let mut memory = memory.into_iter();
        if self.separate {
            let strides = self.strides.iter().copied();
            return Frame::new(
                self.format,
                memory.zip(strides).map(|(bytes, stride)| Plane { bytes, stride }),
            );
        }
        let bytes = memory.next().unwrap_or_default();
        if self.format.pixel.is_compressed() {
            // What is no JPEG picture (no SOI marker, ITU-T T.81, B.1.1.3) has not been sent whole.
            let whole = if bytes.starts_with(&[0xff, 0xd8]) { Some(bytes) } else { None };
            return Frame::new(self.format, whole.map(|bytes| Plane { bytes, stride: 0 }));
        }
        Frame::contiguous(self.format, &bytes, self.strides.iter().copied())
    }
}

/// The first of the preferred codes that is offered, or another code of the same pixels.
pub(super) fn choose(offered: &[FourCc], preferred: &[FourCc]) -> Option<FourCc> {
    preferred.iter().find_map(|wanted| {
        let same_pixels = |code: &&FourCc| pixel_format(**code) == pixel_format(*wanted);
        let known = offered.iter().filter(|code| pixel_format(**code).is_some());
        known.clone().find(|code| *code == wanted).or_else(|| known.clone().find(same_pixels)).copied()
    })
}

/// The pixels behind a code, those of the multi-planar interface included.
pub(super) fn pixel_format(code: FourCc) -> Option<PixelFormat> {
    match &code.0 {
        b"NM12" => Some(PixelFormat::Nv12),
        b"NM16" => Some(PixelFormat::Nv16),
        b"YM12" => Some(PixelFormat::I420),
        _ => PixelFormat::from_fourcc(code),
    }
}

/// `V4L2_FIELD_ANY`, `NONE` and `INTERLACED` with its two orders: buffers that hold every line of a picture.
const WHOLE_PICTURES: [u32; 5] = [0, 1, 4, 8, 9];

const COLORSPACE_DEFAULT: u32 = 0;
const COLORSPACE_SMPTE240M: u32 = 2;
const COLORSPACE_REC709: u32 = 3;
const COLORSPACE_JPEG: u32 = 7;
const COLORSPACE_BT2020: u32 = 10;
const COLORSPACE_DCI_P3: u32 = 12;

const YCBCR_ENC_601: u32 = 1;
const YCBCR_ENC_XV601: u32 = 3;
const YCBCR_ENC_SYCC: u32 = 5;

const QUANTIZATION_FULL_RANGE: u32 = 1;
const QUANTIZATION_LIM_RANGE: u32 = 2;

/// Offsets in both members of the union.
const WIDTH: usize = 0;
const HEIGHT: usize = 4;
const PIXELFORMAT: usize = 8;
const FIELD: usize = 12;

/// Offsets in `struct v4l2_pix_format`.
mod single {
    pub(super) const BYTESPERLINE: usize = 16;
    pub(super) const SIZEIMAGE: usize = 20;
    pub(super) const COLORSPACE: usize = 24;
    pub(super) const PRIV: usize = 28;
    pub(super) const YCBCR_ENC: usize = 36;
    pub(super) const QUANTIZATION: usize = 40;
}

/// Offsets in `struct v4l2_pix_format_mplane`.
mod multi {
    pub(super) const COLORSPACE: usize = 16;
    pub(super) const PLANE_FMT: usize = 20;
    pub(super) const PLANE_LEN: usize = 20;
    pub(super) const PLANE_SIZEIMAGE: usize = 0;
    pub(super) const PLANE_BYTESPERLINE: usize = 4;
    pub(super) const NUM_PLANES: usize = 180;
    pub(super) const YCBCR_ENC: usize = 182;
    pub(super) const QUANTIZATION: usize = 183;
}

/// The numbers above beside the C expressions they stand for.
#[cfg(test)]
pub(super) fn offsets() -> Vec<(&'static str, usize)> {
    macro_rules! offsets {
        ($($value:expr => $c:literal),* $(,)?) => { vec![$(($c, $value)),*] };
    }
    let constant = |value: u32| value as usize;
    offsets! {
        WIDTH => "offsetof(struct v4l2_pix_format, width)",
        HEIGHT => "offsetof(struct v4l2_pix_format, height)",
        PIXELFORMAT => "offsetof(struct v4l2_pix_format, pixelformat)",
        FIELD => "offsetof(struct v4l2_pix_format, field)",
        single::BYTESPERLINE => "offsetof(struct v4l2_pix_format, bytesperline)",
        single::SIZEIMAGE => "offsetof(struct v4l2_pix_format, sizeimage)",
        single::PRIV => "offsetof(struct v4l2_pix_format, priv)",
        single::COLORSPACE => "offsetof(struct v4l2_pix_format, colorspace)",
        single::YCBCR_ENC => "offsetof(struct v4l2_pix_format, ycbcr_enc)",
        single::QUANTIZATION => "offsetof(struct v4l2_pix_format, quantization)",
        WIDTH => "offsetof(struct v4l2_pix_format_mplane, width)",
        HEIGHT => "offsetof(struct v4l2_pix_format_mplane, height)",
        PIXELFORMAT => "offsetof(struct v4l2_pix_format_mplane, pixelformat)",
        FIELD => "offsetof(struct v4l2_pix_format_mplane, field)",
        multi::COLORSPACE => "offsetof(struct v4l2_pix_format_mplane, colorspace)",
        multi::PLANE_FMT => "offsetof(struct v4l2_pix_format_mplane, plane_fmt)",
        multi::PLANE_LEN => "sizeof(struct v4l2_plane_pix_format)",
        multi::PLANE_SIZEIMAGE => "offsetof(struct v4l2_plane_pix_format, sizeimage)",
        multi::PLANE_BYTESPERLINE => "offsetof(struct v4l2_plane_pix_format, bytesperline)",
        multi::NUM_PLANES => "offsetof(struct v4l2_pix_format_mplane, num_planes)",
        multi::YCBCR_ENC => "offsetof(struct v4l2_pix_format_mplane, ycbcr_enc)",
        multi::QUANTIZATION => "offsetof(struct v4l2_pix_format_mplane, quantization)",
        constant(request::PRIV_MAGIC) => "V4L2_PIX_FMT_PRIV_MAGIC",
        constant(request::COLORSPACE_SMPTE170M) => "V4L2_COLORSPACE_SMPTE170M",
        constant(request::COLORSPACE_SRGB) => "V4L2_COLORSPACE_SRGB",
        constant(request::YCBCR_ENC_709) => "V4L2_YCBCR_ENC_709",
        constant(COLORSPACE_SMPTE240M) => "V4L2_COLORSPACE_SMPTE240M",
        constant(COLORSPACE_REC709) => "V4L2_COLORSPACE_REC709",
        constant(COLORSPACE_JPEG) => "V4L2_COLORSPACE_JPEG",
        constant(COLORSPACE_BT2020) => "V4L2_COLORSPACE_BT2020",
        constant(COLORSPACE_DCI_P3) => "V4L2_COLORSPACE_DCI_P3",
        constant(YCBCR_ENC_601) => "V4L2_YCBCR_ENC_601",
        constant(YCBCR_ENC_XV601) => "V4L2_YCBCR_ENC_XV601",
        constant(YCBCR_ENC_SYCC) => "V4L2_YCBCR_ENC_SYCC",
        constant(QUANTIZATION_FULL_RANGE) => "V4L2_QUANTIZATION_FULL_RANGE",
        constant(QUANTIZATION_LIM_RANGE) => "V4L2_QUANTIZATION_LIM_RANGE",
        constant(WHOLE_PICTURES[1]) => "V4L2_FIELD_NONE",
        constant(WHOLE_PICTURES[2]) => "V4L2_FIELD_INTERLACED",
        constant(WHOLE_PICTURES[3]) => "V4L2_FIELD_INTERLACED_TB",
        constant(WHOLE_PICTURES[4]) => "V4L2_FIELD_INTERLACED_BT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(fourcc: &[u8; 4], colorspace: u32, bytes_per_line: Vec<u32>) -> PixelLayout {
        PixelLayout {
            width: 6,
            height: 4,
            fourcc: FourCc(*fourcc),
            field: 1,
            colorspace,
            ycbcr_enc: 0,
            quantization: 0,
            bytes_per_line,
        }
    }

    #[test]
    fn preference_decides_among_what_is_offered() {
        let offered = [*b"MJPG", *b"H264", *b"NV12", *b"NM12", *b"YM12", *b"YUYV"].map(FourCc);
        let best = |preferred: &[&[u8; 4]]| {
            let preferred: Vec<FourCc> = preferred.iter().map(|code| FourCc(**code)).collect();
            choose(&offered, &preferred)
        };
        assert_eq!(best(&[b"UYVY", b"YUYV"]), Some(FourCc(*b"YUYV")));
        assert_eq!(best(&[b"NM12"]), Some(FourCc(*b"NM12")));
        assert_eq!(best(&[b"YU12"]), Some(FourCc(*b"YM12")));
        assert_eq!(best(&[b"GREY", b"H264"]), None);
    }

    #[test]
    fn colour_follows_the_defaults_of_the_header() {
        let colour =
            |fourcc, colorspace| layout(fourcc, colorspace, vec![0]).arrangement().unwrap().format.colour;
        assert_eq!(colour(b"YUYV", COLORSPACE_REC709), Colour::VIDEO);
        assert_eq!(colour(b"YUYV", COLORSPACE_JPEG), Colour::JPEG);
        assert_eq!(colour(b"NV12", 1), Colour::new(Matrix::Bt601, Range::Limited));
        assert_eq!(colour(b"RGB3", COLORSPACE_REC709), Colour::RGB);
        assert_eq!(colour(b"MJPG", COLORSPACE_REC709), Colour::JPEG);
        let explicit = PixelLayout { quantization: 1, ycbcr_enc: 1, ..layout(b"YUYV", 3, vec![0]) };
        assert_eq!(explicit.arrangement().unwrap().format.colour, Colour::JPEG);
    }

    #[test]
    fn padding_is_shared_in_proportion_or_told_for_each_plane() {
        let strides = |fourcc, lines| layout(fourcc, 3, lines).arrangement().unwrap().strides;
        assert_eq!(strides(b"YU12", vec![8]), [8, 4, 4]);
        assert_eq!(strides(b"NV24", vec![8]), [8, 16]);
        assert_eq!(strides(b"NV12", vec![0]), [6, 6]);
        assert_eq!(strides(b"NM12", vec![8, 10]), [8, 10]);
    }

    #[test]
    fn a_single_field_is_no_picture() {
        let alternate = PixelLayout { field: 7, ..layout(b"YUYV", 3, vec![12]) };
        assert_eq!(alternate.arrangement(), None);
        assert_eq!(layout(b"H264", 3, vec![0]).arrangement(), None);
    }

    #[test]
    fn planes_follow_each_other_or_have_pieces_of_their_own() {
        let places =
            |fourcc, lines| layout(fourcc, 3, lines).arrangement().unwrap().places().collect::<Vec<_>>();
        let place = |piece, offset, stride| Place { piece, offset, stride };
        assert_eq!(places(b"YU12", vec![8]), [place(0, 0, 8), place(0, 32, 4), place(0, 40, 4)]);
        assert_eq!(places(b"NM12", vec![8, 10]), [place(0, 0, 8), place(1, 0, 10)]);
        let nv12 = layout(b"NV12", 3, vec![8]).arrangement().unwrap();
        assert!(nv12.is_that_of(nv12.format.with_colour(Colour::JPEG), [8, 8].into_iter(), 1));
        assert!(!nv12.is_that_of(nv12.format, [8, 8].into_iter(), 2));
        assert!(!nv12.is_that_of(nv12.format, [8, 6].into_iter(), 1));
    }
}
