//! Assembling the device: each part from its grant, checked against the manifest, and then the process is sealed.

use std::net::SocketAddr;
use std::path::PathBuf;

use kvm_audit::{Declare, Grant, GrantError, Ledger, Manifest, Recording};
use kvm_capture::FrameSource;
use kvm_examples::listener::Listener;
use kvm_examples::start;
use kvm_examples::target::Target;
use kvm_examples::virtual_target::VirtualTarget;
use kvm_hid::{Interface, Seat};

use crate::manifest::{needed, recordings_folder};
use crate::options::Options;
use crate::recording::RecordingError;

/// The parts of an assembled KVM.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) manifest: Manifest,
    pub(crate) ledger: Ledger,
    pub(crate) source: Box<dyn FrameSource>,
    pub(crate) seat: Seat,
    pub(crate) listener: Listener,
    #[cfg(feature = "webrtc")]
    pub(crate) datagrams: Option<crate::datagrams::Datagrams>,
    pub(crate) recordings: PathBuf,
    pub(crate) recording_grants: Vec<Grant<Recording>>,
    /// The simulated computer, if no device was named.
    pub(crate) target: Option<VirtualTarget>,
}

impl Parts {
    /// Opens and joins what the options name, within the manifest. After that the process is sealed: no grant is
    /// minted in it any more.
    pub(crate) fn assemble(options: &Options) -> Result<Self, StartError> {
        if !options.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback { address: options.listen });
        }
        let recordings = recordings_folder(options);
        let needed = || needed(options, &recordings);
        let manifest = start::manifest(options.manifest.as_deref(), needed)?;
        let ledger = Ledger::with_clock(std::time::SystemTime::now);
        manifest.record_in(&ledger);

        let Target { source, seat, simulated } = match &options.video {
            Some(device) => Target::of_devices(device, options.nodes(), &manifest, &ledger)?,
            None => {
                let size = options.virtual_size;
                Target::simulated(size.width_px, size.height_px, Interface::ALL)?
            }
        };
        let listener = Listener::bind(options.listen, manifest.grant(&ledger)?)?;
        #[cfg(feature = "webrtc")]
        let datagrams = match options.webrtc {
            Some(address) => {
                let public = options.webrtc_public;
                Some(crate::datagrams::Datagrams::bind(address, public, manifest.grant(&ledger)?)?)
            }
            None => None,
        };
        // Recordings start later, when no grant can be had any more. A manifest without the word has none.
        let recording_grants = match manifest.grant(&ledger) {
            Ok(first) => {
                let more = (1..RECORDINGS).map(|_| manifest.grant(&ledger));
                std::iter::once(Ok(first)).chain(more).collect::<Result<_, _>>()?
            }
            Err(GrantError::Undeclared { .. }) if options.record.is_none() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let parts: [(&str, &dyn Declare); 3] =
            [("the picture", &source), ("the seat", &seat), ("the page", &listener)];
        #[cfg(feature = "webrtc")]
        let parts: Vec<_> = {
            let datagrams = datagrams.as_ref().map(|datagrams| datagrams as &dyn Declare);
            parts.into_iter().chain(datagrams.map(|part| ("the pictures by WebRTC", part))).collect()
        };
        start::seal(&manifest, &parts)?;
        Ok(Self {
            manifest,
            ledger,
            source,
            seat,
            listener,
            #[cfg(feature = "webrtc")]
            datagrams,
            recordings,
            recording_grants,
            target: simulated,
        })
    }
}

/// Why the KVM does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("not listening on {address}, which others can reach")]
    NotLoopback { address: SocketAddr },
    #[error(transparent)]
    Start(#[from] start::StartError),
    #[cfg(feature = "webrtc")]
    #[error("there is no encoder for H.264 in this build, which WebRTC needs")]
    NoH264,
    #[cfg(feature = "webrtc")]
    #[error(transparent)]
    WebRtc(#[from] kvm_stream::webrtc::WebRtcError),
    #[error("cannot record")]
    Recording(#[from] RecordingError),
    #[error("the system gives no randomness")]
    Randomness(#[from] getrandom::Error),
}

impl From<GrantError> for StartError {
    fn from(error: GrantError) -> Self {
        Self::Start(error.into())
    }
}

impl StartError {
    /// What a person can do about it, as a sentence.
    pub(crate) fn advice(&self) -> Option<String> {
        Some(match self {
            Self::NotLoopback { address } => format!(
                "There is no TLS in here: listen on 127.0.0.1:{port} and put a TLS proxy in front (with --origin \
                 https://its.name), or use a tunnel: ssh -L {port}:127.0.0.1:{port} this-machine.",
                port = address.port(),
            ),
            Self::Start(error) => error.advice()?,
            _ => return None,
        })
    }
}

/// Recordings one start of the program can make.
const RECORDINGS: usize = 256;
