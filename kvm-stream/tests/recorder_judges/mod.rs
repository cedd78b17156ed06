//! Programs that judge recordings, and material to record: none of it is this project's.
//!
//! Without the programs a test says `SKIPPED` and passes, unless `KVM_TOOLS_REQUIRED` is set, which makes it fail.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "all of it is test code")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use kvm_audit::{Capability, Grant, Ledger, Manifest, Recording, Scope};
use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};
use kvm_stream::mp4::{Ending, RecordingReader};
use kvm_stream::{Codec, Packet, PacketSink, Recorder};

/// Whether all these programs are there. Says so where they are not.
pub(crate) fn have(tools: &[&str]) -> bool {
    tools.iter().all(|tool| {
        let flag = if tool.starts_with("gst") { "--version" } else { "-version" };
        let run = Command::new(tool).arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status();
        let there = run.is_ok();
        assert!(there || std::env::var_os("KVM_TOOLS_REQUIRED").is_none(), "{tool} is required and missing");
        if !there {
            eprintln!("SKIPPED: {tool} is not installed");
        }
        there
    })
}

/// Runs a program and gives back what it printed. Fails if it fails or complains.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(tool).args(arguments).stdin(Stdio::null()).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {arguments:?}: {complaints}");
    assert!(complaints.trim().is_empty(), "{tool} {arguments:?}: {complaints}");
    output.stdout
}

/// A file of this test run.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

