//! Assembling the server: each part from its grant, checked against the manifest, and then the process is sealed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kvm_audit::{
    Declare, DeclareError, Exceeds, GrantError, Ledger, Manifest, ManifestError, OutOfScope, assemble,
    seal_process,
};
use kvm_capture::{CaptureError, FrameError, FrameRate, FrameSource, Replay, V4l2Source};
use kvm_examples::freshest::Freshest;
use kvm_examples::virtual_target::VirtualTarget;
use kvm_hid::gadget::GadgetNode;
use kvm_hid::testing::DescriptorError;
use kvm_hid::{HidError, Interface, ReportSink, Seat};

use crate::audience::Audience;
use crate::door::Door;
use crate::listener::Listener;
use crate::manifest::manifest;
use crate::options::Options;
use crate::paced::Paced;

/// What TLS needs, if it is offered.
#[cfg(feature = "tls")]
pub(crate) type Tls = Option<std::sync::Arc<rustls::ServerConfig>>;

/// There is no TLS in this build.
#[cfg(not(feature = "tls"))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tls;

/// The parts of an assembled server.
pub(crate) struct Parts {
    pub(crate) manifest: Manifest,
    pub(crate) source: Box<dyn FrameSource>,
    pub(crate) seat: Seat,
    pub(crate) listener: Listener,
    pub(crate) door: Door,
    pub(crate) tls: Tls,
    /// Where the simulated computer's text goes.
    pub(crate) text: Option<TargetText>,
}

/// The simulated computer's text, kept in a file.
pub(crate) struct TargetText {
    pub(crate) target: VirtualTarget,
    pub(crate) path: PathBuf,
    pub(crate) written: Option<String>,
}

impl fmt::Debug for TargetText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetText").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Parts {
    /// Opens and joins what the options name, within the manifest. After that the process is sealed: no grant is
    /// minted in it any more.
    pub(crate) fn assemble(options: &Options, audience: &Audience) -> Result<Self, StartError> {
        let is_open = options.no_authentication || options.vnc_password().is_some();
        if is_open && !options.listen.ip().is_loopback() {
            return Err(StartError::NotLoopback {
                address: options.listen,
                has_tls: options.users().is_some(),
            });
        }
        let door = Door::new(options)?;
        let tls = tls(options)?;
        let manifest = manifest(options)?;
        let ledger = Ledger::with_clock(std::time::SystemTime::now);
        manifest.record_in(&ledger);
        let (source, seat, target) = match (&options.video, &options.replay) {
            (Some(device), _) => {
                let source = Freshest::new(V4l2Source::open(device, manifest.grant(&ledger)?)?);
                (Box::new(source) as Box<dyn FrameSource>, seat(options, &manifest, &ledger)?, None)
            }
            (None, Some(file)) => (replay(options, file, audience)?, Seat::new(), None),
            (None, None) => {
                let (width_px, height_px) = options.virtual_size;
                let target = VirtualTarget::new(width_px, height_px)?;
                let mut seat = Seat::new();
                for interface in [Interface::Keyboard, Interface::Pointer] {
                    seat = seat.with_sink(Box::new(target.port(interface)?));
                }
                (Box::new(target.screen()) as Box<dyn FrameSource>, seat, Some(target))
            }
        };
        let listener = Listener::bind(options.listen, manifest.grant(&ledger)?)?;
        let parts: [(&str, &dyn Declare); 3] =
            [("the picture", &source), ("the seat", &seat), ("the listener", &listener)];
        assemble(&manifest, &parts)?;
        seal_process();
        let text = options.target_text.clone().zip(target);
        let text = text.map(|(path, target)| TargetText { target, path, written: None });
        Ok(Self { manifest, source, seat, listener, door, tls, text })
    }
}

