//! A client that only decodes: written from RFC 6143 and the community's description of Tight, independent of the
//! encoder.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "the numbers of a small picture"
)]

use flate2::{Decompress, FlushDecompress, Status};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// A pixel format as the protocol has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) bits: u8,
    pub(crate) depth: u8,
    pub(crate) is_big_endian: bool,
    pub(crate) maxima: [u16; 3],
    pub(crate) shifts: [u8; 3],
}

impl Pixels {
    pub(crate) const BGRX: Self =
        Self { bits: 32, depth: 24, is_big_endian: false, maxima: [255; 3], shifts: [16, 8, 0] };

    pub(crate) fn message(&self) -> [u8; 16] {
        let mut message = [0; 16];
        message[..4].copy_from_slice(&[self.bits, self.depth, u8::from(self.is_big_endian), 1]);
        for part in 0..3 {
            message[4 + part * 2..6 + part * 2].copy_from_slice(&self.maxima[part].to_be_bytes());
            message[10 + part] = self.shifts[part];
        }
        message
    }

    /// The pixel that shows this colour best.
    pub(crate) fn of_rgb(&self, rgb: &[u8]) -> u32 {
        (0..3)
            .map(|part| {
                let level = f64::from(rgb[part]) * f64::from(self.maxima[part]) / 255.0;
                (level.round() as u32) << self.shifts[part]
            })
            .sum()
    }

    fn bytes(&self) -> usize {
        usize::from(self.bits) / 8
    }

    fn read(&self, bytes: &[u8]) -> u32 {
        let number =
            |bytes: &mut dyn Iterator<Item = &u8>| bytes.fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        if self.is_big_endian { number(&mut bytes.iter()) } else { number(&mut bytes.iter().rev()) }
    }

    fn has_three_byte_tight(&self) -> bool {
        self.bits == 32 && self.depth == 24 && self.maxima == [255; 3]
    }

    fn compressed_bytes(&self) -> usize {
        let used = self
            .maxima
            .iter()
            .zip(self.shifts)
            .fold(0_u32, |used, (max, shift)| used | u32::from(*max) << shift);
        let fits = used & 0xFF00_0000 == 0 || used & 0xFF == 0;
        if self.bits == 32 && self.depth <= 24 && fits { 3 } else { self.bytes() }
    }

    fn read_compressed(&self, bytes: &[u8]) -> u32 {
        if self.compressed_bytes() == self.bytes() {
            return self.read(bytes);
        }
        let used = self
            .maxima
            .iter()
            .zip(self.shifts)
            .fold(0_u32, |used, (max, shift)| used | u32::from(*max) << shift);
        let three = self.read(bytes);
        if used & 0xFF00_0000 == 0 { three } else { three << 8 }
    }

    fn parts(&self, pixel: u32) -> [i32; 3] {
        std::array::from_fn(|part| ((pixel >> self.shifts[part]) & u32::from(self.maxima[part])) as i32)
    }

    fn of_parts(&self, parts: [i32; 3]) -> u32 {
        (0..3).map(|part| (parts[part] as u32) << self.shifts[part]).sum()
    }
}

/// How many rectangles of each kind there were.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) raw: usize,
    pub(crate) copies: usize,
    pub(crate) fills: usize,
    pub(crate) jpegs: usize,
    pub(crate) mono: usize,
    pub(crate) indexed: usize,
    pub(crate) whole: usize,
    pub(crate) gradient: usize,
    pub(crate) zrle: usize,
    pub(crate) films: usize,
    pub(crate) planes: usize,
}

/// Shows rectangles of Open H.264: from the rectangle, the flags and the data red, green and blue of each pixel.
pub(crate) type FilmView = Box<dyn FnMut([usize; 4], u32, &[u8]) -> Decoded<Vec<u8>>>;

/// A client: its picture, as pixels of its own format, and its zlib streams.
pub(crate) struct Client {
    pub(crate) pixels: Pixels,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) picture: Vec<u32>,
    pub(crate) kinds: Kinds,
    tight: [Decompress; 4],
    zrle: Decompress,
    /// Without it, films are none of the encodings it takes.
    pub(crate) film: Option<FilmView>,
}

pub(crate) type Decoded<T> = Result<T, String>;

impl Client {
    pub(crate) fn new(pixels: Pixels, width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        Self {
            pixels,
            width,
            height,
            picture: vec![0xDEAD_BEEF; width * height],
            kinds: Kinds::default(),
            tight: std::array::from_fn(|_| Decompress::new(true)),
            zrle: Decompress::new(true),
            film: None,
        }
    }

