//! Streams of syntax alone, by ffmpeg's judgement: the tables and headers are the standard's, not only our own.

use std::process::Command;
use std::time::Duration;

use super::bits::BitWriter;
use super::cavlc::{MAX_LEVEL, Neighbours, write_block};
use super::coded_block_pattern::{inter_number, intra_4x4_number};
use super::level::Level;
use super::nal::{NalKind, append_annex_b};
use super::parameters::Parameters;
use super::slice_header::{SliceHeader, SliceKind};

const SIZES: [(u32, u32); 4] = [(64, 48), (16, 16), (34, 50), (2, 2)];

#[test]
fn exact_samples_come_out_exactly_whatever_the_size_and_the_slices() {
    if !have_ffmpeg() {
        return;
    }
    for (width, height) in SIZES {
        let mut stream = Stream::new(width, height);
        let mut numbers = Numbers(u64::from(width));
        let (columns, rows) = stream.parameters.macroblocks();
        let macroblocks: Vec<[u8; 384]> = (0..columns * rows)
            .map(|_| std::array::from_fn(|_| if numbers.below(3) == 0 { 0 } else { numbers.byte(256) }))
            .collect();
        // A slice for each row, and then one from the middle of a row on.
        for first_counts in [columns, columns * rows, columns.div_ceil(2)] {
            stream.begin_key_picture();
            for (first, slice) in
                (0..).step_by(first_counts as usize).zip(macroblocks.chunks(first_counts as usize))
            {
                stream.slice(first, |bits| {
                    for samples in slice {
                        bits.ue(25); // mb_type: I_PCM
                        bits.align_with_zeros();
                        let before = bits.bit_len();
                        bits.bytes(samples);
                        assert!(bits.bit_len() - before + 24 <= Level::MACROBLOCK_BITS);
                    }
                });
            }
        }
        // And a picture that repeats the one before.
        stream.begin_picture();
        stream.slice(0, |bits| bits.ue(columns * rows)); // mb_skip_run
        let expected = shown(&macroblocks, columns as usize, width as usize, height as usize);
        assert!(stream.decoded() == expected.repeat(4), "{width}×{height}");
    }
}

#[test]
fn every_kind_of_block_is_read_to_its_end() {
    if !have_ffmpeg() {
        return;
    }
    let mut stream = Stream::new(352, 288);
    let mut numbers = Numbers(7);
    let (columns, rows) = stream.parameters.macroblocks();
    for picture in 0..12 {
        // From pictures of few coefficients to those of nothing but escape codes.
        let density = [1, 4, 10, 16][picture % 4];
        let is_key = picture % 3 == 0;
        if is_key {
            stream.begin_key_picture();
        } else {
            stream.begin_picture();
        }
        let mut counts = Counts::new(columns as usize);
        stream.slice(0, |bits| {
            for index in 0..columns * rows {
                if !is_key {
                    bits.ue(0); // mb_skip_run
                }
                write_macroblock(bits, &mut counts, index as usize, is_key, density, &mut numbers);
            }
        });
    }
    assert_eq!(stream.decoded().len(), 12 * 352 * 288 * 3 / 2);
}

#[test]
fn ffprobe_reads_the_parameters() {
    if !have_ffmpeg() {
        return;
    }
    for (width, height, level) in [(1366, 768, 32), (1920, 1080, 40), (720, 400, 30), (3840, 2160, 51)] {
        let mut stream = Stream::new(width, height);
        let (columns, rows) = stream.parameters.macroblocks();
        stream.begin_key_picture();
        stream.slice(0, |bits| {
            for _ in 0..columns * rows {
                // mb_type: I16x16, predicted by the mean, without coefficients; chroma too; the same quantiser.
                bits.ue(3);
                bits.ue(0);
                bits.se(0);
                bits.put(1, 1); // coeff_token: none
            }
        });
        // It is shown as soon as it is there: nothing needs to come behind it.
        let entries = "stream=profile,level,has_b_frames,width,height,color_range,color_space,color_transfer,\
                       color_primaries,refs,r_frame_rate";
        let arguments = ["-v", "warning", "-show_entries", entries, "-of", "default=nk=0:nw=1"];
        let output = String::from_utf8(stream.given_to("ffprobe", &arguments, &[])).unwrap();
        for entry in [
            "profile=Constrained Baseline".to_owned(),
            format!("level={level}"),
            format!("width={width}"),
            format!("height={height}"),
            "has_b_frames=0".to_owned(),
            "refs=1".to_owned(),
            "color_range=tv".to_owned(),
            "color_space=bt709".to_owned(),
            "color_transfer=bt709".to_owned(),
            "color_primaries=bt709".to_owned(),
            "r_frame_rate=1000000/33333".to_owned(),
        ] {
            assert!(output.lines().any(|line| line == entry), "{entry} is not in {output}");
        }
    }
}

