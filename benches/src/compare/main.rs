//! Bytes, processor time and quality for each frame of a screen sequence: ours, and beside them doing nothing and peers.
//!
//! Reads raw frames from standard input; `compare-workloads` runs it over a folder of workloads:
//!
//! ```text
//! benches/workloads/decode-workload FILE.mkv uyvy422 |
//!     taskset -c 0 cargo run --release -p kvm-benches --features peers --bin compare -- uyvy 1920x1080
//! ```
//!
//! Every frame goes to every contender before the next frame is read, in an order that rotates, so that a noisy
//! machine is noisy for all of them. Times are processor time of the one thread that everything runs on. What a
//! contender sent is then decoded and held against the frame, without its being timed.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks through them")]

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use kvm_benches::quality::{Judge, Quality, Screen};
use kvm_capture::convert::Converter;
use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};

mod contender;
#[path = "../../../kvm-stream/tests/film_view/mod.rs"]
mod film_view;
mod jpeg_peers;
mod library;
mod options;
mod ours;
mod record;
#[path = "../../../kvm-stream/tests/rect_decoder/mod.rs"]
#[expect(dead_code, reason = "the tests of kvm-stream look at more of it")]
mod rect_decoder;
mod table;
mod video_peers;
mod viewers;

use contender::{Entrant, Failure};
use options::{Options, Task};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("compare: {wrong}\n{}", Options::USAGE);
            return ExitCode::from(2);
        }
    };
    let result = match options.task {
        Task::Compare { format } => compare(format, &options),
        Task::Mix { files } => mix(&files),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("compare: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn compare(format: FrameFormat, options: &Options) -> Result<(), Failure> {
    let mut entrants = contender::entrants(format)?;
    entrants.retain(|entrant| options.takes(entrant.name()));
    let (width, height) = (format.width_px as usize, format.height_px as usize);
    if options.part.is_some_and(|[x, y, w, h]| w * h == 0 || x + w > width || y + h > height) {
        return Err("the part to judge is outside the picture".into());
    }
    let mut source = Source {
        screen: Screen::new(width, height),
        judge: Judge::default(),
        part: options.part,
        is_repeated: false,
    };
    let mut converter = Converter::new();
    let mut sequence = Sequence { input: io::stdin().lock(), format, number: 0, limit: options.frames };
    let mut previous: Option<Frame> = None;
    let mut turn = 0;
    while let Some(frame) = sequence.next()? {
        let rgb = FrameFormat::new(PixelFormat::Rgb24, format.width_px, format.height_px);
        let image = frame.image().ok_or("a raw frame has pixels")?;
        source.is_repeated = previous.is_some_and(|previous| same_pixels(&previous, &frame));
        if !source.is_repeated {
            converter.convert(&image, rgb, &mut source.screen.rgb);
            source.take();
        }
        for offset in 0..entrants.len() {
            let index = (turn + offset) % entrants.len();
            entrants[index].run(&frame)?;
        }
        for entrant in &mut entrants {
            entrant.check(&mut source)?;
        }
        previous = Some(frame);
        turn += 1;
    }
    if turn < 2 {
        return Err("no two frames came".into());
    }
    let rows: Vec<table::Row> = entrants.iter().map(Entrant::row).collect();
    println!("{format}, {turn} frames\n\n{}", table::markdown(&rows));
    if let Some(file) = &options.rows {
        fs::write(file, table::to_tsv(&rows))?;
    }
    if options.each {
        for entrant in &entrants {
            entrant.print_frames();
        }
    }
    Ok(())
}

/// The mean over the workloads whose rows are in these files, and an overview of them.
fn mix(files: &[String]) -> Result<(), Failure> {
    let mut workloads = Vec::new();
    for file in files {
        let rows = table::from_tsv(&fs::read_to_string(file)?).map_err(|wrong| format!("{file}: {wrong}"))?;
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        workloads.push((name, rows));
    }
    let rows: Vec<&[table::Row]> = workloads.iter().map(|(_, rows)| rows.as_slice()).collect();
    println!("p99 is the worst of them.\n\n{}", table::markdown(&table::mean(&rows)?));
    println!("Mean ms / kB a frame:\n\n{}", table::overview(&workloads));
    Ok(())
}

/// What the contenders' pictures are held against.
struct Source {
    screen: Screen,
    judge: Judge,
    /// What of the screen is looked at: left, top, width and height; `None` for all of it.
    part: Option<[usize; 4]>,
    /// Whether the frame is the one before it again.
    is_repeated: bool,
}

impl Source {
    fn take(&mut self) {
        match self.part {
            Some(part) => self.judge.take_source(&self.screen.part(part)),
            None => self.judge.take_source(&self.screen),
        }
    }

    fn judge(&mut self, shown: &Screen) -> Quality {
        match self.part {
            Some(part) => self.judge.judge(&self.screen.part(part), &shown.part(part)),
            None => self.judge.judge(&self.screen, shown),
        }
    }
}

fn same_pixels(first: &Frame, second: &Frame) -> bool {
    let (Some(first), Some(second)) = (first.image(), second.image()) else { return false };
    first.planes().iter().zip(second.planes()).all(|(a, b)| a.rows().eq(b.rows()))
}

/// Raw frames, 30 a second.
struct Sequence<R> {
    input: R,
    format: FrameFormat,
    number: u64,
    limit: Option<u64>,
}

impl<R: Read> Sequence<R> {
    fn next(&mut self) -> io::Result<Option<Frame>> {
        if self.limit.is_some_and(|limit| self.number >= limit) {
            return Ok(None);
        }
        let len = self.format.len_bytes();
        let mut bytes = Vec::with_capacity(len);
        let read = self.input.by_ref().take(len as u64).read_to_end(&mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        let frame = Frame::packed(self.format, Bytes::from(bytes))
            .map_err(|error| io::Error::new(io::ErrorKind::UnexpectedEof, error))?
            .with_timestamp(Timestamp::from_micros(self.number * 1_000_000 / 30))
            .with_sequence(self.number);
        self.number += 1;
        Ok(Some(frame))
    }
}
