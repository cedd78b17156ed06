//! What the command line asks for.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use kvm_hid::Interface;

/// A whole KVM: shows a computer's screen in the browser, types on it, moves its pointer and records it.
///
/// Without options it shows a small simulated computer. With --video, --keyboard and --pointer it shows a real one.
#[derive(Debug, Parser)]
#[command(name = "kvm-server", version)]
pub(crate) struct Options {
    /// The capture device, such as /dev/video0.
    #[arg(long, value_name = "DEVICE")]
    pub(crate) video: Option<PathBuf>,

    /// The keyboard's gadget node, such as /dev/hidg0.
    #[arg(long, value_name = "NODE", requires = "video")]
    pub(crate) keyboard: Option<PathBuf>,

    /// The absolute pointer's gadget node, such as /dev/hidg1.
    #[arg(long, value_name = "NODE", requires = "video")]
    pub(crate) pointer: Option<PathBuf>,

    /// The relative mouse's gadget node, such as /dev/hidg2; without one, relative motion is refused.
    #[arg(long, value_name = "NODE", requires = "video")]
    pub(crate) mouse: Option<PathBuf>,

    /// Records into this MP4 file from the start.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Where recordings go that the page starts; a folder for temporary files if not given.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) recordings: Option<PathBuf>,

    /// What the device may do, as a TOML file; see --print-manifest.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,

    /// Prints the manifest that the other options need, and ends.
    #[arg(long)]
    pub(crate) print_manifest: bool,

    /// Prints an interface's report descriptor in hexadecimal, for configfs, and ends.
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) print_descriptor: Option<Descriptor>,

    /// Where to listen; port 0 takes any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// The address people open when a proxy stands in front, such as `https://kvm.example.org`.
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<Origin>,

    /// How pictures are encoded for pages that do not ask for anything else.
    #[arg(long, value_name = "CODEC", default_value = "rects")]
    pub(crate) codec: PictureCodec,

    /// Where browsers reach this machine by UDP for pictures by WebRTC; without it there are none. Unlike the page,
    /// they are encrypted, so any address will do.
    #[cfg(feature = "webrtc")]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) webrtc: Option<SocketAddr>,

    /// The address of --webrtc as browsers see it, when something stands in between.
    #[cfg(feature = "webrtc")]
    #[arg(long, value_name = "ADDRESS:PORT", requires = "webrtc")]
    pub(crate) webrtc_public: Option<SocketAddr>,

    /// Quality of JPEG pictures, and of photos in rectangles while they move, 1 to 100.
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) quality: u8,

    /// The size of the simulated computer's screen.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720")]
    pub(crate) virtual_size: Size,
}

impl Options {
    /// The gadget nodes that were named.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (Interface, &Path)> {
        [
            (Interface::Keyboard, &self.keyboard),
            (Interface::Pointer, &self.pointer),
            (Interface::Mouse, &self.mouse),
        ]
        .into_iter()
        .filter_map(|(interface, node)| Some((interface, node.as_deref()?)))
    }
}

/// An interface whose descriptor can be printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Descriptor {
    Keyboard,
    Pointer,
    Mouse,
}

impl From<Descriptor> for Interface {
    fn from(descriptor: Descriptor) -> Self {
        match descriptor {
            Descriptor::Keyboard => Self::Keyboard,
            Descriptor::Pointer => Self::Pointer,
            Descriptor::Mouse => Self::Mouse,
        }
    }
}

/// How pictures are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PictureCodec {
    /// Rectangles that changed: text exactly, motion as copies, photos as JPEG until they stand still.
    Rects,
    /// The same with films in a rectangle of their own, as H.264.
    Films,
    /// Whole pictures, whenever something changed.
    Jpeg,
    /// H.264, of which a change costs what changed.
    H264,
    /// H.264 through OpenH264, a library in C++.
    #[cfg(feature = "openh264")]
    #[value(name = "openh264")]
    OpenH264,
}

/// A size in pixels, written 1280x720.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
}

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (width, height) = text.split_once('x').ok_or("write it as 1280x720")?;
        let side = |side: &str| side.parse().ok().filter(|side| (320..=4096).contains(side));
        match (side(width), side(height)) {
            (Some(width_px), Some(height_px)) => Ok(Self { width_px, height_px }),
            _ => Err("both sides have to be within 320 to 4096"),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width_px, self.height_px)
    }
}

/// A web origin (RFC 6454): scheme, host and port, as browsers write it into the `Origin` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(String);

impl Origin {
    /// As browsers write it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port, as in the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Whether it is reached by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_end_matches('/').to_ascii_lowercase();
        match text.split_once("://") {
            Some(("https" | "http", authority))
                if !authority.is_empty() && !authority.contains(['/', '?', '#', '@']) =>
            {
                Ok(Self(text))
            }
            _ => Err("write it as https://kvm.example.org, without a path"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        assert_eq!("1920x1080".parse(), Ok(Size { width_px: 1920, height_px: 1080 }));
        for wrong in ["", "1920", "1920x", "0x0", "99999x100", "-1x5"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn origins_are_read_or_refused() {
        let origin: Origin = "https://KVM.example.org:8443/".parse().unwrap();
        assert_eq!(
            (origin.as_str(), origin.authority()),
            ("https://kvm.example.org:8443", "kvm.example.org:8443")
        );
        for wrong in ["kvm.example.org", "https://", "ftp://x", "https://x/y", "https://a@b"] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
    }
}
