//! Assembling the device: each part from its grant, checked against the manifest, and then the process is sealed.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use kvm_audit::{
    CapabilitySet, Declare, DeclareError, Exceeds, Grant, GrantError, InUse, Ledger, Manifest, ManifestError,
    NetworkListen, OutOfScope, Recording, assemble, seal_process,
};
use kvm_capture::{CaptureError, FrameError, FrameSource, V4l2Source};
use kvm_examples::freshest::Freshest;
use kvm_examples::virtual_target::VirtualTarget;
use kvm_hid::gadget::GadgetNode;
use kvm_hid::testing::DescriptorError;
use kvm_hid::{HidError, Interface, ReportSink, Seat};
use tokio::net::{TcpListener, TcpSocket};

use crate::manifest::{manifest, recordings_folder};
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
        let manifest = manifest(options, &recordings)?;
        let ledger = Ledger::with_clock(std::time::SystemTime::now);
        manifest.record_in(&ledger);

        let (source, seat, target) = match &options.video {
            Some(device) => {
                let source = Freshest::new(V4l2Source::open(device, manifest.grant(&ledger)?)?);
                (Box::new(source) as Box<dyn FrameSource>, seat(options, &manifest, &ledger)?, None)
            }
            None => {
                let target =
                    VirtualTarget::new(options.virtual_size.width_px, options.virtual_size.height_px)?;
                let mut seat = Seat::new();
                for interface in Interface::ALL {
                    seat = seat.with_sink(Box::new(target.port(interface)?));
                }
                (Box::new(target.screen()) as Box<dyn FrameSource>, seat, Some(target))
            }
        };
        let listener = Listener::bind(options.listen, manifest.grant(&ledger)?)?;
        // Recordings start later, when no grant can be had any more. A manifest without the word has none.
        let recording_grants = match manifest.grant(&ledger) {
            Ok(first) => {
                let more = (1..RECORDINGS).map(|_| manifest.grant(&ledger));
                std::iter::once(Ok(first)).chain(more).collect::<Result<_, _>>()?
            }
            Err(GrantError::Undeclared { .. }) if options.record.is_none() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        assemble(&manifest, &[("the picture", &source), ("the seat", &seat), ("the page", &listener)])?;
        seal_process();
        Ok(Self { manifest, ledger, source, seat, listener, recordings, recording_grants, target })
    }
}

/// The socket that pages connect to.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    in_use: InUse<NetworkListen>,
}

impl Listener {
    fn bind(address: SocketAddr, grant: Grant<NetworkListen>) -> Result<Self, StartError> {
        let in_use = grant.exercise(&address.to_string())?;
        let listen = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            // What waits in the kernel for a slow viewer is old when it arrives. Connections inherit this.
            socket.set_send_buffer_size(SEND_BUFFER)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let socket = listen().map_err(|source| StartError::Listen { address, source })?;
        Ok(Self { socket, in_use })
    }
}

impl Declare for Listener {
    fn capabilities(&self) -> CapabilitySet {
        self.in_use.capabilities()
    }
}

/// A seat of the gadget nodes that were named.
fn seat(options: &Options, manifest: &Manifest, ledger: &Ledger) -> Result<Seat, StartError> {
    options.nodes().try_fold(Seat::new(), |seat, (interface, node)| {
        let sink: Box<dyn ReportSink> = match interface {
            Interface::Keyboard => Box::new(GadgetNode::open_keyboard(node, manifest.grant(ledger)?)?),
            Interface::Pointer => Box::new(GadgetNode::open_pointer(node, manifest.grant(ledger)?)?),
            _ => Box::new(GadgetNode::open_mouse(node, manifest.grant(ledger)?)?),
        };
        Ok(seat.with_sink(sink))
    })
}

/// Why the KVM does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("not listening on {address}, which others can reach")]
    NotLoopback { address: SocketAddr },
    #[error("cannot read the manifest {}", path.display())]
    ReadManifest { path: PathBuf, source: io::Error },
    #[error("the manifest {} is refused", path.display())]
    Manifest { path: PathBuf, source: ManifestError },
    #[error(transparent)]
    Declare(DeclareError),
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error(transparent)]
    OutOfScope(#[from] OutOfScope),
    #[error(transparent)]
    Exceeds(#[from] Exceeds),
    #[error(transparent)]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Hid(#[from] HidError),
    #[error("the simulated computer has no such screen")]
    Screen(#[from] FrameError),
    #[error("the simulated computer refuses a descriptor")]
    Descriptor(#[from] DescriptorError),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot record")]
    Recording(#[from] RecordingError),
    #[error("cannot start {what}")]
    System { what: &'static str, source: io::Error },
    #[error("the system gives no randomness")]
    Randomness(#[from] getrandom::Error),
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
            Self::Capture(error) => error.advice()?.to_owned(),
            Self::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => format!(
                "Another program listens on port {}: end it, or choose another port, such as --listen 127.0.0.1:0.",
                address.port(),
            ),
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "Choose a port above 1023, such as --listen 127.0.0.1:8080.".to_owned()
            }
            Self::Grant(GrantError::Undeclared { capability, .. }) => format!(
                "Add {capability} to the manifest (--print-manifest shows how), or leave out the option that needs it."
            ),
            Self::OutOfScope(_) | Self::Exceeds(_) => {
                "Widen the manifest (--print-manifest shows what these options need), or change the options."
                    .to_owned()
            }
            Self::ReadManifest { .. } | Self::Manifest { .. } => {
                "--print-manifest shows one that works.".to_owned()
            }
            _ => return None,
        })
    }
}

/// Recordings one start of the program can make.
const RECORDINGS: usize = 256;
/// Some pictures' worth of bytes.
const SEND_BUFFER: u32 = 256 * 1024;
const BACKLOG: u32 = 128;
