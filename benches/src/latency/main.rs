//! How long a frame takes from the capture queue to a viewer behind a socket, stage by stage.
//!
//! The way is the real one: a source, the pipeline with its difference and encoder, the fan-out, and a TCP connection
//! on this machine, on whose other end a thread notes when a picture has arrived as a whole. Frames come at a steady
//! pace: of a pattern, or raw from standard input:
//!
//! ```text
//! cargo run --release -p kvm-benches --bin latency -- rects uyvy 1920x1080 --pattern scroll
//! benches/workloads/decode-workload FILE.mkv uyvy422 | target/release/latency jpeg uyvy 1920x1080 --frames 200
//! ```
//!
//! The pipeline runs on the first processor this program may use, the two ends of the connection on the last.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks through them")]

use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use kvm_stream::{Encoder, FanOut, HybridEncoder, JpegEncoder, Pipeline, StageTimes, Step, ViewerPolicy};

mod figures;
mod options;
mod processors;
mod source;
mod wire;

use figures::Figures;
use options::Options;
use source::{Slot, SlotSource, now};
use wire::Arrival;

/// Whatever ends a measurement.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("latency: {wrong}\n{}", Options::USAGE);
            return ExitCode::from(2);
        }
    };
    match measure(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("latency: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), Failure> {
    let pinned = processors::first_and_last()?;
    let fan_out = FanOut::new(2);
    let viewer = fan_out.join_with(ViewerPolicy::latest_wins(4));
    let (arrivals, arrived) = mpsc::channel();
    let ends = wire::connect(viewer, arrivals, pinned.map(|(_, last)| last))?;
    if let Some((first, _)) = pinned {
        processors::pin(first)?;
    }
    let steps = drive(options, fan_out)?;
    let dropped = ends.join()?;
    let arrivals: Vec<Arrival> = arrived.into_iter().collect();

    let mut figures = Figures::default();
    for arrival in &arrivals {
        // What the viewer knows of the capture came over the wire, and must be what the source said.
        let step = steps
            .iter()
            .find(|step| step.sequence == arrival.sequence)
            .ok_or_else(|| format!("a picture of frame {} came, which was not sent", arrival.sequence))?;
        if step.times.captured != arrival.captured {
            return Err(format!(
                "frame {} was captured at {:?} and arrived as of {:?}",
                arrival.sequence, step.times.captured, arrival.captured
            )
            .into());
        }
        figures.add(step.times, arrival);
    }
    let sent = steps.iter().filter(|step| step.is_sent).count();
    println!(
        "{} {}, {} frames at {} Hz: {} sent, {} arrived with their timestamps, {dropped} dropped",
        options.encoder,
        options.format,
        steps.len(),
        options.hz,
        sent,
        arrivals.len()
    );
    match pinned {
        Some((first, last)) => println!("pipeline on processor {first}, both ends of the socket on {last}"),
        None => println!("one processor for all threads"),
    }
    if arrivals.len() as u64 + dropped != sent as u64 {
        return Err("pictures are missing".into());
    }
    print!("{}", figures.table()?);
    Ok(())
}

/// What became of one frame.
struct Passed {
    sequence: u64,
    is_sent: bool,
    times: StageTimes,
}

/// Gives the frames to a pipeline, at their pace.
fn drive(options: &Options, fan_out: FanOut) -> Result<Vec<Passed>, Failure> {
    let encoder: Box<dyn Encoder> = match options.encoder.as_str() {
        "jpeg" => Box::new(JpegEncoder::new(80)),
        _ => Box::new(HybridEncoder::default()),
    };
    let slot = Slot::default();
    let mut pipeline = Pipeline::new(Box::new(SlotSource(slot.clone())), encoder).with_clock(Instant::now);
    pipeline.add_sink(Box::new(fan_out));
    // Ahead of time, so that nobody makes frames meanwhile.
    let mut source = options.frames()?;
    let mut frames = Vec::new();
    while let Some(frame) = source.next()? {
        frames.push(frame);
    }
    let interval = Duration::from_secs(1) / options.hz;
    let mut due = Instant::now() + interval;
    let mut passed = Vec::new();
    for frame in frames {
        let sequence = frame.sequence();
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += interval;
        slot.put(frame);
        // A step may see to what a viewer lacks before it takes the frame.
        while slot.is_full() {
            let step = pipeline.step()?;
            let (is_sent, times) = match step {
                Step::Encoded { bytes, times, .. } => (bytes > 0, times),
                Step::Unchanged { times } => (false, times),
                other => return Err(format!("a frame came to {other:?}").into()),
            };
            if !slot.is_full() {
                passed.push(Passed { sequence, is_sent, times });
            }
        }
        // What came late leaves the next frame its time all the same, as a driver's queue does.
        due = due.max(Instant::now());
    }
    Ok(passed)
}
