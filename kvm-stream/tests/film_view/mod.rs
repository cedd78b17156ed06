//! Rectangles of Open H.264, shown by the decoder of Cisco's OpenH264.

use std::collections::HashMap;

use bytes::Bytes;
use kvm_capture::convert::Converter;
use kvm_capture::{Colour, Frame, FrameFormat, PixelFormat};
use openh264::OpenH264API;
use openh264::decoder::{Decoder, DecoderConfig};
use openh264::formats::YUVSource;

use crate::rect_decoder::{Decoded, FilmView};

/// A view that keeps a decoder for each place and size of a rectangle, until the flags end it.
pub(crate) fn film_view() -> FilmView {
    let mut contexts: HashMap<[usize; 4], Decoder> = HashMap::new();
    Box::new(move |place, flags, data| {
        if flags & 2 != 0 {
            contexts.clear();
        }
        if flags & 1 != 0 {
            contexts.remove(&place);
        }
        let begins = !contexts.contains_key(&place);
        if begins != (flags != 0) {
            return Err(format!(
                "flags {flags} of a context that {}",
                if begins { "begins" } else { "goes on" }
            ));
        }
        let decoder = match contexts.entry(place) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(
                Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new())
                    .map_err(|error| error.to_string())?,
            ),
        };
        let shown = decoder.decode(data).map_err(|error| error.to_string())?.ok_or("no picture")?;
        rgb_of(&shown, place)
    })
}

fn rgb_of(shown: &impl YUVSource, [_, _, width, height]: [usize; 4]) -> Decoded<Vec<u8>> {
    if shown.dimensions() != (width, height) {
        return Err(format!("a picture of {:?}", shown.dimensions()));
    }
    let (y, u, v) = shown.strides();
    let mut planes = Vec::new();
    for (bytes, stride, columns, rows) in [
        (shown.y(), y, width, height),
        (shown.u(), u, width / 2, height / 2),
        (shown.v(), v, width / 2, height / 2),
    ] {
        for row in bytes.chunks(stride).take(rows) {
            planes.extend_from_slice(&row[..columns]);
        }
    }
    let side = |length: usize| u32::try_from(length).map_err(|error| error.to_string());
    let format = FrameFormat::new(PixelFormat::I420, side(width)?, side(height)?).with_colour(Colour::VIDEO);
    let frame = Frame::packed(format, Bytes::from(planes)).map_err(|error| error.to_string())?;
    let image = frame.image().ok_or("no pixels")?;
    let mut rgb = Vec::new();
    let target = FrameFormat::new(PixelFormat::Rgb24, format.width_px, format.height_px);
    Converter::new().convert(&image, target, &mut rgb);
    Ok(rgb)
}
