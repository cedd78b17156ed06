//! Assembling the server: each part from its grant, checked against the manifest, and then the process is sealed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kvm_audit::{GrantError, Ledger, Manifest};
use kvm_capture::{FrameRate, FrameSource, Replay};
use kvm_examples::listener::Listener;
use kvm_examples::start;
use kvm_examples::target::Target;
use kvm_examples::virtual_target::VirtualTarget;
use kvm_hid::{Interface, Seat};

use crate::audience::Audience;
use crate::door::Door;
use crate::manifest::needed;
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
        let manifest = start::manifest(options.manifest.as_deref(), || needed(options))?;
        let ledger = Ledger::with_clock(std::time::SystemTime::now);
        manifest.record_in(&ledger);
        let Target { source, seat, simulated } = match (&options.video, &options.replay) {
            (Some(device), _) => Target::of_devices(device, options.nodes(), &manifest, &ledger)?,
            (None, Some(file)) => {
                Target { source: replay(options, file, audience)?, seat: Seat::new(), simulated: None }
            }
            (None, None) => {
                let (width_px, height_px) = options.virtual_size;
                Target::simulated(width_px, height_px, [Interface::Keyboard, Interface::Pointer])?
            }
        };
        let listener = Listener::bind(options.listen, manifest.grant(&ledger)?)?;
        start::seal(
            &manifest,
            &[("the picture", &source), ("the seat", &seat), ("the listener", &listener)],
        )?;
        let text = options.target_text.clone().zip(simulated);
        let text = text.map(|(path, target)| TargetText { target, path, written: None });
        Ok(Self { manifest, source, seat, listener, door, tls, text })
    }
}

fn replay(
    options: &Options,
    file: &Path,
    audience: &Audience,
) -> Result<Box<dyn FrameSource>, start::StartError> {
    let rate = FrameRate::new(options.replay_rate, 1).unwrap_or(FrameRate::DEFAULT);
    let replay = match options.replay_format {
        Some(format) => Replay::open_raw(file, format.0, rate)?,
        None => Replay::open_y4m(file)?,
    };
    Ok(Box::new(Paced::new(replay, audience.is_watched())))
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
    #[error(transparent)]
    Start(#[from] start::StartError),
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
            Self::Start(error) => error.advice()?,
            _ => return None,
        })
    }
}