    /// Decodes this many rectangles, which must be all there is.
    pub(crate) fn update(&mut self, count: u16, bytes: &[u8]) -> Decoded<()> {
        let mut input = Input(bytes);
        for _ in 0..count {
            self.rectangle(&mut input)?;
        }
        if input.0.is_empty() { Ok(()) } else { Err(format!("{} bytes left over", input.0.len())) }
    }

    /// Decodes the payload of a packet of rectangles.
    pub(crate) fn packet(&mut self, payload: &[u8]) -> Decoded<()> {
        let count = u16::from_be_bytes([payload[0], payload[1]]);
        self.update(count, &payload[2..])
    }

    fn rectangle(&mut self, input: &mut Input<'_>) -> Decoded<()> {
        let [x, y, width, height] = [(); 4].map(|()| input.u16());
        let (x, y, width, height) = (x?, y?, width?, height?);
        if width == 0 || height == 0 || x + width > self.width || y + height > self.height {
            return Err(format!("{width}x{height}+{x}+{y} is not inside"));
        }
        let pixels = match input.u32()? {
            0 => {
                self.kinds.raw += 1;
                let bytes = input.take(width * height * self.pixels.bytes())?;
                bytes.chunks(self.pixels.bytes()).map(|bytes| self.pixels.read(bytes)).collect()
            }
            1 => {
                self.kinds.copies += 1;
                let (from_x, from_y) = (input.u16()?, input.u16()?);
                if from_x + width > self.width || from_y + height > self.height {
                    return Err("a copy from outside".into());
                }
                (0..width * height)
                    .map(|at| self.picture[(from_y + at / width) * self.width + from_x + at % width])
                    .collect()
            }
            7 => self.tight(width, height, input)?,
            16 => {
                self.kinds.zrle += 1;
                let len = input.u32()? as usize;
                let data = inflate(&mut self.zrle, input.take(len)?)?;
                self.zrle(width, height, &mut Input(&data))?
            }
            0x4B56_4D50 => {
                self.kinds.planes += 1;
                let len = input.u32()? as usize;
                let data = input.take(len)?;
                return self.planes([x, y, width, height], data);
            }
            50 if self.film.is_some() => {
                self.kinds.films += 1;
                let (len, flags) = (input.u32()? as usize, input.u32()?);
                let data = input.take(len)?;
                let view = self.film.as_mut().ok_or("no film")?;
                let rgb = view([x, y, width, height], flags, data)?;
                if rgb.len() != width * height * 3 {
                    return Err("a film of another size".into());
                }
                rgb.chunks(3).map(|rgb| self.pixels.of_rgb(rgb)).collect()
            }
            other => return Err(format!("encoding {other}")),
        };
        for (row, pixels) in pixels.chunks(width).enumerate() {
            self.picture[(y + row) * self.width + x..][..width].copy_from_slice(pixels);
        }
        Ok(())
    }

    fn tight_pixel(&self, input: &mut Input<'_>) -> Decoded<u32> {
        if self.pixels.has_three_byte_tight() {
            let rgb = input.take(3)?;
            Ok(self.pixels.of_parts([0, 1, 2].map(|part| i32::from(rgb[part]))))
        } else {
            Ok(self.pixels.read(input.take(self.pixels.bytes())?))
        }
    }

