//! What this device may do: the manifest its options need, or the one in a file.

use std::fs;
use std::path::{Path, PathBuf};

use kvm_audit::{Capability, DeclareError, Manifest, Scope};
use kvm_hid::Interface;

use crate::options::Options;
use crate::parts::StartError;

/// Reads the manifest that was named, or makes the one that the options need.
pub(crate) fn manifest(options: &Options, recordings: &Path) -> Result<Manifest, StartError> {
    let Some(path) = &options.manifest else {
        return needed(options, recordings).map_err(StartError::Declare);
    };
    let unreadable = |source| StartError::ReadManifest { path: path.clone(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Manifest::from_toml(&text).map_err(|source| StartError::Manifest { path: path.clone(), source })
}

/// The manifest that the options need, and nothing more.
pub(crate) fn needed(options: &Options, recordings: &Path) -> Result<Manifest, DeclareError> {
    let mut manifest = Manifest::new("kvm-server").declare(
        Capability::NetworkListen,
        options.listen.to_string(),
        "serves the page to the browser",
    )?;
    if let Some(video) = &options.video {
        manifest = manifest.declare(Capability::VideoCapture, subject(video), "shows the target's screen")?;
    }
    if let Some(node) = &options.keyboard {
        manifest = manifest.declare(Capability::Keyboard, subject(node), "types on the target")?;
    }
    let pointers = options.nodes().filter(|(interface, _)| *interface != Interface::Keyboard);
    let pointers = pointers.map(|(_, node)| subject(node)).map(Scope::from);
    if let Some(scope) = pointers.reduce(|all, more| more.subjects().fold(all, |all, one| all.and(one))) {
        manifest = manifest.declare(Capability::Pointer, scope, "moves the target's pointer and clicks")?;
    }
    let folder = format!("{}/*", recordings.display());
    let mut scope = Scope::matching(folder, "recordings are named as they are started");
    if let Some(file) = &options.record {
        scope = scope.and(subject(file));
    }
    manifest.declare(Capability::Recording, scope, "keeps the screen when somebody presses record")
}

/// Where recordings go: the folder that was named, or one of this start of the program's own.
pub(crate) fn recordings_folder(options: &Options) -> PathBuf {
    let own = || std::env::temp_dir().join(format!("kvm-server-{}", std::process::id()));
    options.recordings.clone().unwrap_or_else(own)
}

/// A path as the subject of a grant.
pub(crate) fn subject(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
