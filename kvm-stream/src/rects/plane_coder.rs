//! Rectangles of this crate's own encoding: exact planes of luma and colour differences.
//!
//! Where a source's pixels share colour differences, red, green and blue of each are three numbers made of fewer. This
//! encoding has the numbers of the source, and how to make colours of them. Only clients that come with this crate
//! decode it; its number is none of the registered ones.
//!
//! Numbers are big-endian. After the header of a rectangle, which is the smallest around all that follows:
//!
//! | size | what |
//! | --- | --- |
//! | 4 | the bytes that follow |
//! | 1 | how the planes become colours: 0: the first is green, the second and third are what blue and red are above it, modulo 256; 1: the first is luma, the second Cb, the third Cr |
//! | 1 | lowest bit: the second and third plane are half as wide as the first (rounded up); next bit: half as high |
//! | 48 | only if the planes are luma, Cb and Cr: nine factors of red, green and blue, each by luma, Cb and Cr, and three offsets of red, green and blue: a colour is (sum of products + offset) >> 16, kept within 0 and 255 |
//! | 2 | the number of parts |
//! | 8 each | a part: x, y, width and height in the picture; x and y are even where colour differences are shared; all areas together are no more than the picture's |
//! | rest | bits, the highest of a byte first |
//!
//! The bits are eight tables of code lengths, four for the contexts of the first plane and four for those of the
//! others, as `put_lengths` writes them, for codes as `assign` counts them; then of each part each plane, row by row. A
//! number is told as what [`foretold`](super::foretold) leaves over, folded, by the code of its context. In the first context the symbols 0 to 16 are runs:
//! from 2 to the nth numbers on, with n bits that say how many more, nothing is left over, whatever their contexts;
//! others are the folded rest plus 16.

use kvm_capture::{FrameFormat, ImageView};

use super::bits::BitWriter;
use super::foretold::{CONTEXTS, Foretold, LITERALS, SYMBOLS};
use super::header::{Encoding, put_header, put_place};
use super::plane_rows::{Colours, PlaneRows};
use super::prefix_code::{CodeMaker, MAX_BITS, assign, put_lengths};
use crate::Rect;

/// Collects parts of a picture, and makes a rectangle of them.
#[derive(Debug)]
pub(super) struct PlaneCoder {
    format: Option<(FrameFormat, Colours)>,
    rows: PlaneRows,
    foretold: Foretold,
    parts: Vec<Rect>,
    /// Symbols of the parts so far, of all tables.
    symbols: Vec<u16>,
    /// Of each run how many more than the least of its symbol.
    runs: Vec<u16>,
    frequencies: Vec<u32>,
    lengths: Vec<u8>,
    codes: Vec<Code>,
    maker: CodeMaker,
}

impl PlaneCoder {
    pub(super) fn new() -> Self {
        Self {
            format: None,
            rows: PlaneRows::new(),
            foretold: Foretold::new(),
            parts: Vec::new(),
            symbols: Vec::new(),
            runs: Vec::new(),
            frequencies: vec![0; TABLES * TABLE],
            lengths: vec![0; TABLES * TABLE],
            codes: vec![Code::default(); TABLES * TABLE],
            maker: CodeMaker::default(),
        }
    }

    /// Takes pictures of this format from here on.
    pub(super) fn set_format(&mut self, format: FrameFormat) {
        self.forget();
        self.format = PlaneRows::colours(format).map(|colours| (format, colours));
    }

    /// Whether a part is worth it and can be told.
    pub(super) fn suits(&self, rect: Rect) -> bool {
        self.format.is_some() && (MIN_PX..=MAX_PX).contains(&rect.area())
    }

    /// Whether the part can be told together with those so far: their areas are no more than the picture's, since a
    /// client does not decode more at once.
    pub(super) fn has_room(&self, rect: Rect) -> bool {
        let parts_px: u64 = self.parts.iter().map(|part| part.area()).sum();
        self.format.is_some_and(|(format, _)| {
            parts_px + rect.area() <= u64::from(format.width_px) * u64::from(format.height_px)
        })
    }

    /// Adds a part that suits and for which there is room.
    pub(super) fn add(&mut self, image: &ImageView<'_>, rect: Rect) {
        let (shift_x, shift_y) = PlaneRows::shifts(image.format().pixel);
        for plane in 0..3 {
            let (shift_x, shift_y) = if plane == 0 { (0, 0) } else { (shift_x, shift_y) };
            let (width, height) = (rect.width.div_ceil(1 << shift_x), rect.height.div_ceil(1 << shift_y));
            let first_symbol = if plane == 0 { 0 } else { FIRST_OF_OTHERS };
            self.foretold.start(width as usize, first_symbol);
            // At most as many as there are numbers. A slice of known length is filled faster than a vector grows.
            let mut count = self.symbols.len();
            self.symbols.resize(count + (width * height) as usize, 0);
            let mut run = 0;
            for row in 0..height as usize {
                let (folded, symbols) =
                    self.foretold.next_row(|out| self.rows.read(image, plane, rect, row, out));
                let out = &mut self.symbols[count..];
                count += with_runs(folded, symbols, first_symbol, &mut run, &mut self.runs, out);
            }
            if run > 0 {
                self.symbols[count] = first_symbol + run_symbol(run, &mut self.runs);
                count += 1;
            }
            self.symbols.truncate(count);
        }
        self.parts.push(rect);
    }

    /// About how many bytes the parts so far will take.
    pub(super) fn pending_bytes(&self) -> usize {
        // In photos a symbol takes between two and three bits.
        self.symbols.len() / 3
    }

    /// Whether the parts so far are many enough for a rectangle.
    pub(super) fn is_full(&self) -> bool {
        self.symbols.len() >= FULL_SYMBOLS || self.parts.len() >= usize::from(u16::MAX)
    }

