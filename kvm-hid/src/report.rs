//! One input report: bytes for one interface.

use std::fmt;

use crate::{HidError, Interface};

/// An input report, as it goes over the wire (HID 1.11, section 5.6), with its report ID if there is one.
///
/// `Debug` shows the interface and the length only, because the bytes are what somebody types.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Report {
    interface: Interface,
    // INVARIANT: at most `CAPACITY`, and the bytes beyond it are zero.
    len: u8,
    bytes: [u8; CAPACITY],
}

impl Report {
    /// Copies a report that was put together elsewhere.
    ///
    /// # Errors
    ///
    /// [`HidError::ReportLength`] if it is empty or longer than the interface's longest report.
    pub fn new(interface: Interface, report: &[u8]) -> Result<Self, HidError> {
        if report.is_empty() || report.len() > interface.report_len() {
            return Err(HidError::ReportLength { interface, len: report.len() });
        }
        Ok(Self::of(interface, report))
    }

    /// The interface the report is for.
    pub const fn interface(&self) -> Interface {
        self.interface
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Takes bytes whose length the caller knows to be right.
    pub(crate) fn of(interface: Interface, report: &[u8]) -> Self {
        debug_assert!(report.len() <= interface.report_len());
        let mut bytes = [0; CAPACITY];
        let mut len = 0;
        for (byte, &value) in bytes.iter_mut().zip(report) {
            *byte = value;
            len += 1;
        }
        Self { interface, len, bytes }
    }

    /// The same report with two movements put into it.
    pub(crate) fn with_movement(mut self, at: usize, along: i8, across: i8) -> Self {
        debug_assert!(at + 1 < usize::from(self.len));
        self.bytes[at] = along.to_le_bytes()[0];
        self.bytes[at + 1] = across.to_le_bytes()[0];
        self
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("interface", &self.interface)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Room for the longest report of any interface, with some to spare.
const CAPACITY: usize = 16;

const _: () = {
    let mut index = 0;
    while index < Interface::ALL.len() {
        assert!(Interface::ALL[index].report_len() <= CAPACITY);
        index += 1;
    }
};
