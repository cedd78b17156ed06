//! This project's encoders, and doing nothing.

use kvm_benches::bytes_of;
use kvm_capture::{Colour, Frame, FrameFormat, ImageView};
use kvm_stream::{
    ClientPixels, Encoder, H264Encoder, HybridEncoder, JpegEncoder, OpenH264Encoder, Packet, RectEncoder,
    RectOptions, Sensitivity, TileDiff,
};

use crate::contender::{Contender, Entrant, Failure};
use crate::viewers::{H264View, PictureView, RectView};

pub(crate) fn entrants(format: FrameFormat) -> Result<Vec<Entrant>, Failure> {
    let photos = Path::new(HybridEncoder::new(HybridEncoder::DEFAULT_QUALITY), Sensitivity::Automatic);
    let lossless = Path::new(HybridEncoder::lossless(), Sensitivity::Exact);
    let jpeg = Path::new(JpegEncoder::new(80), Sensitivity::Automatic);
    let openh264 = Path::new(OpenH264Encoder::default(), Sensitivity::Automatic);
    let h264 = H264(Path::new(H264Encoder::default(), Sensitivity::Automatic));
    let films = HybridEncoder::default().with_film_encoder(Box::new(OpenH264Encoder::default()));
    let films = Path::new(films, Sensitivity::Automatic);
    Ok(vec![
        Entrant::silent("memcmp of two buffers", Memcmp { previous: Vec::new(), next: Vec::new() }),
        Entrant::silent("kvm-stream difference alone", Difference(TileDiff::new().without_motion())),
        Entrant::silent("kvm-stream difference and motion", Difference(TileDiff::new())),
        Entrant::new("kvm-stream rectangles", format, photos, RectView::new(format)),
        Entrant::new(
            "kvm-stream rectangles, film by OpenH264",
            format,
            films,
            RectView::new(format).with_films(),
        ),
        Entrant::new("kvm-stream rectangles, all exact", format, lossless, RectView::new(format)),
        Entrant::new(
            "kvm-stream for a VNC viewer, all exact",
            format,
            VncViewer::new(),
            RectView::new(format),
        ),
        Entrant::new("kvm-stream JPEG q80", format, jpeg, PictureView::jpeg(Colour::JPEG)?),
        Entrant::new("kvm-stream H.264", format, h264, H264View::new(Colour::VIDEO)?),
        Entrant::new("kvm-stream OpenH264 QP 24", format, openh264, H264View::new(Colour::VIDEO)?),
    ])
}

/// Doing nothing: one comparison of the two buffers.
struct Memcmp {
    previous: Vec<u8>,
    next: Vec<u8>,
}

impl Contender for Memcmp {
    fn prepare(&mut self, frame: &Frame) {
        self.previous = std::mem::replace(&mut self.next, bytes_of(frame));
    }

    fn code(&mut self, _: &Frame) -> Result<(), Failure> {
        std::hint::black_box(self.previous == self.next);
        Ok(())
    }
}

/// The difference alone, with the copies it finds.
struct Difference(TileDiff);

impl Contender for Difference {
    fn code(&mut self, frame: &Frame) -> Result<(), Failure> {
        std::hint::black_box(self.0.compare(frame.clone()));
        Ok(())
    }
}

/// The way of a frame as the pipeline has it: the difference, and an encoder where there is something to send.
struct Path<E> {
    diff: TileDiff,
    encoder: E,
    packets: Vec<Packet>,
}

impl<E: Encoder> Path<E> {
    fn new(encoder: E, sensitivity: Sensitivity) -> Self {
        Self { diff: TileDiff::new().with_sensitivity(sensitivity), encoder, packets: Vec::new() }
    }
}

impl<E: Encoder> Contender for Path<E> {
    fn code(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.packets.clear();
        let damage = self.diff.compare(frame.clone());
        if !damage.is_empty() || self.encoder.has_backlog() {
            self.encoder.encode(frame, &damage, &mut self.packets)?;
        }
        Ok(())
    }

    fn messages(&self) -> Vec<&[u8]> {
        self.packets.iter().map(|packet| &*packet.payload).collect()
    }
}

/// Our H.264, which says what decoders show.
struct H264(Path<H264Encoder>);

impl Contender for H264 {
    fn code(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.0.code(frame)
    }

    fn messages(&self) -> Vec<&[u8]> {
        self.0.messages()
    }

    fn promised(&self) -> Option<ImageView<'_>> {
        self.0.encoder.reconstruction()
    }
}

/// The rectangles of one VNC viewer, whose zlib streams go on from one update to the next.
struct VncViewer {
    diff: TileDiff,
    encoder: RectEncoder,
    /// The number of rectangles and the rectangles; empty if there is nothing to send.
    update: Vec<u8>,
}

impl VncViewer {
    fn new() -> Self {
        let mut options = RectOptions::raw(ClientPixels::BGRX);
        (options.copy_rect, options.tight) = (true, true);
        Self { diff: TileDiff::new(), encoder: RectEncoder::new(options), update: Vec::new() }
    }
}

impl Contender for VncViewer {
    fn code(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.update.clear();
        let damage = self.diff.compare(frame.clone());
        if !damage.is_empty() || self.encoder.has_backlog() {
            self.update.extend([0, 0]);
            let count = self.encoder.encode(frame, &damage, &mut self.update)?;
            self.update[..2].copy_from_slice(&count.to_be_bytes());
            if count == 0 {
                self.update.clear();
            }
        }
        Ok(())
    }

    fn messages(&self) -> Vec<&[u8]> {
        if self.update.is_empty() { Vec::new() } else { vec![&self.update] }
    }
}
