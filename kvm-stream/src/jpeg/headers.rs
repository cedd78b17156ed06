//! What stands before the coded data of a picture.

use super::layout::Layout;
use super::tables::{CHROMA_AC, CHROMA_DC, HuffmanSpec, LUMA_AC, LUMA_DC, ZIGZAG};

/// Ends every picture (section B.2.1).
pub(super) const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// Stands between restart intervals; counts from 0 to 7 and on from 0 (section B.2.1).
pub(super) fn restart_marker(interval: usize) -> [u8; 2] {
    [0xFF, [0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7][interval % 8]]
}

/// Appends everything from the start of the image to the start of its only scan. `restart_units` are those in an
/// interval; 0 for no restarts. Quantiser steps are those of luma and of colour differences, by rows of the block.
pub(super) fn write(layout: &Layout, steps: &[[u8; 64]; 2], restart_units: u16, out: &mut Vec<u8>) {
    // SOI, and APP0 of JFIF 1.02 without a density.
    out.extend([0xFF, 0xD8]);
    segment(0xE0, out, |out| out.extend(b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"));
    quantiser(0, &steps[0], out);
    if layout.has_colour {
        quantiser(1, &steps[1], out);
    }
    // SOF0 (section B.2.2).
    segment(0xC0, out, |out| {
        out.push(8);
        out.extend(layout.height.to_be_bytes());
        out.extend(layout.width.to_be_bytes());
        let factors = match (layout.across, layout.down) {
            (2, 2) => 0x22,
            (2, _) => 0x21,
            _ => 0x11,
        };
        if layout.has_colour {
            out.extend([3, 1, factors, 0, 2, 0x11, 1, 3, 0x11, 1]);
        } else {
            out.extend([1, 1, factors, 0]);
        }
    });
    huffman(0x00, &LUMA_DC, out);
    huffman(0x10, &LUMA_AC, out);
    if layout.has_colour {
        huffman(0x01, &CHROMA_DC, out);
        huffman(0x11, &CHROMA_AC, out);
    }
    if restart_units > 0 {
        // DRI (section B.2.4.4).
        segment(0xDD, out, |out| out.extend(restart_units.to_be_bytes()));
    }
    // SOS (section B.2.3).
    segment(0xDA, out, |out| {
        if layout.has_colour {
            out.extend([3, 1, 0x00, 2, 0x11, 3, 0x11]);
        } else {
            out.extend([1, 1, 0x00]);
        }
        out.extend([0, 63, 0]);
    });
}

/// DQT (section B.2.4.1).
fn quantiser(number: u8, steps: &[u8; 64], out: &mut Vec<u8>) {
    segment(0xDB, out, |out| {
        out.push(number);
        out.extend(ZIGZAG.map(|place| steps[usize::from(place)]));
    });
}

/// DHT (section B.2.4.2).
fn huffman(class_and_number: u8, spec: &HuffmanSpec, out: &mut Vec<u8>) {
    segment(0xC4, out, |out| {
        out.push(class_and_number);
        out.extend(spec.lengths);
        out.extend(spec.symbols);
    });
}

/// A marker and what it carries, whose length counts itself.
fn segment(marker: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend([0xFF, marker, 0, 0]);
    let start = out.len() - 2;
    write(out);
    let len = u16::try_from(out.len() - start).expect("no segment here is long");
    out[start..start + 2].copy_from_slice(&len.to_be_bytes());
}
