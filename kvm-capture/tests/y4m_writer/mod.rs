//! Writes frames as a YUV4MPEG2 file: the judge of the reader, for its tests and its fuzz target.

#![expect(clippy::panic, reason = "a part of tests")]

use kvm_capture::{Frame, FrameFormat, PixelFormat, Range};

/// The whole file.
pub(crate) fn y4m(format: FrameFormat, frames: &[Frame]) -> Vec<u8> {
    let chroma = match format.pixel {
        PixelFormat::I420 => "420jpeg",
        PixelFormat::Nv16 => "422",
        PixelFormat::Nv24 => "444",
        PixelFormat::Grey => "mono",
        other => panic!("y4m has no {other}"),
    };
    let range = match format.colour.range {
        Range::Limited => "LIMITED",
        _ => "FULL",
    };
    let mut file = format!(
        "YUV4MPEG2 W{} H{} F30:1 Ip C{chroma} XCOLORRANGE={range}\n",
        format.width_px, format.height_px
    )
    .into_bytes();
    for frame in frames {
        file.extend_from_slice(b"FRAME\n");
        file.extend_from_slice(&planar(frame));
    }
    file
}

/// The frame with each of Y, Cb and Cr in a plane of its own.
pub(crate) fn planar(frame: &Frame) -> Vec<u8> {
    let image = frame.image().expect("a raw frame");
    let rows = |plane: usize| image.planes().iter().skip(plane).take(1).flat_map(|plane| plane.rows());
    let mut planar = rows(0).flatten().copied().collect::<Vec<u8>>();
    match frame.format().pixel {
        PixelFormat::Nv16 | PixelFormat::Nv24 => {
            for first in [0, 1] {
                planar.extend(rows(1).flat_map(|row| row.iter().skip(first).step_by(2)));
            }
        }
        _ => planar.extend(rows(1).chain(rows(2)).flatten()),
    }
    planar
}
