//! The state message: everything the page shows around the picture.

use std::collections::BTreeMap;

use kvm_audit::{Event, Ledger, Manifest};
use kvm_capture::{FrameFormat, SignalLoss};
use kvm_hid::{Interface, Leds, LinkState};
use serde::Serialize;

use crate::photon::PhotonStats;

/// What is known about the picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Signal {
    pub(crate) live: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<&'static str>,
}

impl Signal {
    pub(crate) const LIVE: Self = Self { live: true, reason: None, advice: None };

    /// Before the source has said anything.
    pub(crate) fn waiting() -> Self {
        Self { live: false, reason: Some("no picture yet".to_owned()), advice: None }
    }

    pub(crate) fn lost(loss: SignalLoss) -> Self {
        Self { live: false, reason: Some(loss.to_string()), advice: Some(loss.advice()) }
    }

    pub(crate) fn failed(chain: String) -> Self {
        Self { live: false, reason: Some(chain), advice: Some("It is tried again every half second.") }
    }
}

/// The format of the picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Format {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pixel: String,
}

impl From<FrameFormat> for Format {
    fn from(format: FrameFormat) -> Self {
        Self { width: format.width_px, height: format.height_px, pixel: format.pixel.to_string() }
    }
}

/// What the picture thread measured over the last second; times are means, in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct PictureStats {
    pub(crate) captured_fps: f64,
    pub(crate) sent_fps: f64,
    pub(crate) bytes_per_s: u64,
    /// Of the newest picture that changed.
    pub(crate) changed_tiles: u64,
    pub(crate) tiles: u64,
    pub(crate) diff_us: u64,
    pub(crate) encode_us: u64,
    /// Pictures since the start that were not sent because nothing changed.
    pub(crate) unchanged: u64,
    /// Times since the start that every buffer was in somebody's hands.
    pub(crate) starved: u64,
}

/// What one connection knows of itself.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Line {
    /// How long sending the newest picture took.
    pub(crate) send_us: u64,
    /// How old the newest picture was when it was sent.
    pub(crate) age_us: u64,
    /// What the line carries, if it has shown a limit.
    pub(crate) limit_bytes_per_s: Option<u64>,
    /// How long it took from handing out a picture until word came that it is painted.
    pub(crate) round_trip_us: u64,
    /// Pictures this viewer lost because it was slow.
    pub(crate) dropped: u64,
    /// Messages of this viewer that were none of the protocol.
    pub(crate) malformed: u64,
}

/// The statistics, of all and of one connection.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stats {
    #[serde(flatten)]
    pub(crate) picture: PictureStats,
    #[serde(flatten)]
    pub(crate) line: Line,
    /// From input to light, as pages measured it.
    pub(crate) photon: Option<PhotonStats>,
}

/// What the input thread tells the sockets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct InputState {
    pub(crate) leds: Leds,
    /// Interfaces that were not put in are not in it.
    pub(crate) links: BTreeMap<Interface, LinkState>,
    /// Characters still to be typed; `None` when nothing is being typed.
    pub(crate) typing: Option<usize>,
    /// The number of the viewer who has control.
    pub(crate) controller: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Lights {
    num: bool,
    caps: bool,
    scroll: bool,
}

impl From<Leds> for Lights {
    fn from(Leds { num, caps, scroll, .. }: Leds) -> Self {
        Self { num, caps, scroll }
    }
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Links {
    keyboard: &'static str,
    pointer: &'static str,
    mouse: &'static str,
}

impl From<&BTreeMap<Interface, LinkState>> for Links {
    fn from(links: &BTreeMap<Interface, LinkState>) -> Self {
        let word = |interface| match links.get(&interface) {
            Some(LinkState::Ready) => "ready",
            Some(LinkState::NotPolling) => "not-polling",
            Some(LinkState::Detached) => "detached",
            None => "absent",
        };
        Self {
            keyboard: word(Interface::Keyboard),
            pointer: word(Interface::Pointer),
            mouse: word(Interface::Mouse),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Typing {
    pub(crate) remaining: usize,
}

/// The recording that is running.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Running {
    pub(crate) name: String,
    pub(crate) seconds: u64,
    pub(crate) bytes: u64,
}

/// One declared capability, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CapabilityRow {
    word: &'static str,
    scope: String,
    reason: String,
    granted: bool,
    exercised: Vec<String>,
}

/// A row for every declaration of the manifest.
pub(crate) fn capability_rows(manifest: &Manifest, ledger: &Ledger) -> Vec<CapabilityRow> {
    let entries = ledger.entries();
    let granted = |capability| {
        entries.iter().any(|entry| entry.event == Event::Granted && entry.capability == capability)
    };
    manifest
        .declarations()
        .iter()
        .map(|declaration| CapabilityRow {
            word: declaration.capability.word(),
            scope: declaration.scope.to_string(),
            reason: declaration.reason.clone(),
            granted: granted(declaration.capability),
            exercised: ledger.in_use(declaration.capability),
        })
        .collect()
}

/// The message itself.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "state")]
pub(crate) struct State {
    pub(crate) control: &'static str,
    pub(crate) signal: Signal,
    pub(crate) format: Option<Format>,
    pub(crate) leds: Lights,
    pub(crate) links: Links,
    pub(crate) recording: Option<Running>,
    pub(crate) recordings: Vec<String>,
    pub(crate) typing: Option<Typing>,
    /// What pages can ask for, the preferred one first.
    pub(crate) codecs: Vec<String>,
    pub(crate) viewers: usize,
    pub(crate) capabilities: Vec<CapabilityRow>,
    pub(crate) stats: Stats,
}
