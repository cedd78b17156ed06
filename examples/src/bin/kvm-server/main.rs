//! A whole KVM: shows a computer's screen in the browser, types on it, moves its pointer and records it.
//!
//! Run it without options to try it on a small simulated computer, which needs no hardware at all:
//!
//! ```sh
//! cargo run --release -p kvm-examples
//! ```
//!
//! and open the link it prints. With a capture device and a USB gadget it shows a real computer:
//!
//! ```sh
//! kvm-server --video /dev/video0 --keyboard /dev/hidg0 --pointer /dev/hidg1
//! ```
//!
//! The way of a picture: `parts` → `tracks` → `channels` → `socket`. The way of a key: `socket` → `message` → `input`. The
//! way of a grant: `manifest` → `parts` → `state`.

#![forbid(unsafe_code)]

mod app;
mod channels;
#[cfg(feature = "webrtc")]
mod datagrams;
mod input;
mod input_classes;
mod manifest;
mod message;
mod metrics;
mod options;
mod origin;
mod pace;
mod page;
mod parts;
#[cfg(feature = "webrtc")]
mod peers;
mod photon;
mod picture;
mod recording;
mod serve;
mod session;
mod snapshot;
mod socket;
mod state;
mod tracks;
mod web;
#[cfg(feature = "webrtc")]
mod whep;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Parser;
use kvm_examples::report::say;
use kvm_examples::start::{self, exit_code};
use kvm_hid::Interface;

use options::Options;
use parts::StartError;

fn main() -> ExitCode {
    let options = Options::parse();
    exit_code(run(&options), StartError::advice)
}

fn run(options: &Options) -> Result<(), StartError> {
    if let Some(descriptor) = options.print_descriptor {
        say(hexadecimal(Interface::from(descriptor).descriptor()));
        return Ok(());
    }
    if options.print_manifest {
        let recordings = manifest::recordings_folder(options);
        say(manifest::needed(options, &recordings).map_err(start::StartError::Declare)?.to_toml().trim_end());
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| start::StartError::System { what: "the network's threads", source })?;
    runtime.block_on(serve::serve(options))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
