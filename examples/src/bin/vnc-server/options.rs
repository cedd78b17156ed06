//! What the command line asks for.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Parser;
use kvm_capture::{FourCc, FrameFormat, PixelFormat};
use kvm_hid::Interface;

/// A VNC server for a computer's screen, keyboard and pointer.
///
/// Without options it serves a small simulated computer. With --video, --keyboard and --pointer it serves a real one.
/// Who may connect has to be said: --no-authentication, or --certificate, --key and --users.
#[derive(Debug, Parser)]
#[command(name = "vnc-server", version)]
pub(crate) struct Options {
    /// The capture device, such as /dev/video0.
    #[arg(long, value_name = "DEVICE", conflicts_with = "replay")]
    pub(crate) video: Option<PathBuf>,

    /// The keyboard's gadget node, such as /dev/hidg0.
    #[arg(long, value_name = "NODE", requires = "video")]
    pub(crate) keyboard: Option<PathBuf>,

    /// The absolute pointer's gadget node, such as /dev/hidg1.
    #[arg(long, value_name = "NODE", requires = "video")]
    pub(crate) pointer: Option<PathBuf>,

    /// Shows a file instead of a screen, once, from when the first viewer is there: YUV4MPEG2, or with
    /// --replay-format raw frames.
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,

    /// Size and pixels of the raw frames to replay: width, height and a V4L2 code, such as 1920x1080:XR24.
    #[arg(long, value_name = "WIDTHxHEIGHT:CODE", requires = "replay")]
    pub(crate) replay_format: Option<RawFormat>,

    /// Frames a second of raw frames.
    #[arg(long, value_name = "FPS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub(crate) replay_rate: u32,

    /// What the device may do, as a TOML file; see --print-manifest.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,

    /// Prints the manifest that the other options need, and ends.
    #[arg(long)]
    pub(crate) print_manifest: bool,

    /// Where to listen; port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5900")]
    pub(crate) listen: SocketAddr,

    /// Lets everybody in who can reach the address, which then has to be one of this machine only.
    #[arg(long)]
    pub(crate) no_authentication: bool,

    /// Lets in who knows the password in this file's first line, by VNC authentication, which protects from nobody
    /// who listens; on this machine only.
    #[cfg(feature = "vnc-auth")]
    #[arg(long, value_name = "FILE")]
    pub(crate) vnc_password: Option<PathBuf>,

    /// The server's certificate and what leads to its authority, as PEM.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires_all = ["key", "users"])]
    pub(crate) certificate: Option<PathBuf>,

    /// The certificate's private key, as PEM.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,

    /// Who may connect through TLS: a line `name:password` each, or `name:password:view-only`. Nobody else may be able
    /// to read the file.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) users: Option<PathBuf>,

    /// Nobody types or points.
    #[arg(long)]
    pub(crate) view_only: bool,

    /// Sends photos exactly at once, also to viewers that would take JPEG at first.
    #[arg(long)]
    pub(crate) exact: bool,

    /// What viewers call the screen.
    #[arg(long, default_value = "kvm")]
    pub(crate) name: String,

    /// The size of the simulated computer's screen, such as 1280x720.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720", value_parser = size)]
    pub(crate) virtual_size: (u32, u32),

    /// Keeps what stands on the simulated computer's screen in this file, as text.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["video", "replay"])]
    pub(crate) target_text: Option<PathBuf>,
}

impl Options {
    /// The gadget nodes that were named.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (Interface, &Path)> {
        [(Interface::Keyboard, &self.keyboard), (Interface::Pointer, &self.pointer)]
            .into_iter()
            .filter_map(|(interface, node)| Some((interface, node.as_deref()?)))
    }

    /// The file with the password of VNC authentication.
    pub(crate) fn vnc_password(&self) -> Option<&Path> {
        #[cfg(feature = "vnc-auth")]
        return self.vnc_password.as_deref();
        #[cfg(not(feature = "vnc-auth"))]
        None
    }

    /// The file with those who come in through TLS.
    pub(crate) fn users(&self) -> Option<&Path> {
        #[cfg(feature = "tls")]
        return self.users.as_deref();
        #[cfg(not(feature = "tls"))]
        None
    }
}

/// The format of raw frames, written 1920x1080:XR24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawFormat(pub(crate) FrameFormat);

impl FromStr for RawFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (sides, code) = text.split_once(':').ok_or("write it as 1920x1080:XR24")?;
        let (width_px, height_px) = size(sides)?;
        let code = code.as_bytes().try_into().map_err(|_| "a code has four letters, such as XR24 or UYVY")?;
        let pixel = PixelFormat::from_fourcc(FourCc(code)).ok_or("no such pixels are known")?;
        Ok(Self(FrameFormat::new(pixel, width_px, height_px)))
    }
}

/// A size in pixels, written 1280x720.
fn size(text: &str) -> Result<(u32, u32), &'static str> {
    let (width, height) = text.split_once('x').ok_or("write it as 1280x720")?;
    let side = |side: &str| side.parse().ok().filter(|side| (16..=FrameFormat::MAX_SIDE_PX).contains(side));
    match (side(width), side(height)) {
        (Some(width_px), Some(height_px)) => Ok((width_px, height_px)),
        _ => Err("both sides have to be within 16 to 16384"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_or_refused() {
        let RawFormat(format) = "64x48:UYVY".parse().unwrap();
        assert_eq!(format, FrameFormat::new(PixelFormat::Uyvy, 64, 48));
        for wrong in
            ["", "64x48", "64x48:", "64x48:NONE", "64:UYVY", "0x0:UYVY", "99999x48:UYVY", "-64x48:UYVY"]
        {
            assert!(wrong.parse::<RawFormat>().is_err(), "{wrong}");
        }
    }
}
