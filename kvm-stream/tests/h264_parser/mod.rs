//! Reads the macroblocks of H.264 of Constrained Baseline profile, to know what an encoder makes use of.
//!
//! It takes one slice a picture, headers as our encoder writes them, and no more. Whether what it reads is what a decoder
//! would show is for decoders to say; a stream that it cannot follow to the last bit is an error here.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "all of it is test code, of small numbers"
)]

mod bits;
mod residual;
// The standard's numbers. Were they wrong, no decoder would show the pictures.
#[path = "../../src/h264/coded_block_pattern.rs"]
mod coded_block_pattern;

use std::collections::BTreeMap;

use bits::Bits;
use residual::total_coefficients;

/// How often something was seen.
#[derive(Debug, Default)]
pub(crate) struct Census {
    pub(crate) seen: BTreeMap<String, u64>,
    /// Bits of the largest macroblock.
    pub(crate) most_bits: usize,
    /// The finest and the coarsest quantiser of macroblocks with a residual.
    pub(crate) quantisers: (i32, i32),
}

impl Census {
    pub(crate) fn new() -> Self {
        Self { quantisers: (i32::MAX, i32::MIN), ..Self::default() }
    }

    pub(crate) fn of(&self, what: &str) -> u64 {
        self.seen.get(what).copied().unwrap_or_default()
    }

    /// Takes the macroblocks of a picture in byte-stream form; width and height in pixels.
    pub(crate) fn take(&mut self, picture: &[u8], (width, height): (u32, u32)) {
        let size = (width.div_ceil(16) as usize, height.div_ceil(16) as usize);
        for unit in units(picture) {
            if matches!(unit[0] & 31, 1 | 5) {
                Slice::new(self, unit, size).read();
            }
        }
    }

    fn note(&mut self, what: &str) {
        *self.seen.entry(what.to_owned()).or_default() += 1;
    }
}

/// The units of a byte stream (annex B), without start codes.
fn units(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..stream.len() - 3).filter(|at| stream[*at..*at + 3] == [0, 0, 1]).collect();
    let ends = starts[1..].iter().copied().chain([stream.len()]);
    // What fills up to the next start code are zeros.
    let trim = |unit: &[u8]| unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &stream[start + 3..start + 3 + trim(&stream[start + 3..end])])
        .collect()
}

/// What later macroblocks look at of one.
#[derive(Clone, Default)]
struct Known {
    /// Coefficients of each block of luma, by rows of four.
    luma: [u8; 16],
    chroma: [[u8; 4]; 2],
    /// The intra modes of its blocks, of Intra 4×4.
    modes: Option<[u8; 16]>,
}

struct Slice<'a> {
    census: &'a mut Census,
    bits: Bits,
    columns: usize,
    count: usize,
    known: Vec<Known>,
    quantiser: i32,
    is_predicted: bool,
}

impl<'a> Slice<'a> {
    fn new(census: &'a mut Census, unit: &[u8], (columns, rows): (usize, usize)) -> Self {
        let mut bits = Bits::of_unit(unit);
        assert_eq!(bits.ue(), 0, "first_mb_in_slice");
        let is_predicted = bits.ue() % 5 == 0;
        assert_eq!(bits.ue(), 0, "pic_parameter_set_id");
        bits.u(8); // frame_num
        if unit[0] & 31 == 5 {
            bits.ue(); // idr_pic_id
            bits.u(2); // dec_ref_pic_marking of an IDR picture
        } else {
            // No overrides, no changes of the list, no marking.
            assert_eq!(bits.u(if is_predicted { 3 } else { 1 }), 0);
        }
        let quantiser = 26 + bits.se();
        if bits.ue() != 1 {
            bits.se();
            bits.se();
        }
        Self { census, bits, columns, count: columns * rows, known: Vec::new(), quantiser, is_predicted }
    }

    fn read(mut self) {
        while self.known.len() < self.count {
            if self.is_predicted {
                for _ in 0..self.bits.ue() {
                    self.census.note("skipped");
                    self.known.push(Known::default());
                }
                assert!(self.known.len() <= self.count, "more macroblocks than the picture has");
                if self.known.len() == self.count {
                    break;
                }
            }
            let start = self.bits.at();
            self.known.push(Known::default());
            self.macroblock();
            self.census.most_bits = self.census.most_bits.max(self.bits.at() - start);
        }
        self.bits.expect_end();
    }

    fn macroblock(&mut self) {
        let kind = self.bits.ue();
        let intra = if self.is_predicted { kind.checked_sub(5) } else { Some(kind) };
        match intra {
            None => self.inter(kind),
            Some(0) => self.intra_4x4(),
            Some(25) => self.pcm(),
            Some(kind) => {
                let kind = kind - 1;
                self.census.note(&format!("Intra 16×16 mode {}", kind % 4));
                self.chroma_mode();
                let pattern = ((kind / 4 % 3) << 4) | if kind >= 12 { 15 } else { 0 };
                self.residual(pattern as u8, true);
            }
        }
    }

