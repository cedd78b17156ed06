//! The codecs that pictures can be had in, each with those who watch in it.

use clap::ValueEnum;
use kvm_hid::Holder;
#[cfg(feature = "openh264")]
use kvm_stream::OpenH264Encoder;
use kvm_stream::{Encoder, FanOut, H264Encoder, HybridEncoder, JpegEncoder, ViewerPolicy};

use crate::options::PictureCodec;
use crate::pace::{Paces, Watcher};

/// The packets of every codec, one to be preferred.
#[derive(Debug)]
pub(crate) struct Channels {
    preferred: PictureCodec,
    channels: Vec<(PictureCodec, FanOut, Paces)>,
    tape: FanOut,
}

impl Channels {
    pub(crate) fn new(preferred: PictureCodec) -> Self {
        let tape = FanOut::new(TAPE_BOUND);
        let channel = |&codec: &PictureCodec| {
            let viewers = FanOut::new(VIEWER_BOUND);
            let tape = (codec == recorded(preferred)).then(|| tape.clone());
            let paces = Paces::new(viewers.clone(), tape);
            (codec, viewers, paces)
        };
        let channels = PictureCodec::value_variants().iter().map(channel).collect();
        Self { preferred, channels, tape }
    }

    /// An encoder for each codec, with everybody its packets go to and their pace.
    pub(crate) fn encoders(
        &self,
        quality: u8,
    ) -> impl Iterator<Item = (Box<dyn Encoder>, Vec<FanOut>, Paces)> {
        self.channels.iter().map(move |(codec, viewers, paces)| {
            let tape = (*codec == recorded(self.preferred)).then(|| self.tape.clone());
            let sinks = [viewers.clone()].into_iter().chain(tape).collect();
            (encoder(*codec, quality), sinks, paces.clone())
        })
    }

    /// What pages get that do not ask for anything else.
    pub(crate) fn preferred(&self) -> PictureCodec {
        self.preferred
    }

    /// The names of all, the preferred one first.
    pub(crate) fn names(&self) -> Vec<String> {
        let others = self.channels.iter().map(|(codec, ..)| *codec).filter(|codec| *codec != self.preferred);
        let all = [self.preferred].into_iter().chain(others);
        all.filter_map(|codec| Some(codec.to_possible_value()?.get_name().to_owned())).collect()
    }

    /// The packets of a codec.
    pub(crate) fn of(&self, codec: PictureCodec) -> Option<&FanOut> {
        self.channels.iter().find(|(own, ..)| *own == codec).map(|(_, viewers, _)| viewers)
    }

    /// The packets of our H.264.
    #[cfg(feature = "webrtc")]
    pub(crate) fn h264(&self) -> Option<(&FanOut, &Paces)> {
        let found = self.channels.iter().find(|(own, ..)| *own == PictureCodec::H264);
        found.map(|(_, viewers, paces)| (viewers, paces))
    }

    /// A page's place among those who watch in a codec.
    pub(crate) fn join(&self, codec: PictureCodec, holder: Holder) -> Option<Watcher> {
        let (_, viewers, paces) = self.channels.iter().find(|(own, ..)| *own == codec)?;
        Some(Watcher::new(holder, viewers.join_with(PAGE), paces.clone()))
    }

    /// What is recorded.
    pub(crate) fn tape(&self) -> &FanOut {
        &self.tape
    }

    /// Everybody who watches, in whatever codec.
    pub(crate) fn viewers(&self) -> usize {
        self.channels.iter().map(|(_, viewers, _)| viewers.viewers()).sum()
    }
}

/// The codec of recordings: the preferred one, if files can hold it.
fn recorded(preferred: PictureCodec) -> PictureCodec {
    match preferred {
        PictureCodec::Rects | PictureCodec::Films => PictureCodec::H264,
        other => other,
    }
}

fn encoder(codec: PictureCodec, quality: u8) -> Box<dyn Encoder> {
    match codec {
        PictureCodec::Rects => Box::new(HybridEncoder::new(quality)),
        PictureCodec::Films => {
            Box::new(HybridEncoder::new(quality).with_film_encoder(Box::new(H264Encoder::default())))
        }
        PictureCodec::Jpeg => Box::new(JpegEncoder::new(quality)),
        PictureCodec::H264 => Box::new(H264Encoder::default()),
        #[cfg(feature = "openh264")]
        PictureCodec::OpenH264 => Box::new(OpenH264Encoder::new(OpenH264Encoder::DEFAULT_QUANTISER)),
    }
}

/// Pictures a viewer may be behind: one on its way and the newest.
const VIEWER_BOUND: usize = 2;
/// Pictures a recording may be behind: two seconds, which is how long a disk may stall.
const TAPE_BOUND: usize = 120;
/// A page tells what it has painted. So many pictures cover a fifth of a second of 60 a second, which is a long way.
const PAGE: ViewerPolicy = ViewerPolicy::window(12);