    fn tight(&mut self, width: usize, height: usize, input: &mut Input<'_>) -> Decoded<Vec<u32>> {
        let control = input.u8()?;
        for stream in 0..4 {
            if control >> stream & 1 == 1 {
                self.tight[stream].reset(true);
            }
        }
        if width > 2048 {
            return Err(format!("{width} columns are more than viewers take"));
        }
        match control >> 4 {
            8 => {
                self.kinds.fills += 1;
                return Ok(vec![self.tight_pixel(input)?; width * height]);
            }
            9 => {
                self.kinds.jpegs += 1;
                let len = input.tight_length()?;
                let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
                let mut decoder = JpegDecoder::new_with_options(ZCursor::new(input.take(len)?), options);
                let rgb = decoder.decode().map_err(|error| error.to_string())?;
                if decoder.dimensions() != Some((width, height)) {
                    return Err("a JPEG picture of another size".into());
                }
                return Ok(rgb.chunks(3).map(|rgb| self.pixels.of_rgb(rgb)).collect());
            }
            10.. => return Err(format!("control {control:#x}")),
            _ => {}
        }
        let stream = usize::from(control >> 4 & 3);
        let filter = if control & 0x40 == 0 { 0 } else { input.u8()? };
        let mut palette = Vec::new();
        if filter == 1 {
            for _ in 0..usize::from(input.u8()?) + 1 {
                palette.push(self.tight_pixel(input)?);
            }
        }
        let pixel_bytes = if self.pixels.has_three_byte_tight() { 3 } else { self.pixels.bytes() };
        let len = match palette.len() {
            0 => width * height * pixel_bytes,
            1 | 2 => width.div_ceil(8) * height,
            _ => width * height,
        };
        let data = if len < 12 {
            input.take(len)?.to_vec()
        } else {
            let compressed = input.tight_length()?;
            inflate(&mut self.tight[stream], input.take(compressed)?)?
        };
        if data.len() != len {
            return Err(format!("{} bytes instead of {len}", data.len()));
        }
        let mut rest = Input(&data);
        match filter {
            0 => {
                self.kinds.whole += 1;
                (0..width * height).map(|_| self.tight_pixel(&mut rest)).collect()
            }
            1 if palette.len() == 2 => {
                self.kinds.mono += 1;
                let bit = |row: usize, column: usize| {
                    data[row * width.div_ceil(8) + column / 8] >> (7 - column % 8) & 1
                };
                Ok((0..width * height).map(|at| palette[usize::from(bit(at / width, at % width))]).collect())
            }
            1 => {
                self.kinds.indexed += 1;
                let colour =
                    |index: &u8| palette.get(usize::from(*index)).copied().ok_or("no such colour".to_owned());
                data.iter().map(colour).collect()
            }
            2 => {
                self.kinds.gradient += 1;
                let mut out: Vec<[i32; 3]> = Vec::new();
                for at in 0..width * height {
                    let zero = [0; 3];
                    let left = if at % width > 0 { out[at - 1] } else { zero };
                    let up = if at >= width { out[at - width] } else { zero };
                    let corner = if at >= width && at % width > 0 { out[at - width - 1] } else { zero };
                    let difference = self.pixels.parts(self.tight_pixel(&mut rest)?);
                    out.push(std::array::from_fn(|part| {
                        let max = i32::from(self.pixels.maxima[part]);
                        ((left[part] + up[part] - corner[part]).clamp(0, max) + difference[part]) & max
                    }));
                }
                Ok(out.into_iter().map(|parts| self.pixels.of_parts(parts)).collect())
            }
            other => Err(format!("filter {other}")),
        }
    }

    /// Exact planes, as `plane_coder.rs` describes them.
    fn planes(&mut self, around: [usize; 4], data: &[u8]) -> Decoded<()> {
        let mut input = Input(data);
        let (colours, shifts) = (input.u8()?, input.u8()?);
        let map = match colours {
            0 => None,
            1 => Some(
                (0..12)
                    .map(|_| input.u32().map(|number| i64::from(number as i32)))
                    .collect::<Decoded<Vec<_>>>()?,
            ),
            other => return Err(format!("planes of kind {other}")),
        };
        let parts = (0..input.u16()?)
            .map(|_| Ok([input.u16()?, input.u16()?, input.u16()?, input.u16()?]))
            .collect::<Decoded<Vec<_>>>()?;
        let mut bits = Bits { bytes: input.0, at: 0 };
        let tables = (0..8).map(|_| bits.table()).collect::<Decoded<Vec<_>>>()?;
        for [x, y, width, height] in parts {
            let [left, top, columns, rows] = around;
            if width == 0
                || height == 0
                || x < left
                || y < top
                || x + width > left + columns
                || y + height > top + rows
            {
                return Err("a part outside of its rectangle".into());
            }
            let (shift_x, shift_y) = (usize::from(shifts & 1), usize::from(shifts >> 1));
            let (half_width, half_height) = (width.div_ceil(1 << shift_x), height.div_ceil(1 << shift_y));
            let first = bits.plane(&tables[..4], width, height)?;
            let second = bits.plane(&tables[4..], half_width, half_height)?;
            let third = bits.plane(&tables[4..], half_width, half_height)?;
            for (at, first) in first.iter().enumerate() {
                let (column, row) = (at % width, at / width);
                let half = (row >> shift_y) * half_width + (column >> shift_x);
                let three = [*first, second[half], third[half]];
                let rgb = match &map {
                    None => [three[0].wrapping_add(three[2]), three[0], three[0].wrapping_add(three[1])],
                    Some(map) => std::array::from_fn(|part| {
                        let sum: i64 = three
                            .iter()
                            .zip(&map[part * 3..])
                            .map(|(one, factor)| i64::from(*one) * factor)
                            .sum();
                        ((sum + map[9 + part]) >> 16).clamp(0, 255) as u8
                    }),
                };
                self.picture[(y + row) * self.width + x + column] = self.pixels.of_rgb(&rgb);
            }
        }
        // The last byte is filled up with zeros.
        if bits.bytes.len() * 8 - bits.at < 8 && bits.rest() == 0 {
            Ok(())
        } else {
            Err("bits left over".into())
        }
    }

