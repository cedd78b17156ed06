//! The computer at hand: its screen, and what types and points on it.

use std::path::Path;

use kvm_audit::{Ledger, Manifest};
use kvm_capture::{FrameSource, V4l2Source};
use kvm_hid::gadget::GadgetNode;
use kvm_hid::{Interface, ReportSink, Seat};

use crate::freshest::Freshest;
use crate::start::StartError;
use crate::virtual_target::VirtualTarget;

/// A computer that can be looked at and typed on.
#[derive(Debug)]
pub struct Target {
    /// Its screen.
    pub source: Box<dyn FrameSource>,
    /// Where one sits at it.
    pub seat: Seat,
    /// The computer itself, if it is a simulated one.
    pub simulated: Option<VirtualTarget>,
}

impl Target {
    /// A real one: a capture device and USB gadget nodes, opened within the manifest.
    ///
    /// # Errors
    ///
    /// The manifest does not allow it, or a device cannot be opened.
    pub fn of_devices<'path>(
        video: &Path,
        nodes: impl IntoIterator<Item = (Interface, &'path Path)>,
        manifest: &Manifest,
        ledger: &Ledger,
    ) -> Result<Self, StartError> {
        let source = Freshest::new(V4l2Source::open(video, manifest.grant(ledger)?)?);
        let seat = nodes.into_iter().try_fold(Seat::new(), |seat, (interface, node)| {
            let sink: Box<dyn ReportSink> = match interface {
                Interface::Keyboard => Box::new(GadgetNode::open_keyboard(node, manifest.grant(ledger)?)?),
                Interface::Pointer => Box::new(GadgetNode::open_pointer(node, manifest.grant(ledger)?)?),
                _ => Box::new(GadgetNode::open_mouse(node, manifest.grant(ledger)?)?),
            };
            Ok::<_, StartError>(seat.with_sink(sink))
        })?;
        Ok(Self { source: Box::new(source), seat, simulated: None })
    }

    /// A simulated one with a screen of this size in pixels, and these interfaces plugged in. Needs no grant.
    ///
    /// # Errors
    ///
    /// It has no such screen.
    pub fn simulated(
        width_px: u32,
        height_px: u32,
        interfaces: impl IntoIterator<Item = Interface>,
    ) -> Result<Self, StartError> {
        let target = VirtualTarget::new(width_px, height_px)?;
        let seat = interfaces.into_iter().try_fold(Seat::new(), |seat, interface| {
            Ok::<_, StartError>(seat.with_sink(Box::new(target.port(interface)?)))
        })?;
        Ok(Self { source: Box::new(target.screen()), seat, simulated: Some(target) })
    }
}
