//! How a program with a computer at hand starts: from its manifest, within it, and sealed; or why it does not.

use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kvm_audit::{
    Declare, DeclareError, Exceeds, GrantError, Manifest, ManifestError, OutOfScope, assemble, seal_process,
};
use kvm_capture::{CaptureError, FrameError};
use kvm_hid::HidError;
use kvm_hid::testing::DescriptorError;

use crate::report::{chain, complain};

/// Reads the manifest that was named, or takes the one that the options need.
///
/// # Errors
///
/// The file cannot be read or is no manifest, or the options need what cannot be declared.
pub fn manifest(
    file: Option<&Path>,
    needed: impl FnOnce() -> Result<Manifest, DeclareError>,
) -> Result<Manifest, StartError> {
    let Some(path) = file else { return needed().map_err(StartError::Declare) };
    let unreadable = |source| StartError::ReadManifest { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Manifest::from_toml(&text).map_err(|source| StartError::Manifest { path: path.to_owned(), source })
}

/// A path as the subject of a grant.
pub fn subject(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Joins the parts, each with its name, within the manifest. After that the process is sealed: no grant is minted in
/// it any more.
///
/// # Errors
///
/// A part can do what the manifest does not allow.
pub fn seal(manifest: &Manifest, parts: &[(&str, &dyn Declare)]) -> Result<(), StartError> {
    assemble(manifest, parts)?;
    seal_process();
    Ok(())
}

/// What a program ends with. If it did not start, it says why, and by `advice` what a person can do about it.
pub fn exit_code<E: Error>(outcome: Result<(), E>, advice: impl FnOnce(&E) -> Option<String>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let advice = advice(&error).map_or_else(String::new, |advice| format!(". {advice}"));
    complain("cannot start", chain(&error) + &advice);
    ExitCode::from(2)
}

/// Why a program does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The manifest's file cannot be read.
    #[error("cannot read the manifest {}", path.display())]
    ReadManifest {
        /// The file that was named.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds no manifest.
    #[error("the manifest {} is refused", path.display())]
    Manifest {
        /// The file that was named.
        path: PathBuf,
        /// Where in it is what.
        source: ManifestError,
    },
    /// The options need what cannot be declared.
    #[error(transparent)]
    Declare(DeclareError),
    /// The manifest does not grant what the options need.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// It grants it for something else.
    #[error(transparent)]
    OutOfScope(#[from] OutOfScope),
    /// A part can do more than the manifest allows.
    #[error(transparent)]
    Exceeds(#[from] Exceeds),
    /// There is no picture to be had.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// There is nothing to type or point with.
    #[error(transparent)]
    Hid(#[from] HidError),
    /// The simulated computer's screen cannot be that large or small.
    #[error("the simulated computer has no such screen")]
    Screen(#[from] FrameError),
    /// The simulated computer does not understand what is plugged in.
    #[error("the simulated computer refuses a descriptor")]
    Descriptor(#[from] DescriptorError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was named.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The system refuses something it hardly ever does.
    #[error("cannot start {what}")]
    System {
        /// What was to start.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl StartError {
    /// What a person can do about it, as a sentence.
    pub fn advice(&self) -> Option<String> {
        Some(match self {
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
