//! The beginning of each rectangle, and the rectangles that need little more.

use super::ClientPixels;
use crate::{CopyRect, Rect};

/// The encodings of rectangles (RFC 6143, section 7.7, and the registry that it refers to), and one of this crate's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Encoding {
    Raw = 0,
    CopyRect = 1,
    Tight = 7,
    Zrle = 16,
    OpenH264 = 50,
    /// [`PlaneCoder`](super::plane_coder::PlaneCoder)'s: "KVMP" in ASCII, which is none of the registered numbers.
    Planes = 0x4B56_4D50,
}

/// Appends a rectangle's position, size and encoding (RFC 6143, section 7.6.1).
pub(super) fn put_header(rect: Rect, encoding: Encoding, out: &mut Vec<u8>) {
    put_place(rect, out);
    out.extend_from_slice(&(encoding as i32).to_be_bytes());
}

/// Appends a position and size.
pub(super) fn put_place(rect: Rect, out: &mut Vec<u8>) {
    for number in [rect.x, rect.y, rect.width, rect.height] {
        put_u16(number, out);
    }
}

/// Appends a copy within the client's picture (RFC 6143, section 7.7.2).
pub(super) fn put_copy(copy: CopyRect, out: &mut Vec<u8>) {
    put_header(copy.to, Encoding::CopyRect, out);
    put_u16(copy.from_x, out);
    put_u16(copy.from_y, out);
}

/// Appends pixels as they are (RFC 6143, section 7.7.1).
pub(super) fn put_raw(rect: Rect, pixels: &[u32], client: ClientPixels, out: &mut Vec<u8>) {
    put_header(rect, Encoding::Raw, out);
    out.reserve(pixels.len() * client.bytes_per_pixel());
    for pixel in pixels {
        client.put(*pixel, out);
    }
}

/// Positions and sizes in a picture end far below what the protocol's 16 bits hold (`FrameFormat::MAX_SIDE_PX`).
fn put_u16(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes());
}
