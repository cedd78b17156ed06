//! ZRLE rectangles (RFC 6143, section 7.7.6): tiles of 64 pixels, each coded in the shortest of five ways.

use super::ClientPixels;
use super::header::{Encoding, put_header};
use super::palette::Palette;
use super::zlib::ZlibStream;
use crate::{EncodeError, Rect};

/// What makes ZRLE rectangles for one client. All of them share one zlib stream, which no message begins anew.
#[derive(Debug)]
pub(super) struct ZrleCoder {
    stream: ZlibStream,
    palette: Palette,
    tile: Vec<u32>,
    data: Vec<u8>,
    compressed: Vec<u8>,
}

impl ZrleCoder {
    pub(super) fn new(level: u8) -> Self {
        Self {
            stream: ZlibStream::new(level),
            palette: Palette::new(),
            tile: Vec::with_capacity(TILE_PX * TILE_PX),
            data: Vec::new(),
            compressed: Vec::new(),
        }
    }

    pub(super) fn set_level(&mut self, level: u8) -> Result<(), EncodeError> {
        self.stream.set_level(level)
    }

    /// Appends a rectangle of these pixels.
    pub(super) fn put_exact(
        &mut self,
        rect: Rect,
        pixels: &[u32],
        client: ClientPixels,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let (width, height) = (rect.width as usize, rect.height as usize);
        self.data.clear();
        for top in (0..height).step_by(TILE_PX) {
            for left in (0..width).step_by(TILE_PX) {
                let columns = left..(left + TILE_PX).min(width);
                self.tile.clear();
                for row in pixels.chunks(width).take(height.min(top + TILE_PX)).skip(top) {
                    self.tile.extend_from_slice(&row[columns.clone()]);
                }
                self.put_tile(columns.len(), client);
            }
        }
        self.compressed.clear();
        self.stream.compress(&self.data, &mut self.compressed)?;
        put_header(rect, Encoding::Zrle, out);
        out.extend_from_slice(&u32::try_from(self.compressed.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&self.compressed);
        Ok(())
    }

    fn put_tile(&mut self, width: usize, client: ClientPixels) {
        let pixel_bytes = client.bytes_per_pixel() - usize::from(client.spare_byte().is_some());
        let (mut runs, mut singles, mut lengths) = (0, 0, 0);
        for run in self.tile.chunk_by(PartialEq::eq) {
            runs += 1;
            singles += usize::from(run.len() == 1);
            lengths += length_bytes(run.len());
        }
        let raw = self.tile.len() * pixel_bytes;
        let plain_runs = runs * pixel_bytes + lengths;
        self.palette.start(MAX_RUN_COLOURS);
        if !self.palette.add(&self.tile) {
            if plain_runs < raw {
                self.data.push(PLAIN_RUNS);
                for run in self.tile.chunk_by(PartialEq::eq) {
                    client.put_compressed(run[0], &mut self.data);
                    put_run_length(run.len(), &mut self.data);
                }
            } else {
                self.data.push(RAW);
                for pixel in &self.tile {
                    client.put_compressed(*pixel, &mut self.data);
                }
            }
            return;
        }
        let colours = self.palette.colours();
        let count = u8::try_from(colours.len()).unwrap_or(u8::MAX);
        if let [pixel] = colours {
            self.data.push(ONE_COLOUR);
            client.put_compressed(*pixel, &mut self.data);
            return;
        }
        // A run of one pixel has no length.
        let indexed_runs = colours.len() * pixel_bytes + runs + lengths - singles;
        let bits = match colours.len() {
            2 => 1,
            3..=4 => 2,
            5..=16 => 4,
            _ => 0,
        };
        let packed = match bits {
            0 => usize::MAX,
            bits => colours.len() * pixel_bytes + (width * bits).div_ceil(8) * (self.tile.len() / width),
        };
        let is_packed = packed <= indexed_runs;
        self.data.push(if is_packed { count } else { INDEXED_RUNS | count });
        for colour in colours {
            client.put_compressed(*colour, &mut self.data);
        }
        if is_packed {
            for row in self.palette.indices().chunks(width) {
                self.data.extend(row.chunks(8 / bits).map(|pixels| {
                    let places = (1..=8 / bits).map(|place| 8 - place * bits);
                    pixels.iter().zip(places).fold(0, |byte, (index, place)| byte | index << place)
                }));
            }
        } else {
            for run in self.palette.indices().chunk_by(PartialEq::eq) {
                if run.len() == 1 {
                    self.data.push(run[0]);
                } else {
                    self.data.push(run[0] | 0x80);
                    put_run_length(run.len(), &mut self.data);
                }
            }
        }
    }
}

/// Appends the length of a run: bytes that add up to one less.
fn put_run_length(length: usize, out: &mut Vec<u8>) {
    let rest = length - 1;
    out.extend(std::iter::repeat_n(255, rest / 255));
    out.push(u8::try_from(rest % 255).unwrap_or(u8::MAX));
}

fn length_bytes(length: usize) -> usize {
    (length - 1) / 255 + 1
}

const TILE_PX: usize = 64;
const RAW: u8 = 0;
const ONE_COLOUR: u8 = 1;
const PLAIN_RUNS: u8 = 128;
const INDEXED_RUNS: u8 = 128;
/// Colours that runs can number.
const MAX_RUN_COLOURS: usize = 127;
