//! Those that are measured beside each other.

use kvm_benches::bytes_of;
use kvm_capture::{Frame, FrameFormat};
use kvm_stream::{Damage, Encoder, JpegEncoder, TileDiff};

#[cfg(feature = "peers")]
use crate::peers::contenders as peers;

/// Somebody who is given every frame and says how many bytes would be sent for it.
pub(crate) trait Contender {
    fn name(&self) -> &'static str;
    /// What has to be done before the clock starts, such as bringing the frame into the form the contender takes.
    fn prepare(&mut self, _frame: &Frame) {}
    fn take(&mut self, frame: &Frame) -> usize;
}

/// Everybody who takes part.
pub(crate) fn contenders(format: FrameFormat) -> Vec<Box<dyn Contender>> {
    let ours: Vec<Box<dyn Contender>> = vec![
        Box::new(Memcmp { previous: Vec::new(), next: Vec::new() }),
        Box::new(Difference(TileDiff::new())),
        Box::new(Jpeg { diff: TileDiff::new(), encoder: JpegEncoder::new(80) }),
    ];
    ours.into_iter().chain(peers(format)).collect()
}

#[cfg(not(feature = "peers"))]
fn peers(_: FrameFormat) -> Vec<Box<dyn Contender>> {
    Vec::new()
}

/// Doing nothing: one comparison of the two buffers.
struct Memcmp {
    previous: Vec<u8>,
    next: Vec<u8>,
}

impl Contender for Memcmp {
    fn name(&self) -> &'static str {
        "memcmp of the two buffers"
    }

    fn prepare(&mut self, frame: &Frame) {
        self.previous = std::mem::replace(&mut self.next, bytes_of(frame));
    }

    fn take(&mut self, _: &Frame) -> usize {
        std::hint::black_box(self.previous == self.next);
        0
    }
}

/// The exact difference alone.
struct Difference(TileDiff);

impl Contender for Difference {
    fn name(&self) -> &'static str {
        "kvm-stream difference"
    }

    fn take(&mut self, frame: &Frame) -> usize {
        self.0.compare(frame.clone());
        0
    }
}

/// The difference, and a JPEG picture when there is one.
struct Jpeg {
    diff: TileDiff,
    encoder: JpegEncoder,
}

impl Contender for Jpeg {
    fn name(&self) -> &'static str {
        "kvm-stream JPEG q80"
    }

    fn take(&mut self, frame: &Frame) -> usize {
        let damage: Damage = self.diff.compare(frame.clone());
        let mut packets = Vec::new();
        if !damage.is_empty() {
            self.encoder.encode(frame, &damage, &mut packets).expect("a raw frame can be encoded");
        }
        packets.iter().map(|packet| packet.payload.len()).sum()
    }
}
