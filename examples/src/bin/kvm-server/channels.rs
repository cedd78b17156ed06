//! The codecs that pictures can be had in, each with those who watch in it.

use clap::ValueEnum;
#[cfg(feature = "openh264")]
use kvm_stream::OpenH264Encoder;
use kvm_stream::{Encoder, FanOut, HybridEncoder, JpegEncoder};

use crate::options::PictureCodec;

/// The packets of every codec, one to be preferred.
#[derive(Debug)]
pub(crate) struct Channels {
    preferred: PictureCodec,
    channels: Vec<(PictureCodec, FanOut)>,
    tape: FanOut,
}

impl Channels {
    pub(crate) fn new(preferred: PictureCodec) -> Self {
        let channel = |&codec: &PictureCodec| (codec, FanOut::new(VIEWER_BOUND));
        let channels = PictureCodec::value_variants().iter().map(channel).collect();
        Self { preferred, channels, tape: FanOut::new(TAPE_BOUND) }
    }

    /// An encoder for each codec, with everybody its packets go to.
    pub(crate) fn encoders(&self, quality: u8) -> impl Iterator<Item = (Box<dyn Encoder>, Vec<FanOut>)> {
        self.channels.iter().map(move |(codec, viewers)| {
            let tape = (*codec == self.recorded()).then(|| self.tape.clone());
            (encoder(*codec, quality), [viewers.clone()].into_iter().chain(tape).collect())
        })
    }

    /// What pages get that do not ask for anything else.
    pub(crate) fn preferred(&self) -> PictureCodec {
        self.preferred
    }

    /// The names of all, the preferred one first.
    pub(crate) fn names(&self) -> Vec<String> {
        let others = self.channels.iter().map(|(codec, _)| *codec).filter(|codec| *codec != self.preferred);
        let all = [self.preferred].into_iter().chain(others);
        all.filter_map(|codec| Some(codec.to_possible_value()?.get_name().to_owned())).collect()
    }

    /// The packets of a codec.
    pub(crate) fn of(&self, codec: PictureCodec) -> Option<&FanOut> {
        self.channels.iter().find(|(own, _)| *own == codec).map(|(_, viewers)| viewers)
    }

    /// What is recorded.
    pub(crate) fn tape(&self) -> &FanOut {
        &self.tape
    }

    /// Everybody who watches, in whatever codec.
    pub(crate) fn viewers(&self) -> usize {
        self.channels.iter().map(|(_, viewers)| viewers.viewers()).sum()
    }

    /// The codec of recordings: the preferred one, if files can hold it.
    fn recorded(&self) -> PictureCodec {
        match self.preferred {
            PictureCodec::Rects => PictureCodec::Jpeg,
            other => other,
        }
    }
}

fn encoder(codec: PictureCodec, quality: u8) -> Box<dyn Encoder> {
    match codec {
        PictureCodec::Rects => Box::new(HybridEncoder::new(quality)),
        PictureCodec::Jpeg => Box::new(JpegEncoder::new(quality)),
        #[cfg(feature = "openh264")]
        PictureCodec::H264 => Box::new(OpenH264Encoder::new(OpenH264Encoder::DEFAULT_QUANTISER)),
    }
}

/// Pictures a viewer may be behind: one on its way and the newest.
const VIEWER_BOUND: usize = 2;
/// Pictures a recording may be behind: two seconds, which is how long a disk may stall.
const TAPE_BOUND: usize = 120;
