//! What all connections share.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kvm_audit::{Ledger, Manifest};
use kvm_examples::inbox::Outbox;
use kvm_examples::input::Orders;
use kvm_hid::Holder;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::channels::Channels;
use crate::input;
use crate::photon::Photons;
use crate::picture::{self, PictureState};
use crate::recording::{RecordingError, Recordings};
use crate::session::Door;
use crate::state::{InputState, Line, State, Stats, Typing, capability_rows};

/// The handles of a running KVM that its connections use.
pub(crate) struct App {
    pub(crate) door: Mutex<Door>,
    pub(crate) manifest: Manifest,
    pub(crate) ledger: Ledger,
    pub(crate) channels: Channels,
    pub(crate) picture: Outbox<picture::Command>,
    pub(crate) picture_state: watch::Receiver<PictureState>,
    pub(crate) input: Orders<input::Command>,
    pub(crate) input_state: watch::Receiver<InputState>,
    pub(crate) recordings: Arc<Recordings>,
    /// Rung when a recording was started or stopped.
    pub(crate) recording_changed: watch::Sender<()>,
    /// From input to light, as pages measured it.
    pub(crate) photons: Photons,
    /// Of snapshots.
    pub(crate) quality: u8,
    /// Reads the text screen of the embedded target.
    pub(crate) target_text: Option<Box<dyn Fn() -> String + Send + Sync>>,
    /// Who watches by WebRTC, if that was asked for.
    #[cfg(feature = "webrtc")]
    pub(crate) peers: Option<crate::peers::Peers>,
    /// True when the program ends.
    pub(crate) end: watch::Receiver<bool>,
    pub(crate) holders: AtomicU64,
}

impl App {
    /// A number for a new page.
    pub(crate) fn next_holder(&self) -> Holder {
        Holder(self.holders.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a page has control.
    pub(crate) fn is_controlled_by(&self, holder: Holder) -> bool {
        self.input_state.borrow().controller == Some(holder.0)
    }

    /// What pictures can be asked for, the preferred codec first.
    fn codecs(&self) -> Vec<String> {
        #[cfg(feature = "webrtc")]
        if self.peers.is_some() {
            return self.channels.names().into_iter().chain(["webrtc".to_owned()]).collect();
        }
        self.channels.names()
    }

    /// Starts or stops a recording.
    pub(crate) async fn record(&self, on: bool) -> Result<(), RecordingError> {
        let recordings = Arc::clone(&self.recordings);
        let act = move || if on { recordings.start() } else { recordings.wait_stop() };
        // Files are created and synchronised, which takes the time it takes.
        let outcome = spawn_blocking(act).await.map_err(|_| RecordingError::Broken)?;
        self.recording_changed.send_replace(());
        outcome
    }

    /// The state message, for a page or for nobody in particular.
    pub(crate) fn state(&self, page: Option<Holder>, line: &Line) -> State {
        let (picture, input) = (self.picture_state.borrow().clone(), self.input_state.borrow().clone());
        State {
            control: match input.controller {
                None => "free",
                Some(number) if page == Some(Holder(number)) => "yours",
                Some(_) => "held",
            },
            signal: picture.signal,
            format: picture.format,
            leds: input.leds.into(),
            links: (&input.links).into(),
            recording: self.recordings.running(),
            recordings: self.recordings.names(),
            typing: input.typing.map(|remaining| Typing { remaining }),
            codecs: self.codecs(),
            viewers: self.channels.viewers(),
            capabilities: capability_rows(&self.manifest, &self.ledger),
            stats: Stats { picture: picture.stats, line: *line, photon: self.photons.stats() },
        }
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("manifest", &self.manifest.name()).finish_non_exhaustive()
    }
}

/// Waits until the program ends.
pub(crate) async fn ended(end: &mut watch::Receiver<bool>) {
    // That nobody is there to say so any more is the end, too. The guard that comes back must not be held.
    drop(end.wait_for(|end| *end).await);
}