/// Writes a macroblock of random coefficients, without a vector.
fn write_macroblock(
    bits: &mut BitWriter,
    counts: &mut Counts,
    index: usize,
    is_key: bool,
    density: u64,
    numbers: &mut Numbers,
) {
    let in_intra = if is_key { 0 } else { 5 };
    let mut pattern = numbers.byte(48);
    let kind = numbers.below(if is_key { 2 } else { 3 });
    match kind {
        // Predicted by the mean, with all of the luma's coefficients or their DC alone.
        0 => {
            pattern = pattern & 0b11_0000 | if pattern & 1 == 0 { 0 } else { 15 };
            bits.ue(in_intra + 3 + 4 * u32::from(pattern >> 4) + if pattern & 15 == 0 { 0 } else { 12 });
            bits.ue(0); // intra_chroma_pred_mode
        }
        // By 4×4 blocks.
        1 => {
            bits.ue(in_intra);
            for _ in 0..16 {
                // The mean is what is told, or predicted to begin with.
                bits.put(1, 1);
            }
            bits.ue(0); // intra_chroma_pred_mode
            bits.ue(intra_4x4_number(pattern));
        }
        // From the picture before.
        _ => {
            bits.ue(0);
            bits.se(0); // mvd_l0
            bits.se(0);
            bits.ue(inter_number(pattern));
        }
    }
    if pattern > 0 || kind == 0 {
        bits.se(0); // mb_qp_delta
    }
    if kind == 0 {
        write_block(bits, &numbers.levels::<16>(density), counts.neighbours(index, 0, 0));
    }
    for block in 0..16 {
        // The standard's order: by quarters of the macroblock, and of those (6.4.3).
        let (x, y) = (block & 1 | block >> 1 & 2, block >> 1 & 1 | block >> 2 & 2);
        let total = if pattern >> (block / 4) & 1 == 0 {
            0
        } else if kind == 0 {
            write_block(bits, &numbers.levels::<15>(density), counts.neighbours(index, x, y))
        } else {
            write_block(bits, &numbers.levels::<16>(density), counts.neighbours(index, x, y))
        };
        counts.set(index, x, y, total);
    }
    if pattern >> 4 > 0 {
        for _ in 0..2 {
            write_block(bits, &numbers.levels::<4>(density), Neighbours::ChromaDc);
        }
    }
    for block in 0..8 {
        // Columns of their own for the planes of chroma, behind those of luma.
        let (x, y) = (4 + block / 4 * 2 + block % 2, block / 2 % 2);
        let total = if pattern >> 4 < 2 {
            0
        } else {
            write_block(bits, &numbers.levels::<15>(density), counts.neighbours(index, x, y))
        };
        counts.set(index, x, y, total);
    }
}

/// How many coefficients the blocks of a picture have.
struct Counts {
    columns: usize,
    macroblocks: Vec<[[u8; 8]; 4]>,
}

impl Counts {
    fn new(columns: usize) -> Self {
        Self { columns, macroblocks: Vec::new() }
    }

    fn set(&mut self, index: usize, x: usize, y: usize, total: u8) {
        self.macroblocks.resize(self.macroblocks.len().max(index + 1), [[0; 8]; 4]);
        self.macroblocks[index][y][x] = total;
    }

    /// 9.2.1.
    fn neighbours(&self, index: usize, x: usize, y: usize) -> Neighbours {
        let width = if x < 4 { 4 } else { 2 };
        let left = if x % width > 0 {
            Some(self.macroblocks.get(index).map_or(0, |counts| counts[y][x - 1]))
        } else {
            (index % self.columns > 0).then(|| self.macroblocks[index - 1][y][x + width - 1])
        };
        let above = if y > 0 {
            Some(self.macroblocks.get(index).map_or(0, |counts| counts[y - 1][x]))
        } else {
            (index >= self.columns).then(|| self.macroblocks[index - self.columns][width - 1][x])
        };
        Neighbours::Blocks(match (left, above) {
            (Some(left), Some(above)) => (left + above).div_ceil(2),
            (left, above) => left.or(above).unwrap_or(0),
        })
    }
}

