//! Decoders of H.264 that judge streams: ffmpeg's and, with the feature `openh264`, Cisco's. None of it is this
//! project's.
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]
#![expect(clippy::unwrap_used, reason = "all of it is test code")]

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::h264_take::Shown;

/// The pictures that ffmpeg decodes of a stream whose pictures are all of one size.
///
/// An error if it says a word: it is told to warn of everything, to conceal nothing and to be strict.
pub(crate) fn by_ffmpeg(stream: &[u8], size: (u32, u32)) -> Result<Vec<Shown>, String> {
    let decode = ["-v", "warning", "-strict", "strict", "-err_detect", "explode+careful+compliant+bitstream"];
    let input = ["-xerror", "-f", "h264", "-i", "-", "-fps_mode", "passthrough"];
    let output = ["-pix_fmt", "yuv420p", "-f", "rawvideo", "-"];
    let output = piped("ffmpeg", &[&decode[..], &input, &output].concat(), stream);
    let complaints = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !complaints.trim().is_empty() {
        return Err(format!("ffmpeg: {} {complaints}", output.status));
    }
    let len = Shown::len(size);
    if output.stdout.len() % len != 0 {
        return Err(format!("ffmpeg decodes pictures of another size than {size:?}"));
    }
    Ok(output.stdout.chunks(len).map(|planes| Shown { size, planes: planes.to_vec() }).collect())
}

/// The pictures that Cisco's decoder shows, each as soon as it has its packet: a decoder that has to wait for the next
/// one is an error.
#[cfg(feature = "openh264")]
pub(crate) fn by_openh264<'a>(packets: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Shown>, String> {
    use openh264::OpenH264API;
    use openh264::decoder::{Decoder, DecoderConfig, Flush};
    use openh264::formats::YUVSource;

    let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
    let mut decoder = Decoder::with_api_config(OpenH264API::from_source(), config).unwrap();
    let mut pictures = Vec::new();
    for (number, packet) in packets.into_iter().enumerate() {
        let shown = decoder.decode(packet).map_err(|error| format!("OpenH264, packet {number}: {error}"))?;
        let shown = shown.ok_or_else(|| format!("OpenH264 shows no picture for packet {number}"))?;
        let (width, height) = shown.dimensions();
        let (luma, cb, cr) = shown.strides();
        let mut planes = Vec::new();
        for (bytes, stride, columns, rows) in [
            (shown.y(), luma, width, height),
            (shown.u(), cb, width.div_ceil(2), height.div_ceil(2)),
            (shown.v(), cr, width.div_ceil(2), height.div_ceil(2)),
        ] {
            for row in bytes.chunks(stride).take(rows) {
                planes.extend_from_slice(&row[..columns]);
            }
        }
        let side = |length: usize| u32::try_from(length).unwrap();
        pictures.push(Shown { size: (side(width), side(height)), planes });
    }
    Ok(pictures)
}

/// What ffprobe says of a stream, as `key=value` lines of its only video stream.
pub(crate) fn probed_stream(stream: &[u8], entries: &str) -> String {
    let entries = format!("stream={entries}");
    let arguments = ["-v", "warning", "-f", "h264", "-show_entries", &entries, "-of", "csv=p=0", "-"];
    let output = piped("ffprobe", &arguments, stream);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.trim().is_empty(), "ffprobe: {complaints}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Runs a program with these bytes at its standard input.
fn piped(tool: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(tool);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            // A program that gives up early closes its input; what it says of that is judged.
            drop(stdin.write_all(input));
        });
        child.wait_with_output().unwrap()
    })
}
