//! A device's end of the cable to a simulated host.

use kvm_audit::{CapabilitySet, Declare};

use super::SimulatedHost;
use crate::sink::expect_interface;
use crate::{HidError, Interface, Leds, Report, ReportSink, Sent};

/// The sink whose reports a [`SimulatedHost`] understands. It touches no device and declares nothing.
#[derive(Debug)]
pub struct HostPort {
    host: SimulatedHost,
    device: usize,
    interface: Interface,
    generation: u64,
}

impl HostPort {
    pub(super) fn new(host: SimulatedHost, device: usize, interface: Interface, generation: u64) -> Self {
        Self { host, device, interface, generation }
    }
}

impl Declare for HostPort {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl ReportSink for HostPort {
    fn interface(&self) -> Interface {
        self.interface
    }

    fn try_send(&mut self, report: &Report) -> Result<Sent, HidError> {
        expect_interface(self.interface, report)?;
        Ok(self.host.accept(self.device, &mut self.generation, report))
    }

    fn try_leds(&mut self) -> Result<Option<Leds>, HidError> {
        Ok(self.host.news_of_leds(self.device, self.generation))
    }

    fn is_attached(&self) -> bool {
        self.host.is_attached(self.generation)
    }
}