struct Stream {
    parameters: Parameters,
    bytes: Vec<u8>,
    bits: BitWriter,
    kind: SliceKind,
    frame_num: u32,
}

impl Stream {
    fn new(width_px: u32, height_px: u32) -> Self {
        Self {
            parameters: Parameters::new(width_px, height_px, Duration::from_micros(33_333), None).unwrap(),
            bytes: Vec::new(),
            bits: BitWriter::new(),
            kind: SliceKind::Key { id: 0 },
            frame_num: 0,
        }
    }

    fn write_parameters(&mut self) {
        self.bits.clear();
        self.parameters.write_sequence(&mut self.bits);
        append_annex_b(&mut self.bytes, NalKind::Sequence, self.bits.as_bytes());
        self.bits.clear();
        self.parameters.write_picture(&mut self.bits);
        append_annex_b(&mut self.bytes, NalKind::Picture, self.bits.as_bytes());
    }

    fn begin_key_picture(&mut self) {
        self.write_parameters();
        self.kind = match self.kind {
            SliceKind::Key { id } => SliceKind::Key { id: id ^ 1 },
            _ => SliceKind::Key { id: 0 },
        };
        self.frame_num = 0;
    }

    fn begin_picture(&mut self) {
        self.kind = SliceKind::Predicted;
        self.frame_num += 1;
    }

    fn slice(&mut self, first_macroblock: u32, write: impl FnOnce(&mut BitWriter)) {
        self.bits.clear();
        let (kind, frame_num) = (self.kind, self.frame_num);
        SliceHeader { first_macroblock, kind, frame_num, quantiser: 30 }.write(&mut self.bits);
        write(&mut self.bits);
        self.bits.finish_rbsp();
        let unit = if matches!(kind, SliceKind::Key { .. }) { NalKind::KeySlice } else { NalKind::Slice };
        append_annex_b(&mut self.bytes, unit, self.bits.as_bytes());
    }

    /// What ffmpeg shows, planes behind each other.
    fn decoded(&self) -> Vec<u8> {
        let arguments = ["-v", "warning", "-err_detect", "explode+bitstream+buffer", "-f", "h264"];
        self.given_to(
            "ffmpeg",
            &arguments,
            &["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"],
        )
    }

    /// What a tool says of the stream; it must not complain.
    fn given_to(&self, tool: &str, before: &[&str], after: &[&str]) -> Vec<u8> {
        let name = format!("kvm-h264-{}-{:?}.264", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, &self.bytes).unwrap();
        let output = Command::new(tool).args(before).arg("-i").arg(&path).args(after).output().unwrap();
        std::fs::remove_file(path).unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && complaints.is_empty(), "{tool}: {complaints}");
        output.stdout
    }
}

/// The planes of a picture of exact macroblocks, as far as they are shown.
fn shown(macroblocks: &[[u8; 384]], columns: usize, width: usize, height: usize) -> Vec<u8> {
    let mut planes = Vec::new();
    for (start, side) in [(0, 16), (256, 8), (320, 8)] {
        for y in 0..height * side / 16 {
            for x in 0..width * side / 16 {
                let macroblock = &macroblocks[y / side * columns + x / side];
                planes.push(macroblock[start + y % side * side + x % side]);
            }
        }
    }
    planes
}

fn have_ffmpeg() -> bool {
    let there = Command::new("ffmpeg").arg("-version").output().is_ok();
    assert!(there || std::env::var_os("KVM_TOOLS_REQUIRED").is_none(), "ffmpeg is required and missing");
    if !there {
        eprintln!("SKIPPED: ffmpeg is not installed");
    }
    there
}

/// Numbers that look random (a linear congruence with the constants of Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn byte(&mut self, bound: u64) -> u8 {
        u8::try_from(self.below(bound)).unwrap()
    }

    /// Levels of a block, of which so many sixteenths are not zero.
    fn levels<const LEN: usize>(&mut self, density: u64) -> [i16; LEN] {
        std::array::from_fn(|_| {
            if self.below(16) >= density {
                return 0;
            }
            let bound = [1, 2, 10, 100, MAX_LEVEL.unsigned_abs()][usize::from(self.byte(5))];
            let magnitude = 1 + i16::try_from(self.below(u64::from(bound))).unwrap();
            if self.below(2) == 0 { magnitude } else { -magnitude }
        })
    }
}
