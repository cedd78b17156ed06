//! Records a screen into an MP4 file that plays wherever it is cut.
//!
//! From a moving pattern (text, desktop, scroll, drag, noise, film), a capture device, or a file of frames:
//!
//!     cargo run -p kvm-examples --bin record -- desktop screen.mp4 --seconds 5
//!     cargo run -p kvm-examples --bin record -- /dev/video0 screen.mp4 --seconds 60
//!     cargo run -p kvm-examples --bin record -- frames.y4m screen.mp4
//!     cargo run -p kvm-examples --bin record -- frames.uyvy screen.mp4 --format UYVY --size 1920x1080
//!
//! Needs: nothing more; for `--codec openh264` the feature of that name and a C++ compiler; for
//! `--chain`, which lets `verify-recording` find cuts and edits, the feature `chain`; for `--finalise`, which makes a plain, seekable file of it in the end, the feature `mp4` as well.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
#[cfg(feature = "mp4")]
use std::path::Path;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use kvm_audit::{Capability, Ledger, Manifest};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{
    FourCc, FrameFormat, FrameRate, FrameSource, PixelFormat, Replay, SignalLoss, Timestamp, V4l2Source,
};
#[cfg(feature = "openh264")]
use kvm_stream::OpenH264Encoder;
use kvm_stream::{Encoder, FanOut, H264Encoder, JpegEncoder, PacketSink, Pipeline, Recorder, Step};

/// Records a screen into an MP4 file.
#[derive(Parser)]
struct Options {
    /// A pattern's name, a capture device, a .y4m file or a file of raw frames.
    source: String,
    /// The file to record into.
    output: PathBuf,
    /// Ends after so many seconds; a file may end earlier.
    #[arg(long)]
    seconds: Option<u64>,
    /// How the pixels of raw frames lie, as a V4L2 code; patterns are drawn so, too.
    #[arg(long, default_value = "UYVY", value_parser = pixel_format)]
    format: PixelFormat,
    /// The size of raw frames and of patterns.
    #[arg(long, default_value = "1280x720", value_parser = size)]
    size: (u32, u32),
    /// How pictures are encoded.
    #[arg(long, default_value = "jpeg")]
    codec: PictureCodec,
    /// Adds a chain of hashes, and prints its head in the end.
    #[cfg(feature = "chain")]
    #[arg(long)]
    chain: bool,
    /// Makes a plain, seekable file of the recording in the end. For H.264.
    #[cfg(feature = "mp4")]
    #[arg(long)]
    finalise: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum PictureCodec {
    /// Whole pictures, each of which can be taken out of the file.
    Jpeg,
    /// H.264, of which a change costs what changed.
    H264,
    /// H.264 through OpenH264, a library in C++.
    #[cfg(feature = "openh264")]
    #[value(name = "openh264")]
    OpenH264,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let output = options.output.to_string_lossy().into_owned();
    let ledger = Ledger::new();
    let mut manifest =
        Manifest::new("record").declare(Capability::Recording, output.clone(), "that is what it does")?;
    let format = FrameFormat::new(options.format, options.size.0, options.size.1);
    let is_device = options.source.starts_with("/dev/");
    let source: Box<dyn FrameSource> = if is_device {
        manifest = manifest.declare(Capability::VideoCapture, options.source.clone(), "shows the screen")?;
        Box::new(V4l2Source::open(&options.source, manifest.grant(&ledger)?)?)
    } else if let Ok(pattern) = options.source.parse::<Pattern>() {
        Box::new(PatternSource::new(pattern, format, 1)?)
    } else if options.source.ends_with(".y4m") {
        Box::new(Replay::open_y4m(&options.source)?)
    } else {
        Box::new(Replay::open_raw(&options.source, format, FrameRate::DEFAULT)?)
    };
    let encoder: Box<dyn Encoder> = match options.codec {
        PictureCodec::Jpeg => Box::new(JpegEncoder::new(80)),
        PictureCodec::H264 => Box::new(H264Encoder::default()),
        #[cfg(feature = "openh264")]
        PictureCodec::OpenH264 => Box::new(OpenH264Encoder::new(OpenH264Encoder::DEFAULT_QUANTISER)),
    };

    let file = BufWriter::new(File::create(&options.output)?);
    let recorder = Recorder::new(&output, file, manifest.grant(&ledger)?)?;
    #[cfg(feature = "chain")]
    let recorder = if options.chain { recorder.with_chain() } else { recorder };
    record(Pipeline::new(source, encoder), recorder, options.seconds.map(Duration::from_secs))?;
    #[cfg(feature = "mp4")]
    if options.finalise {
        finalise(&options.output)?;
    }
    Ok(())
}

/// Records until the time on the frames' own clock is over, or the source is at its end.
fn record(
    mut pipeline: Pipeline,
    mut recorder: Recorder<BufWriter<File>>,
    length: Option<Duration>,
) -> Result<(), Box<dyn Error>> {
    let packets = FanOut::new(2);
    let mut viewer = packets.join();
    pipeline.add_sink(Box::new(packets));
    let (started, mut first, mut newest) = (Instant::now(), None, Timestamp::default());
    loop {
        let step = pipeline.step()?;
        while let Some(packet) = viewer.try_packet() {
            recorder.push(packet)?;
        }
        match step {
            Step::SignalLost(SignalLoss::Ended) => break,
            Step::SignalLost(loss) => writeln!(io::stderr(), "{loss}. {}", loss.advice())?,
            // A device tells when it has a frame, and looking a little later costs nothing here.
            Step::Idle => sleep(Duration::from_millis(2)),
            _ => {}
        }
        if let Some(frame) = pipeline.frame() {
            newest = frame.timestamp();
            first.get_or_insert(newest);
        }
        // Without a signal there is no frame whose clock would end it.
        let recorded = first.map_or_else(|| started.elapsed(), |first| newest.saturating_since(first));
        if length.is_some_and(|length| recorded >= length) {
            break;
        }
    }
    let (file, recorded) = recorder.finish(newest)?;
    #[cfg(feature = "chain")]
    if let Some(head) = recorded.chain {
        writeln!(io::stdout(), "chain: {head}")?;
    }
    file.into_inner()?.sync_all()?;
    writeln!(
        io::stdout(),
        "{} pictures, {:.1?}, {} bytes",
        recorded.pictures,
        recorded.duration,
        recorded.bytes
    )?;
    Ok(())
}

/// Puts a plain file in the place of the recording.
#[cfg(feature = "mp4")]
fn finalise(path: &Path) -> Result<(), Box<dyn Error>> {
    let plain = path.with_extension("plain.mp4");
    let finalised = kvm_stream::mp4::finalise(
        io::BufReader::new(File::open(path)?),
        BufWriter::new(File::create(&plain)?),
    )?;
    std::fs::rename(&plain, path)?;
    writeln!(io::stdout(), "finalised: {} pictures, {:.1?}", finalised.pictures, finalised.duration)?;
    Ok(())
}

fn pixel_format(code: &str) -> Result<PixelFormat, &'static str> {
    let code: [u8; 4] = code.as_bytes().try_into().map_err(|_| "a code has four characters, such as UYVY")?;
    PixelFormat::from_fourcc(FourCc(code)).ok_or("no format of that code is known")
}

fn size(text: &str) -> Result<(u32, u32), &'static str> {
    let sides =
        text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.ok_or("write it as 1280x720")
}
