//! Where reports go.

use std::fmt::Debug;
use std::os::fd::BorrowedFd;

use kvm_audit::Declare;

use crate::{HidError, Interface, Leds, Report};

/// A place that one interface's reports go to: a gadget node, a simulated host, a list.
///
/// A sink is pushed to, because whoever types decides when there is something to say, and it never waits: a
/// host fetches reports at its own pace or not at all, and a keyboard that hangs with its host could not
/// release a key. So it answers at once, and what was not accepted is offered again by the caller, which
/// keeps the order (a [`Seat`](crate::Seat) does). After an error, too, the same report may be offered again.
pub trait ReportSink: Declare + Debug + Send {
    /// The interface whose reports this sink takes.
    fn interface(&self) -> Interface;

    /// Offers a report. Never blocks.
    ///
    /// # Errors
    ///
    /// [`HidError::WrongInterface`] for a report of another interface; otherwise whatever the device says that
    /// is not one of the answers in [`Sent`].
    fn try_send(&mut self, report: &Report) -> Result<Sent, HidError>;

    /// The newest state of the lights, if the host has set it since this was last asked. Never blocks.
    ///
    /// # Errors
    ///
    /// The device failed.
    fn try_leds(&mut self) -> Result<Option<Leds>, HidError> {
        Ok(None)
    }

    /// Whether a host is there, as far as is known without sending anything. Asking for the lights may bring it
    /// to light.
    fn is_attached(&self) -> bool {
        true
    }

    /// What to wait on: readable when asking for the lights is worth it, writable when a report would be accepted.
    /// `None` means that one may ask whenever one likes.
    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

const _: Option<&dyn ReportSink> = None;

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "taken, not now, nobody there: a caller has to tell the three apart"
)]
pub enum Sent {
    /// The report is on its way to the host.
    Accepted,
    /// The host has not fetched the ones before. To be offered again.
    Busy,
    /// No host is there: the gadget is unbound or the cable is out. Nothing will arrive, and what the host was
    /// told before is forgotten there.
    Detached,
}

impl<S: ReportSink + ?Sized> ReportSink for Box<S> {
    fn interface(&self) -> Interface {
        (**self).interface()
    }

    fn try_send(&mut self, report: &Report) -> Result<Sent, HidError> {
        (**self).try_send(report)
    }

    fn try_leds(&mut self) -> Result<Option<Leds>, HidError> {
        (**self).try_leds()
    }

    fn is_attached(&self) -> bool {
        (**self).is_attached()
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        (**self).readiness()
    }
}

/// Refuses a report of another interface; for implementations of [`ReportSink::try_send`].
pub(crate) fn expect_interface(sink: Interface, report: &Report) -> Result<(), HidError> {
    if report.interface() == sink {
        Ok(())
    } else {
        Err(HidError::WrongInterface { sink, report: report.interface() })
    }
}