    fn zrle(&mut self, width: usize, height: usize, input: &mut Input<'_>) -> Decoded<Vec<u32>> {
        let mut out = vec![0; width * height];
        for top in (0..height).step_by(64) {
            for left in (0..width).step_by(64) {
                let (columns, rows) = (64.min(width - left), 64.min(height - top));
                let tile = self.zrle_tile(columns, rows, input)?;
                for (row, pixels) in tile.chunks(columns).enumerate() {
                    out[(top + row) * width + left..][..columns].copy_from_slice(pixels);
                }
            }
        }
        if input.0.is_empty() { Ok(out) } else { Err("ZRLE data left over".into()) }
    }

    fn zrle_tile(&mut self, columns: usize, rows: usize, input: &mut Input<'_>) -> Decoded<Vec<u32>> {
        let pixels = self.pixels;
        let pixel = |input: &mut Input<'_>| -> Decoded<u32> {
            Ok(pixels.read_compressed(input.take(pixels.compressed_bytes())?))
        };
        let all = columns * rows;
        let kind = input.u8()?;
        let mut out = Vec::new();
        match kind {
            0 => {
                for _ in 0..all {
                    out.push(pixel(input)?);
                }
            }
            1 => out = vec![pixel(input)?; all],
            2..=16 => {
                let palette = (0..kind).map(|_| pixel(input)).collect::<Decoded<Vec<_>>>()?;
                let bits = match kind {
                    2 => 1,
                    3..=4 => 2,
                    _ => 4,
                };
                for _ in 0..rows {
                    let row = input.take((columns * bits).div_ceil(8))?;
                    for column in 0..columns {
                        let at = column * bits;
                        let index = row[at / 8] >> (8 - bits - at % 8) & ((1 << bits) - 1);
                        out.push(*palette.get(usize::from(index)).ok_or("no such colour")?);
                    }
                }
            }
            128 => {
                while out.len() < all {
                    let colour = pixel(input)?;
                    let len = input.run_length()?;
                    out.resize(out.len() + len, colour);
                }
            }
            130..=255 => {
                let palette = (0..kind - 128).map(|_| pixel(input)).collect::<Decoded<Vec<_>>>()?;
                while out.len() < all {
                    let index = input.u8()?;
                    let len = if index & 0x80 == 0 { 1 } else { input.run_length()? };
                    let colour = *palette.get(usize::from(index & 0x7F)).ok_or("no such colour")?;
                    out.resize(out.len() + len, colour);
                }
            }
            other => return Err(format!("ZRLE tile {other}")),
        }
        if out.len() == all { Ok(out) } else { Err("a run beyond its tile".into()) }
    }
}

/// All that a stream holds for these bytes. What is flushed must come without any byte that follows.
fn inflate(stream: &mut Decompress, bytes: &[u8]) -> Decoded<Vec<u8>> {
    let mut out = Vec::with_capacity(4096);
    let mut rest = bytes;
    loop {
        let before = stream.total_in();
        let status = stream
            .decompress_vec(rest, &mut out, FlushDecompress::Sync)
            .map_err(|error| error.to_string())?;
        rest = &rest[(stream.total_in() - before) as usize..];
        if out.len() < out.capacity() && (rest.is_empty() || status == Status::BufError) {
            break;
        }
        out.reserve(4096);
    }
    if rest.is_empty() { Ok(out) } else { Err(format!("{} compressed bytes left over", rest.len())) }
}

/// Bits, the highest of a byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// From the length of a code and the code to the symbol.
type Table = std::collections::HashMap<(u32, u32), usize>;