fn replay(options: &Options, file: &Path, audience: &Audience) -> Result<Box<dyn FrameSource>, StartError> {
    let rate = FrameRate::new(options.replay_rate, 1).unwrap_or(FrameRate::DEFAULT);
    let replay = match options.replay_format {
        Some(format) => Replay::open_raw(file, format.0, rate)?,
        None => Replay::open_y4m(file)?,
    };
    Ok(Box::new(Paced::new(replay, audience.is_watched())))
}

/// A seat of the gadget nodes that were named.
fn seat(options: &Options, manifest: &Manifest, ledger: &Ledger) -> Result<Seat, StartError> {
    options.nodes().try_fold(Seat::new(), |seat, (interface, node)| {
        let sink: Box<dyn ReportSink> = match interface {
            Interface::Keyboard => Box::new(GadgetNode::open_keyboard(node, manifest.grant(ledger)?)?),
            _ => Box::new(GadgetNode::open_pointer(node, manifest.grant(ledger)?)?),
        };
        Ok(seat.with_sink(sink))
    })
}

/// Reads the certificate and its key.
#[cfg(feature = "tls")]
fn tls(options: &Options) -> Result<Tls, StartError> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let (Some(certificate), Some(key)) = (&options.certificate, &options.key) else { return Ok(None) };
    let unreadable = |path: &Path, source| StartError::Pem { path: path.to_owned(), source };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| unreadable(certificate, source))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|source| unreadable(key, source))?;
    let provider = rustls::crypto::ring::default_provider().into();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Nobody resumes a session, and TigerVNC's viewer overlooks what comes together with a ticket.
    config.send_tls13_tickets = 0;
    Ok(Some(config.into()))
}

#[cfg(not(feature = "tls"))]
fn tls(_: &Options) -> Result<Tls, StartError> {
    Ok(Tls)
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("nobody may connect")]
    NobodyMayConnect,
    #[error("not listening on {address} for everybody, which others can reach")]
    NotLoopback { address: SocketAddr, has_tls: bool },
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("others can read {}", path.display())]
    Readable { path: PathBuf },
    #[error("{} does not hold {expected}", path.display())]
    Malformed { path: PathBuf, expected: &'static str },
    #[cfg(feature = "tls")]
    #[error("cannot read {}", path.display())]
    Pem { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[cfg(feature = "tls")]
    #[error("the certificate and its key cannot be used")]
    Tls(#[from] rustls::Error),
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
    #[error("cannot start {what}")]
    System { what: &'static str, source: io::Error },
}

impl StartError {
    /// What a person can do about it, as a sentence.
    pub(crate) fn advice(&self) -> Option<String> {
        Some(match self {
            Self::NobodyMayConnect => {
                "Say --no-authentication to let in everybody on this machine, or build with --features tls and give \
                 --certificate, --key and --users."
                    .to_owned()
            }
            Self::NotLoopback { address, has_tls } => {
                let tunnel = format!("ssh -L {port}:127.0.0.1:{port} this-machine", port = address.port());
                if *has_tls {
                    "Leave out --no-authentication and --vnc-password.".to_owned()
                } else {
                    format!("Listen on 127.0.0.1 and use a tunnel ({tunnel}), or use TLS (--features tls).")
                }
            }
            Self::Readable { path } => format!("chmod 600 {}", path.display()),
            Self::Capture(error) => error.advice()?.to_owned(),
            Self::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => format!(
                "Another program listens on port {}: end it, or choose another port, such as --listen 127.0.0.1:0.",
                address.port(),
            ),
            Self::Grant(GrantError::Undeclared { capability, .. }) => format!(
                "Add {capability} to the manifest (--print-manifest shows how), or leave out the option that needs it."
            ),
            Self::OutOfScope(_) | Self::Exceeds(_) => {
                "Widen the manifest (--print-manifest shows what these options need), or change the options."
                    .to_owned()
            }
            Self::Manifest { .. } => "--print-manifest shows one that works.".to_owned(),
            _ => return None,
        })
    }
}
