//! A VNC server for a computer's screen, keyboard and pointer: any VNC viewer connects to it.
//!
//! Without a device it serves a small simulated computer, which needs no hardware at all:
//!
//! ```sh
//! cargo run --release -p kvm-examples --bin vnc-server -- --no-authentication
//! vncviewer 127.0.0.1
//! ```
//!
//! With a capture device and a USB gadget it serves a real one, and with TLS and passwords to other machines as well:
//!
//! ```sh
//! cargo run --release -p kvm-examples --bin vnc-server --features tls -- --video /dev/video0 \
//!     --keyboard /dev/hidg0 --pointer /dev/hidg1 --listen 0.0.0.0:5900 \
//!     --certificate kvm.pem --key kvm.key --users users
//! ```
//!
//! The way of a picture: `picture` → `audience` → `viewer`. The way of a key: `viewer` → `keyboard` → `input`.

#![forbid(unsafe_code)]

mod audience;
mod door;
mod input;
mod keyboard;
mod keysyms;
mod manifest;
mod options;
mod paced;
mod parts;
mod picture;
mod pointer;
mod serve;
mod users;
mod viewer;
mod wire;
mod xt_codes;

use std::process::ExitCode;

use clap::Parser;
use kvm_examples::report::say;
use kvm_examples::start::{self, exit_code};

use options::Options;
use parts::StartError;

fn main() -> ExitCode {
    let options = Options::parse();
    exit_code(run(&options), StartError::advice)
}

fn run(options: &Options) -> Result<(), StartError> {
    if options.print_manifest {
        say(manifest::needed(options).map_err(start::StartError::Declare)?.to_toml().trim_end());
        return Ok(());
    }
    serve::serve(options)
}
