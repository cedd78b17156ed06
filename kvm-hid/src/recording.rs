//! A sink that keeps what it is given.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kvm_audit::{CapabilitySet, Declare};

use crate::sink::expect_interface;
use crate::{HidError, Interface, Report, ReportSink, Sent};

/// A sink that accepts every report and keeps it. Clones share what they keep.
///
/// ```
/// use kvm_hid::{Interface, Keyboard, RecordingSink, ReportSink, Usage};
///
/// let mut sink = RecordingSink::new(Interface::Keyboard);
/// let report = Keyboard::default().press(Usage::keyboard(0x04)).unwrap();
/// sink.try_send(&report)?;
/// assert_eq!(sink.take(), [report]);
/// # Ok::<(), kvm_hid::HidError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecordingSink {
    interface: Interface,
    reports: Arc<Mutex<Vec<Report>>>,
}

impl RecordingSink {
    /// A sink that has kept nothing yet.
    pub fn new(interface: Interface) -> Self {
        Self { interface, reports: Arc::default() }
    }

    /// Hands out what was kept, in order, and keeps on from there.
    pub fn take(&self) -> Vec<Report> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Report>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Declare for RecordingSink {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl ReportSink for RecordingSink {
    fn interface(&self) -> Interface {
        self.interface
    }

    fn try_send(&mut self, report: &Report) -> Result<Sent, HidError> {
        expect_interface(self.interface, report)?;
        self.lock().push(*report);
        Ok(Sent::Accepted)
    }
}
