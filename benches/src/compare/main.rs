//! Bytes and processor time for each frame of a screen sequence: ours, and beside them doing nothing and peers.
//!
//! Reads raw frames from standard input:
//!
//! ```text
//! benches/workloads/decode-workload FILE.mkv uyvy422 |
//!     taskset -c 0 cargo run --release -p kvm-benches --features peers --bin compare -- uyvy 1920x1080
//! ```
//!
//! Every frame goes to every contender before the next frame is read, in an order that rotates, so that a noisy
//! machine is noisy for all of them. Times are processor time of the one thread that everything runs on.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks through them")]

use std::io::{self, Read};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use kvm_capture::{Frame, FrameFormat, PixelFormat};
use rustix::time::{ClockId, clock_gettime};

mod contender;
#[cfg(feature = "peers")]
mod peers;

use contender::contenders;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let per_frame = arguments.iter().any(|argument| argument == "--frames");
    let Some(format) = arguments.first().zip(arguments.get(1)).and_then(|(pixel, size)| format(pixel, size))
    else {
        eprintln!("usage: compare uyvy|yuyv|nv12|i420|bgrx WIDTHxHEIGHT [--frames] <raw frames");
        return ExitCode::from(2);
    };
    match compare(format, per_frame) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(format: FrameFormat, per_frame: bool) -> io::Result<()> {
    let mut contenders = contenders(format);
    let mut records: Vec<Vec<(usize, Duration)>> = vec![Vec::new(); contenders.len()];
    let mut input = io::stdin().lock();
    let mut turn = 0;
    while let Some(frame) = read_frame(&mut input, format)? {
        for offset in 0..contenders.len() {
            let index = (turn + offset) % contenders.len();
            contenders[index].prepare(&frame);
            let start = thread_time();
            let bytes = contenders[index].take(&frame);
            records[index].push((bytes, thread_time().saturating_sub(start)));
        }
        turn += 1;
    }
    println!("{format}, {turn} frames");
    println!("{:<28} {:>10} {:>10} {:>10} {:>12}", "", "mean ms", "median ms", "p99 ms", "bytes/frame");
    for (contender, record) in contenders.iter().zip(&records) {
        summarise(contender.name(), record);
    }
    if per_frame {
        for (contender, record) in contenders.iter().zip(&records) {
            for (number, (bytes, time)) in record.iter().enumerate() {
                println!("{}\t{number}\t{bytes}\t{}", contender.name(), time.as_micros());
            }
        }
    }
    Ok(())
}

fn summarise(name: &str, record: &[(usize, Duration)]) {
    let mut times: Vec<f64> = record.iter().map(|(_, time)| time.as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let Some(last) = times.len().checked_sub(1) else { return };
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let bytes: usize = record.iter().map(|(bytes, _)| bytes).sum();
    println!(
        "{name:<28} {mean:>10.2} {:>10.2} {:>10.2} {:>12}",
        times[last / 2],
        times[last * 99 / 100],
        bytes / record.len()
    );
}

fn read_frame(input: &mut impl Read, format: FrameFormat) -> io::Result<Option<Frame>> {
    let mut bytes = Vec::new();
    let len = format.len_bytes() as u64;
    let read = input.by_ref().take(len).read_to_end(&mut bytes)?;
    match Frame::packed(format, Bytes::from(bytes)) {
        Ok(frame) => Ok(Some(frame)),
        Err(_) if read == 0 => Ok(None),
        Err(error) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, error)),
    }
}

fn format(pixel: &str, size: &str) -> Option<FrameFormat> {
    let pixel = match pixel {
        "uyvy" => PixelFormat::Uyvy,
        "yuyv" => PixelFormat::Yuyv,
        "nv12" => PixelFormat::Nv12,
        "i420" => PixelFormat::I420,
        "bgrx" => PixelFormat::Bgrx,
        _ => return None,
    };
    let (width, height) = size.split_once('x')?;
    Some(FrameFormat::new(pixel, width.parse().ok()?, height.parse().ok()?))
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