impl Bits<'_> {
    fn bit(&mut self) -> Decoded<u32> {
        let byte = self.bytes.get(self.at / 8).ok_or("the bits end")?;
        self.at += 1;
        Ok(u32::from(byte >> (7 - (self.at - 1) % 8) & 1))
    }

    fn bits(&mut self, count: u32) -> Decoded<u32> {
        (0..count).try_fold(0, |number, _| Ok(number << 1 | self.bit()?))
    }

    fn rest(&mut self) -> u32 {
        std::iter::from_fn(|| self.bit().ok()).sum()
    }

    fn table(&mut self) -> Decoded<Table> {
        let count = self.bits(9)? as usize;
        let mut lengths = Vec::new();
        while lengths.len() < count {
            let length = self.bits(4)?;
            lengths.push(length);
            if length == 0 {
                let zeros = self.bits(4)? as usize;
                lengths.resize(lengths.len() + zeros, 0);
            }
        }
        if lengths.len() != count || count > 272 {
            return Err("lengths of more codes than there are".into());
        }
        let mut table = Table::new();
        let mut code = 0;
        for length in 1..=12 {
            code <<= 1;
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, of)| **of == length) {
                table.insert((length, code), symbol);
                code += 1;
            }
            if code > 1 << length {
                return Err("more codes than there is space for".into());
            }
        }
        Ok(table)
    }

    fn plane(&mut self, tables: &[Table], width: usize, height: usize) -> Decoded<Vec<u8>> {
        let (mut out, mut off): (Vec<u8>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut run = 0;
        for at in 0..width * height {
            let (row, column) = (at / width, at % width);
            let above = if row > 0 { out[at - width] } else { 128 };
            let left = if column > 0 { out[at - 1] } else { above };
            let corner = match (row, column) {
                (0, _) => 128,
                (_, 0) => above,
                _ => out[at - width - 1],
            };
            let mut sum = 0;
            if row > 0 {
                sum += off[at - width];
            }
            if column > 0 {
                sum += off[at - 1];
            }
            let context = if sum == 0 {
                0
            } else if sum < 4 {
                1
            } else if sum < 12 {
                2
            } else {
                3
            };
            if run == 0 {
                let (mut length, mut code) = (0, 0);
                let symbol = loop {
                    (length, code) = (length + 1, code << 1 | self.bit()?);
                    if let Some(symbol) = tables[context].get(&(length, code)) {
                        break *symbol;
                    }
                    if length == 12 {
                        return Err("no such code".into());
                    }
                };
                if context == 0 && symbol <= 16 {
                    run = (1 << symbol) + self.bits(symbol as u32)? as usize;
                } else {
                    let folded = if context == 0 { symbol - 16 } else { symbol } as i32;
                    let rest = if folded % 2 == 0 { folded / 2 } else { -(folded + 1) / 2 };
                    let mut three = [
                        i32::from(left),
                        i32::from(above),
                        i32::from(left) + i32::from(above) - i32::from(corner),
                    ];
                    three.sort_unstable();
                    out.push((three[1] + rest) as u8);
                    off.push(rest.unsigned_abs());
                    continue;
                }
            }
            run -= 1;
            let mut three =
                [i32::from(left), i32::from(above), i32::from(left) + i32::from(above) - i32::from(corner)];
            three.sort_unstable();
            out.push(three[1] as u8);
            off.push(0);
        }
        if run == 0 { Ok(out) } else { Err("a run beyond its plane".into()) }
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Decoded<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(format!("{len} bytes are not there"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Decoded<u8> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Decoded<usize> {
        let bytes = self.take(2)?;
        Ok(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
    }

    fn u32(&mut self) -> Decoded<u32> {
        Ok((self.u16()? << 16 | self.u16()?) as u32)
    }

    fn tight_length(&mut self) -> Decoded<usize> {
        let mut length = 0;
        for (place, mask) in [(0, 0x7F), (7, 0x7F), (14, 0xFF)] {
            let byte = usize::from(self.u8()?);
            length |= (byte & mask) << place;
            if place == 14 || byte & 0x80 == 0 {
                break;
            }
        }
        Ok(length)
    }

    fn run_length(&mut self) -> Decoded<usize> {
        let mut length = 1;
        loop {
            let byte = self.u8()?;
            length += usize::from(byte);
            if byte != 255 {
                return Ok(length);
            }
        }
    }
}
