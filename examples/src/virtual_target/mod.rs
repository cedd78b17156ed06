//! A small simulated computer to try a KVM on, without any hardware.
//!
//! Its USB port is [`SimulatedHost`], which parses the real report descriptors and the real report bytes; its
//! screen is a [`FrameSource`](kvm_capture::FrameSource). It starts in a firmware-like menu, has a console that echoes what is typed and
//! answers a few commands, and a desktop with a pointer, buttons, a wheel counter and a box to drag.

mod console;
mod desktop;
mod firmware;
mod layout;
mod machine;
mod screen;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kvm_capture::FrameError;
use kvm_hid::Interface;
use kvm_hid::testing::{DescriptorError, HostPort, SimulatedHost};

use machine::Machine;
pub use screen::VirtualScreen;

/// A small simulated computer. Clones are the same computer.
///
/// ```
/// use kvm_examples::virtual_target::VirtualTarget;
/// use kvm_hid::{Interface, Keyboard, ReportSink, Usage};
///
/// let target = VirtualTarget::new(640, 480)?;
/// let mut port = target.port(Interface::Keyboard)?;
/// assert!(target.text().contains("Start console"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct VirtualTarget {
    host: SimulatedHost,
    machine: Arc<Mutex<Machine>>,
}

impl VirtualTarget {
    /// Switches on a computer with a screen of this size in pixels; at least 320 × 200.
    ///
    /// # Errors
    ///
    /// The size is smaller, or larger than any frame.
    pub fn new(width_px: u32, height_px: u32) -> Result<Self, FrameError> {
        let machine = Machine::new(width_px, height_px)?;
        Ok(Self { host: SimulatedHost::new(), machine: Arc::new(Mutex::new(machine)) })
    }

    /// A cable to its screen.
    pub fn screen(&self) -> VirtualScreen {
        VirtualScreen::new(self.clone())
    }

    /// Plugs one of a KVM's interfaces into its USB port.
    ///
    /// # Errors
    ///
    /// The computer cannot make sense of the interface's report descriptor.
    pub fn port(&self, interface: Interface) -> Result<HostPort, DescriptorError> {
        self.host.plug(interface.descriptor())
    }

    /// Its USB side: to send it to sleep, unplug it, or look at what is down.
    pub fn host(&self) -> &SimulatedHost {
        &self.host
    }

    /// What stands on the screen, as lines of text.
    pub fn text(&self) -> String {
        self.attend().text()
    }

    /// The computer after it has attended to everything that came over USB.
    fn attend(&self) -> MutexGuard<'_, Machine> {
        // A panic while drawing leaves a picture half drawn, which the next one replaces.
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        for event in self.host.take_events() {
            machine.take(event);
        }
        if self.host.leds() != machine.leds() {
            self.host.set_leds(machine.leds());
        }
        machine
    }
}

impl fmt::Debug for VirtualTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualTarget").field("host", &self.host).finish_non_exhaustive()
    }
}
