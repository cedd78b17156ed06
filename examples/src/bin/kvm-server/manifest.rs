//! What this device may do, by its options.

use std::path::{Path, PathBuf};

use kvm_audit::{Capability, DeclareError, Manifest, Scope};
use kvm_examples::start::subject;
use kvm_hid::Interface;

use crate::options::Options;

/// The manifest that the options need, and nothing more.
pub(crate) fn needed(options: &Options, recordings: &Path) -> Result<Manifest, DeclareError> {
    let mut manifest = Manifest::new("kvm-server").declare(
        Capability::NetworkListen,
        listening(options),
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

/// Where the program can be reached.
fn listening(options: &Options) -> Scope {
    let page = Scope::from(options.listen.to_string());
    #[cfg(feature = "webrtc")]
    if let Some(address) = options.webrtc {
        return page.and(datagrams(address));
    }
    page
}

/// A socket for datagrams as the subject of a grant.
#[cfg(feature = "webrtc")]
pub(crate) fn datagrams(address: std::net::SocketAddr) -> String {
    format!("udp:{address}")
}

/// Where recordings go: the folder that was named, or one of this start of the program's own.
pub(crate) fn recordings_folder(options: &Options) -> PathBuf {
    let own = || std::env::temp_dir().join(format!("kvm-server-{}", std::process::id()));
    options.recordings.clone().unwrap_or_else(own)
}