pub(crate) fn write(name: &str, bytes: &[u8]) -> String {
    let path = path(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The pictures' times in the file in microseconds, as ffprobe sees them.
pub(crate) fn probed_times(file: &str) -> Vec<u64> {
    let arguments = ["-v", "error", "-show_entries", "packet=pts", "-of", "csv=p=0", file];
    let lines = String::from_utf8(run("ffprobe", &arguments)).unwrap();
    lines.split_whitespace().map(|line| line.trim_end_matches(',').parse().unwrap()).collect()
}

/// One entry that ffprobe shows of the only stream, such as `codec_name`.
pub(crate) fn probed(file: &str, entry: &str) -> String {
    let entries = format!("stream={entry}");
    let arguments = ["-v", "error", "-show_entries", &entries, "-of", "csv=p=0", file];
    String::from_utf8(run("ffprobe", &arguments)).unwrap().trim().to_owned()
}

/// The duration in microseconds that ffprobe sees.
pub(crate) fn probed_duration(file: &str) -> u64 {
    let arguments = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", file];
    // With six digits after the point, always.
    let seconds = String::from_utf8(run("ffprobe", &arguments)).unwrap();
    seconds.trim().replace('.', "").parse().unwrap()
}

/// A checksum of each of the first decoded pictures, by ffmpeg.
pub(crate) fn decoded(file: &str, count: usize) -> Vec<String> {
    let count = count.to_string();
    let arguments = ["-v", "error", "-xerror", "-i", file, "-fps_mode", "passthrough"];
    let output = ["-frames:v", &count, "-f", "framehash", "-hash", "crc32", "-"];
    hashes(run("ffmpeg", &[&arguments[..], &output].concat()))
}

/// A checksum of each picture that ffmpeg decodes of a file that may be torn at its end, whatever it says of that.
pub(crate) fn decoded_of_torn(file: &str) -> Vec<String> {
    let arguments = ["-v", "quiet", "-i", file, "-fps_mode", "passthrough"];
    let output = ["-f", "framehash", "-hash", "crc32", "-"];
    let output = Command::new("ffmpeg").args(arguments).args(output).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "ffmpeg gave up on {file}");
    hashes(output.stdout)
}

fn hashes(lines: Vec<u8>) -> Vec<String> {
    let lines = String::from_utf8(lines).unwrap();
    let lines = lines.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// How many pictures GStreamer decodes, which shares no code with ffmpeg in the container, nor in H.264.
pub(crate) fn decoded_by_gstreamer(file: &str, codec: Codec, width: u32, height: u32) -> usize {
    let decoder: &[&str] = match codec {
        Codec::Jpeg => &["jpegdec"],
        _ => &["h264parse", "!", "openh264dec"],
    };
    let grey = format!("{file}.grey");
    let (source, sink) = (format!("location={file}"), format!("location={grey}"));
    let before = ["-q", "filesrc", &source, "!", "qtdemux", "!"];
    let after = ["!", "videoconvert", "!", "video/x-raw,format=GRAY8", "!", "filesink", &sink];
    run("gst-launch-1.0", &[&before[..], decoder, &after].concat());
    let len = std::fs::metadata(&grey).unwrap().len();
    std::fs::remove_file(&grey).unwrap();
    usize::try_from(len / u64::from(width.next_multiple_of(4) * height)).unwrap()
}

/// Pictures of ffmpeg's moving test pattern, 320×180, as JPEG.
pub(crate) fn jpeg_pictures(count: usize) -> Vec<Bytes> {
    let stream = made_by_ffmpeg(count, 320, 180, &["-c:v", "mjpeg", "-q:v", "5", "-f", "image2pipe"]);
    split(&stream, &[0xFF, 0xD8, 0xFF])
}

/// The same as H.264, a key picture every twelfth, without reordering.
pub(crate) fn h264_pictures(count: usize) -> Vec<Bytes> {
    h264_pictures_of(count, 320, 180, "high")
}

pub(crate) fn h264_pictures_of(count: usize, width: u32, height: u32, profile: &str) -> Vec<Bytes> {
    let coding = ["-c:v", "libx264", "-profile:v", profile, "-preset", "veryfast", "-bf", "0", "-g", "12"];
    let form = ["-pix_fmt", "yuv420p", "-x264-params", "aud=1:repeat-headers=1", "-f", "h264"];
    split(&made_by_ffmpeg(count, width, height, &[&coding[..], &form].concat()), &[0, 0, 0, 1, 9])
}

fn made_by_ffmpeg(count: usize, width: u32, height: u32, output: &[&str]) -> Vec<u8> {
    let pattern = format!("testsrc2=size={width}x{height}:rate=30");
    let count = count.to_string();
    let input = ["-v", "error", "-f", "lavfi", "-i", &pattern, "-frames:v", &count];
    run("ffmpeg", &[&input[..], output, &["-"]].concat())
}

/// Splits a stream of pictures before each mark.
fn split(stream: &[u8], mark: &[u8]) -> Vec<Bytes> {
    let stream = Bytes::copy_from_slice(stream);
    let mut starts: Vec<usize> =
        stream.windows(mark.len()).enumerate().filter(|(_, at)| *at == mark).map(|(at, _)| at).collect();
    assert_eq!(starts.first(), Some(&0));
    starts.push(stream.len());
    starts.windows(2).map(|pair| stream.slice(pair[0]..pair[1])).collect()
}

/// Makes a packet of a picture.
pub(crate) fn packet(
    codec: Codec,
    payload: &Bytes,
    (width, height): (u32, u32),
    at: Timestamp,
    is_key: bool,
) -> Packet {
    let format = FrameFormat::new(PixelFormat::Mjpeg, width, height);
    let frame = Frame::packed(format, payload.clone()).unwrap().with_timestamp(at);
    Packet::of(&frame, codec, payload.clone(), is_key)
}

/// The pictures as packets: 30 a second in bursts, with pauses of up to two seconds between, on a clock that
/// started some time ago. Every twelfth is a key picture of H.264, as [`h264_pictures`] makes them.
pub(crate) fn packets(codec: Codec, pictures: &[Bytes]) -> Vec<Packet> {
    let mut at = 7_777_777_777;
    let pictures = pictures.iter().enumerate();
    let packets = pictures.map(|(index, picture)| {
        at += if index % 17 == 16 { 1_987_654 } else { 33_333 };
        let is_key = codec == Codec::Jpeg || index % 12 == 0;
        packet(codec, picture, (320, 180), Timestamp::from_micros(at), is_key)
    });
    packets.collect()
}

/// Permission to record to `subject`.
pub(crate) fn grant(subject: &str) -> Grant<Recording> {
    let scope = Scope::from(subject);
    let manifest = Manifest::new("test").declare(Capability::Recording, scope, "to test").unwrap();
    manifest.grant(&Ledger::new()).unwrap()
}

/// Records the packets in memory, with a second for the last.
pub(crate) fn record(packets: &[Packet]) -> Vec<u8> {
    let mut recorder = Recorder::new("test.mp4", Vec::new(), grant("test.mp4")).unwrap();
    for packet in packets {
        recorder.push(packet.clone()).unwrap();
    }
    let last = packets.last().unwrap().timestamp.as_micros();
    let (file, recorded) = recorder.finish(Timestamp::from_micros(last + 1_000_000)).unwrap();
    assert_eq!(recorded.pictures, packets.len() as u64);
    assert_eq!(recorded.bytes, file.len() as u64);
    file
}

/// The packets' times from the first one, in microseconds.
pub(crate) fn times(packets: &[Packet]) -> Vec<u64> {
    let first = packets[0].timestamp.as_micros();
    packets.iter().map(|packet| packet.timestamp.as_micros() - first).collect()
}

/// How many bytes and pictures the complete fragments of a file are; `None` if it ends before the first.
pub(crate) fn complete(file: &[u8]) -> Option<(usize, usize)> {
    let mut recording = RecordingReader::open(std::io::Cursor::new(file)).ok()?;
    let mut pictures = 0;
    while let Some(fragment) = recording.next_fragment().unwrap() {
        pictures += fragment.pictures.len();
    }
    let len = match recording.ending() {
        Some(Ending::Cut { offset }) => usize::try_from(offset).unwrap(),
        _ => file.len(),
    };
    (pictures > 0).then_some((len, pictures))
}

/// Places between 0 and `end`, the same in each run.
pub(crate) fn scattered(end: usize, count: usize) -> impl Iterator<Item = usize> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % end as u64).unwrap()
    })
    .take(count)
}
