//! A whole KVM, as small as it gets: types "hello" and records five seconds of the screen into `minimal.mp4`.
//!
//! Without arguments, a moving pattern and a simulated computer take the place of hardware:
//!
//!     cargo run -p kvm-examples --bin minimal
//!
//! With a capture device and the keyboard node of a USB gadget, it does so with a real computer:
//!
//!     cargo run -p kvm-examples --bin minimal /dev/video0 /dev/hidg0

#![expect(clippy::print_stdout, reason = "it says what it did")]

use std::{env, error::Error, fs::File, thread::sleep, time::Duration, time::Instant};

use kvm_audit::{Capability, Ledger, Manifest};
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{FrameFormat, FrameSource, PixelFormat, V4l2Source};
use kvm_hid::{Holder, Interface, ReportSink, Seat, Typist, gadget::GadgetNode, testing::SimulatedHost};
use kvm_stream::{FanOut, JpegEncoder, PacketSink, Pipeline, Recorder};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (ledger, mut manifest) = (Ledger::new(), Manifest::new("minimal"));
    manifest = manifest.declare(Capability::Recording, "minimal.mp4", "keeps what the screen shows")?;

    let (screen, keyboard): (Box<dyn FrameSource>, Box<dyn ReportSink>) = match &arguments[..] {
        [video, node] => {
            manifest = manifest
                .declare(Capability::VideoCapture, video.as_str(), "shows the screen")?
                .declare(Capability::Keyboard, node.as_str(), "types on it")?;
            let screen = V4l2Source::open(video, manifest.grant(&ledger)?)?;
            (Box::new(screen), Box::new(GadgetNode::open_keyboard(node, manifest.grant(&ledger)?)?))
        }
        _ => {
            let format = FrameFormat::new(PixelFormat::Nv12, 1280, 720);
            let screen = PatternSource::new(Pattern::Text, format, 1)?;
            (Box::new(screen), Box::new(SimulatedHost::new().plug(Interface::Keyboard.descriptor())?))
        }
    };

    let viewers = FanOut::new(2);
    let mut viewer = viewers.join(); // a browser would be another
    let mut pipeline = Pipeline::new(screen, Box::new(JpegEncoder::new(80)));
    pipeline.add_sink(Box::new(viewers));
    let mut recorder = Recorder::new("minimal.mp4", File::create("minimal.mp4")?, manifest.grant(&ledger)?)?;

    let (me, start, mut typist) = (Holder(1), Instant::now(), Typist::new("hello")?);
    let mut seat = Seat::new().with_sink(keyboard);
    seat.take(me, start);
    while start.elapsed() < Duration::from_secs(5) {
        pipeline.step()?; // takes a frame, encodes what changed, hands it to the viewers
        while let Some(packet) = viewer.try_packet() {
            recorder.push(packet)?;
        }
        if let Some(event) = seat.is_idle().then(|| typist.next_event()).flatten() {
            seat.handle(me, event, Instant::now())?;
        }
        seat.poll(Instant::now())?; // sends what the computer takes, releases what it must
        sleep(Duration::from_millis(10));
    }
    let end = pipeline.frame().map(|frame| frame.timestamp()).unwrap_or_default();
    let (_, recorded) = recorder.finish(end)?;
    println!("{} pictures in minimal.mp4, {} bytes", recorded.pictures, recorded.bytes);
    Ok(())
}
