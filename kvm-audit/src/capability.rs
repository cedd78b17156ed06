//! The words for what an IP-KVM can do.

use std::fmt;
use std::str::FromStr;

/// The newest version of the vocabulary this crate knows.
///
/// A manifest states the version it was written against. A word added later never slips into it: the
/// manifest has to be raised first.
pub const VOCABULARY: u16 = 2;

/// One thing an IP-KVM can do, as a word of the versioned vocabulary.
///
/// Sound from the target ([`HdmiAudio`](Self::HdmiAudio)), sound to the target
/// ([`AudioPlayback`](Self::AudioPlayback)) and a microphone in the room
/// ([`AmbientMicrophone`](Self::AmbientMicrophone)) are three different words.
///
/// Three words are report-only: an audit can say that it observed them, no manifest can declare them and no grant
/// for them exists. Words that came later stand at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Capability {
    /// Takes pictures of the target's screen.
    VideoCapture = 0,
    /// Takes the sound the target sends over HDMI.
    HdmiAudio = 1,
    /// Plays sound to the target, which hears it as a microphone.
    AudioPlayback = 2,
    /// Types on the target's keyboard.
    Keyboard = 3,
    /// Moves the target's pointer and presses its buttons.
    Pointer = 4,
    /// Shows the target a disk.
    MassStorage = 5,
    /// Accepts network connections.
    NetworkListen = 6,
    /// Opens network connections.
    NetworkConnect = 7,
    /// Keeps pictures of the target's screen.
    Recording = 8,
    /// Presses the target's power or reset button.
    PowerControl = 9,
    /// Replaces its own firmware.
    FirmwareUpdate = 10,
    /// Report-only: hears the room the device stands in.
    AmbientMicrophone = 11,
    /// Report-only: a listening socket that no manifest names.
    UndeclaredListener = 12,
    /// Report-only: a USB function shown to the target that no manifest names.
    ForeignGadgetFunction = 13,
    /// Hands pictures of the target's screen to a hardware codec, which gives them back compressed. Since version 2.
    VideoCodec = 14,
}

impl Capability {
    /// Every word, in the vocabulary's order.
    pub const ALL: [Self; 15] = [
        Self::VideoCapture,
        Self::HdmiAudio,
        Self::AudioPlayback,
        Self::Keyboard,
        Self::Pointer,
        Self::MassStorage,
        Self::NetworkListen,
        Self::NetworkConnect,
        Self::Recording,
        Self::PowerControl,
        Self::FirmwareUpdate,
        Self::AmbientMicrophone,
        Self::UndeclaredListener,
        Self::ForeignGadgetFunction,
        Self::VideoCodec,
    ];

    /// The word as manifests, ledgers and reports spell it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::VideoCapture => "video-capture",
            Self::HdmiAudio => "hdmi-audio",
            Self::AudioPlayback => "audio-playback",
            Self::Keyboard => "keyboard",
            Self::Pointer => "pointer",
            Self::MassStorage => "mass-storage",
            Self::NetworkListen => "network-listen",
            Self::NetworkConnect => "network-connect",
            Self::Recording => "recording",
            Self::PowerControl => "power-control",
            Self::FirmwareUpdate => "firmware-update",
            Self::AmbientMicrophone => "ambient-microphone",
            Self::UndeclaredListener => "undeclared-listener",
            Self::ForeignGadgetFunction => "foreign-gadget-function",
            Self::VideoCodec => "video-codec",
        }
    }

    /// The version of the vocabulary that brought the word.
    pub const fn since(self) -> u16 {
        match self {
            Self::VideoCodec => 2,
            _ => 1,
        }
    }

    /// Whether the word can only be reported, never declared or granted.
    pub const fn is_report_only(self) -> bool {
        matches!(self, Self::AmbientMicrophone | Self::UndeclaredListener | Self::ForeignGadgetFunction)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is not in the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a word of the capability vocabulary (version {VOCABULARY})")]
pub struct UnknownWord {
    /// The word as it was written.
    pub word: String,
}

impl FromStr for Capability {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|capability| capability.word() == word)
            .ok_or_else(|| UnknownWord { word: word.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_itself_again_when_read() {
        for (index, capability) in Capability::ALL.into_iter().enumerate() {
            assert_eq!(capability as usize, index);
            assert_eq!(capability.word().parse(), Ok(capability));
            assert!(capability.since() <= VOCABULARY);
        }
    }

    #[test]
    fn an_unknown_word_is_named() {
        let error = "microphone".parse::<Capability>().unwrap_err();
        assert!(error.to_string().contains("`microphone`"));
    }
}
