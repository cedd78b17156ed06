//! Types a text on a computer's keyboard, as fast as the computer takes it.
//!
//! Without a node, it types on a simulated computer and prints what that one saw:
//!
//!     cargo run -p kvm-examples --bin type-text -- "Hello, world"
//!
//! With the keyboard node of a USB gadget it types on a real one; the text may come from standard input, too:
//!
//!     echo reboot | cargo run -p kvm-examples --bin type-text -- --keyboard /dev/hidg0
//!
//! Needs: for a real computer, a USB gadget with a keyboard function (`kvm-server --print-descriptor keyboard`
//! prints its report descriptor), the US layout there, and Caps Lock off.

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Parser;
use kvm_audit::{Capability, Ledger, Manifest};
use kvm_hid::gadget::GadgetNode;
use kvm_hid::testing::{HostEvent, SimulatedHost};
use kvm_hid::{Holder, Interface, LinkState, Seat, Typist, code_of_usage};

/// Types a text on a computer's keyboard.
#[derive(Parser)]
struct Options {
    /// What to type; standard input if not given.
    text: Option<String>,
    /// The keyboard's gadget node, such as /dev/hidg0; a simulated computer if not given.
    #[arg(long, value_name = "NODE")]
    keyboard: Option<PathBuf>,
    /// Gives up when the computer has taken nothing for so many seconds.
    #[arg(long, default_value_t = 5)]
    patience: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let text = match options.text {
        Some(text) => text,
        None => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            text
        }
    };
    // What cannot be typed is said before anything is.
    let typist = Typist::new(&text)?;
    let patience = Duration::from_secs(options.patience);
    match options.keyboard {
        Some(node) => {
            let manifest = Manifest::new("type-text").declare(
                Capability::Keyboard,
                node.to_string_lossy().into_owned(),
                "types the text",
            )?;
            let keyboard = GadgetNode::open_keyboard(&node, manifest.grant(&Ledger::new())?)?;
            type_out(Seat::new().with_sink(Box::new(keyboard)), typist, patience)
        }
        None => {
            let host = SimulatedHost::new();
            let keyboard = host.plug(Interface::Keyboard.descriptor())?;
            type_out(Seat::new().with_sink(Box::new(keyboard)), typist, patience)?;
            print_seen(&host)
        }
    }
}

/// Types stroke after stroke, each when the computer has taken the one before.
fn type_out(mut seat: Seat, mut typist: Typist, patience: Duration) -> Result<(), Box<dyn Error>> {
    let me = Holder(1);
    let mut taken = Instant::now();
    seat.take(me, taken);
    loop {
        let now = Instant::now();
        let state = seat.poll(now)?;
        if seat.is_idle() && state.keyboard == Some(LinkState::Ready) {
            taken = now;
            match typist.next_event() {
                Some(event) => seat.handle(me, event, now)?,
                None => return Ok(()),
            };
        } else if now.duration_since(taken) > patience {
            return Err(
                format!("the computer takes no keys; {} characters are left", typist.remaining()).into()
            );
        } else {
            sleep(Duration::from_millis(1));
        }
    }
}

/// Prints the key strokes that the simulated computer made of the reports.
fn print_seen(host: &SimulatedHost) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    for event in host.take_events() {
        if let HostEvent::Key { usage, pressed } = event {
            let code = code_of_usage(usage).unwrap_or("?");
            writeln!(out, "{code} {}", if pressed { "down" } else { "up" })?;
        }
    }
    Ok(())
}
