//! What this device may do, by its options.

use kvm_audit::{Capability, DeclareError, Manifest};
use kvm_examples::start::subject;

use crate::options::Options;

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