    fn inter(&mut self, kind: u32) {
        let parts = match kind {
            0 => 1,
            1 | 2 => 2,
            3 | 4 => (0..4).map(|_| [1, 2, 2, 4][self.bits.ue() as usize]).sum(),
            _ => panic!("macroblock type {kind}"),
        };
        self.census.note(["16×16", "16×8", "8×16", "8×8", "8×8"][kind as usize]);
        for _ in 0..parts * 2 {
            self.bits.se(); // mvd_l0
        }
        let pattern = self.pattern(coded_block_pattern::inter_number);
        if pattern == 0 {
            self.census.note("inter without residual");
        }
        self.residual(pattern, false);
    }

    fn intra_4x4(&mut self) {
        let mut modes = [2; 16];
        for block in 0..16 {
            let place = place(block);
            self.known.last_mut().unwrap().modes = Some(modes);
            // A block that is not there makes it DC; one of another kind counts as DC (8.3.1.1).
            let mode =
                |of: Option<(&Known, usize)>| of.map(|(known, at)| known.modes.map_or(2, |modes| modes[at]));
            let (left, above) = (mode(self.left(place)), mode(self.above(place)));
            let likely = left.zip(above).map_or(2, |(left, above)| left.min(above));
            modes[place] = if self.bits.u(1) == 1 {
                likely
            } else {
                let rest = self.bits.u(3) as u8;
                rest + u8::from(rest >= likely)
            };
            self.census.note(&format!("Intra 4×4 mode {}", modes[place]));
        }
        self.known.last_mut().unwrap().modes = Some(modes);
        self.chroma_mode();
        let pattern = self.pattern(coded_block_pattern::intra_4x4_number);
        self.residual(pattern, false);
    }

    fn chroma_mode(&mut self) {
        let mode = self.bits.ue();
        assert!(mode < 4);
        self.census.note(&format!("chroma mode {mode}"));
    }

    fn pcm(&mut self) {
        self.census.note("PCM");
        self.bits.align();
        for _ in 0..384 {
            self.bits.u(8);
        }
        *self.known.last_mut().unwrap() = Known { luma: [16; 16], chroma: [[16; 4]; 2], modes: None };
    }

    fn pattern(&mut self, number_of: fn(u8) -> u32) -> u8 {
        let number = self.bits.ue();
        (0..48).find(|pattern| number_of(*pattern) == number).unwrap()
    }

    fn residual(&mut self, pattern: u8, is_16x16: bool) {
        if pattern == 0 && !is_16x16 {
            return;
        }
        self.quantiser = (self.quantiser + self.bits.se() + 52) % 52;
        let (finest, coarsest) = self.census.quantisers;
        self.census.quantisers = (finest.min(self.quantiser), coarsest.max(self.quantiser));
        if is_16x16 {
            let context = self.context(0, |known, place| known.luma[place]);
            total_coefficients(&mut self.bits, context, 16);
        }
        for block in 0..16 {
            if pattern >> (block / 4) & 1 == 1 {
                let place = place(block);
                let context = self.context(place, |known, place| known.luma[place]);
                let total = total_coefficients(&mut self.bits, context, if is_16x16 { 15 } else { 16 });
                self.known.last_mut().unwrap().luma[place] = total;
            }
        }
        if pattern >> 4 > 0 {
            for _ in 0..2 {
                total_coefficients(&mut self.bits, 4, 4);
            }
        }
        if pattern >> 4 == 2 {
            for (component, block) in (0..2).flat_map(|component| (0..4).map(move |block| (component, block)))
            {
                // The four blocks stand where those of a quarter of luma do; their neighbours are known by fours.
                let count = |of: Option<(&Known, usize)>| of.map(|(known, at)| known.chroma[component][at]);
                let (left, above) = (count(self.near(block, 2, true)), count(self.near(block, 2, false)));
                let total = total_coefficients(&mut self.bits, residual::context(left, above), 15);
                self.known.last_mut().unwrap().chroma[component][block] = total;
            }
        }
    }

    fn context(&self, place: usize, count: fn(&Known, usize) -> u8) -> usize {
        let count = |of: Option<(&Known, usize)>| of.map(|(known, place)| count(known, place));
        residual::context(count(self.left(place)), count(self.above(place)))
    }

    fn left(&self, place: usize) -> Option<(&Known, usize)> {
        self.near(place, 4, true)
    }

    fn above(&self, place: usize) -> Option<(&Known, usize)> {
        self.near(place, 4, false)
    }

    /// The block left of this one or above it, in macroblocks of so many blocks a row: what is known of its macroblock,
    /// and its place there.
    fn near(&self, place: usize, side: usize, is_left: bool) -> Option<(&Known, usize)> {
        let current = self.known.len() - 1;
        let (is_inside, step) = if is_left { (place % side > 0, 1) } else { (place >= side, side) };
        if is_inside {
            return Some((&self.known[current], place - step));
        }
        if is_left {
            return (current % self.columns > 0).then(|| (&self.known[current - 1], place + side - 1));
        }
        let above = current.checked_sub(self.columns)?;
        Some((&self.known[above], place + side * (side - 1)))
    }
}

/// Where the blocks of luma are, which come by quarters (6.4.3), in rows of four.
fn place(block: usize) -> usize {
    let (quarter, within) = (block / 4, block % 4);
    (quarter / 2 * 2 + within / 2) * 4 + quarter % 2 * 2 + within % 2
}
