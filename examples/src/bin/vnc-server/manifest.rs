//! What this device may do: the manifest its options need, or the one in a file.

use std::fs;
use std::path::Path;

use kvm_audit::{Capability, DeclareError, Manifest};

use crate::options::Options;
use crate::parts::StartError;

/// Reads the manifest that was named, or makes the one that the options need.
pub(crate) fn manifest(options: &Options) -> Result<Manifest, StartError> {
    let Some(path) = &options.manifest else { return needed(options).map_err(StartError::Declare) };
    let unreadable = |source| StartError::Read { path: path.clone(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Manifest::from_toml(&text).map_err(|source| StartError::Manifest { path: path.clone(), source })
}

/// The manifest that the options need, and nothing more.
pub(crate) fn needed(options: &Options) -> Result<Manifest, DeclareError> {
    let mut manifest = Manifest::new("vnc-server").declare(
        Capability::NetworkListen,
        options.listen.to_string(),
        "serves VNC viewers",
    )?;
    if let Some(video) = &options.video {
        manifest = manifest.declare(Capability::VideoCapture, subject(video), "shows the target's screen")?;
    }
    if let Some(node) = &options.keyboard {
        manifest = manifest.declare(Capability::Keyboard, subject(node), "types on the target")?;
    }
    if let Some(node) = &options.pointer {
        let reason = "moves the target's pointer and clicks";
        manifest = manifest.declare(Capability::Pointer, subject(node), reason)?;
    }
    Ok(manifest)
}

fn subject(path: &Path) -> String {
    path.display().to_string()
}