    /// Forgets the parts so far.
    pub(super) fn forget(&mut self) {
        self.parts.clear();
        self.symbols.clear();
        self.runs.clear();
    }

    /// Appends a rectangle of the parts so far; `false` if there are none.
    pub(super) fn put(&mut self, out: &mut Vec<u8>) -> bool {
        let (Some((format, colours)), Some(first)) = (self.format, self.parts.first()) else { return false };
        let around = self.parts.iter().fold(*first, |around, part| around.union(*part));
        put_header(around, Encoding::Planes, out);
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        put_colours(format, &colours, out);
        out.extend_from_slice(&u16::try_from(self.parts.len()).unwrap_or(u16::MAX).to_be_bytes());
        for part in &self.parts {
            put_place(*part, out);
        }
        self.make_codes();
        let mut bits = BitWriter::new(out);
        for lengths in self.lengths.chunks(TABLE) {
            put_lengths(lengths, &mut bits);
        }
        self.put_symbols(bits);
        let len = u32::try_from(out.len() - length_at - 4).unwrap_or(u32::MAX);
        out[length_at..length_at + 4].copy_from_slice(&len.to_be_bytes());
        self.forget();
        true
    }

    fn make_codes(&mut self) {
        self.frequencies.fill(0);
        for symbol in &self.symbols {
            self.frequencies[usize::from(*symbol)] += 1;
        }
        let tables = self.frequencies.chunks(TABLE).zip(self.lengths.chunks_mut(TABLE));
        for ((frequencies, lengths), (codes, table)) in tables.zip(self.codes.chunks_mut(TABLE).zip(0..)) {
            self.maker.lengths(frequencies, lengths);
            assign(lengths, |symbol, bits| {
                let is_run = table % CONTEXTS == 0 && symbol < RUNS;
                let more = if is_run { u8::try_from(symbol).unwrap_or(0) } else { 0 };
                codes[symbol] = Code { bits, length: lengths[symbol], more };
            });
        }
    }

    fn put_symbols(&self, mut bits: BitWriter<'_>) {
        let mut runs = self.runs.iter();
        for symbol in &self.symbols {
            let code = self.codes[usize::from(*symbol)];
            bits.put(u32::from(code.bits), u32::from(code.length));
            if code.more > 0 {
                bits.put(runs.next().copied().map_or(0, u32::from), u32::from(code.more));
            }
        }
        bits.finish();
    }
}

/// A symbol's code, and how many bits follow it.
#[derive(Debug, Clone, Copy, Default)]
struct Code {
    bits: u16,
    length: u8,
    more: u8,
}

/// Writes the symbols of a row, with runs in place of nothing left over; returns how many they are. `run` is how long the
/// run is that is not told yet, before and after.
#[inline]
fn with_runs(
    folded: &[u8],
    symbols: &[u16],
    first_symbol: u16,
    run: &mut usize,
    runs: &mut Vec<u16>,
    out: &mut [u16],
) -> usize {
    let starts_run = first_symbol + LITERALS;
    let (mut index, mut count) = (0, 0);
    while index < symbols.len() {
        if *run > 0 || symbols[index] == starts_run {
            let zeros = zeros(&folded[index..]);
            (*run, index) = (*run + zeros, index + zeros);
            if index == symbols.len() {
                break;
            }
            out[count] = first_symbol + run_symbol(std::mem::take(run), runs);
            count += 1;
        }
        out[count] = symbols[index];
        (index, count) = (index + 1, count + 1);
    }
    count
}

/// The symbol of a run of at least one.
#[inline]
fn run_symbol(run: usize, runs: &mut Vec<u16>) -> u16 {
    let bits = run.ilog2();
    if bits > 0 {
        runs.push(u16::try_from(run - (1 << bits)).unwrap_or(u16::MAX));
    }
    u16::try_from(bits).unwrap_or(u16::MAX)
}

/// How many zeros there are before something else.
#[inline]
fn zeros(bytes: &[u8]) -> usize {
    let whole = bytes.chunks_exact(8).take_while(|eight| **eight == [0; 8]).count() * 8;
    whole + bytes[whole..].iter().take_while(|byte| **byte == 0).count()
}

fn put_colours(format: FrameFormat, colours: &Colours, out: &mut Vec<u8>) {
    let (shift_x, shift_y) = PlaneRows::shifts(format.pixel);
    let shifts = u8::from(shift_x > 0) | u8::from(shift_y > 0) << 1;
    match colours {
        Colours::AboveGreen => out.extend_from_slice(&[0, shifts]),
        Colours::Mapped(map) => {
            out.extend_from_slice(&[1, shifts]);
            let (factors, offsets) = map.coefficients();
            for number in factors.as_flattened().iter().chain(&offsets) {
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
    }
}

/// Below so many pixels the tables cost more than is saved.
const MIN_PX: u64 = 1024;
/// A run is no longer than a plane, and 2 to the 16th is the longest that can be told.
const MAX_PX: u64 = 1 << 16;
/// From so many symbols on, tables of their own cost next to nothing, and suit them better than those of others.
const FULL_SYMBOLS: usize = 1 << 16;
/// Of the first plane and of the others.
const TABLES: usize = 2 * CONTEXTS;
const TABLE: usize = SYMBOLS as usize;
#[expect(clippy::cast_possible_truncation, reason = "a few tables of a few hundred symbols")]
const FIRST_OF_OTHERS: u16 = CONTEXTS as u16 * SYMBOLS;
/// Symbols that tell runs, in the first context.
const RUNS: usize = LITERALS as usize + 1;
const _: () = assert!(MAX_BITS <= 16 && TABLE < 512);
