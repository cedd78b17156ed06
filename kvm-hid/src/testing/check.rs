//! What every sink must do.

use crate::{Controls, HidError, Interface, Keyboard, Pointer, Report, ReportSink};

/// Checks what the documentation of [`ReportSink`] promises, for use in the tests of an implementation.
///
/// The sink may be connected or not, and its host may listen or not: every answer but a wrong one is fine. What
/// is sent is that nothing is down, so that a real target is not typed at.
///
/// # Panics
///
/// The sink breaks a promise; the message says which.
#[expect(clippy::panic, reason = "a conformance check tells of its finding by panicking")]
pub fn check_sink(sink: &mut dyn ReportSink) {
    let interface = sink.interface();

    for other in Interface::ALL.into_iter().filter(|&other| other != interface) {
        match sink.try_send(&at_rest(other)) {
            Err(HidError::WrongInterface { sink, report }) => assert_eq!(
                (sink, report),
                (interface, other),
                "the error names the sink's interface and the report's"
            ),
            other => panic!("a report of another interface must be refused, not answered with {other:?}"),
        }
    }

    // More than any endpoint holds: the answer may change to `Busy`, but it must come.
    for _ in 0..8 {
        if let Err(error) = sink.try_send(&at_rest(interface)) {
            panic!("a report at rest must not fail: {error}");
        }
    }

    let lights = |sink: &mut dyn ReportSink| {
        sink.try_leds().unwrap_or_else(|error| panic!("asking for the lights must not fail: {error}"))
    };
    let first = lights(sink);
    assert!(interface == Interface::Keyboard || first.is_none(), "only a keyboard has lights");
    let again = lights(sink);
    assert!(again.is_none() || again != first, "lights that did not change are no news");

    assert_eq!(sink.interface(), interface, "a sink stays the sink of its interface");
}

fn at_rest(interface: Interface) -> Report {
    match interface {
        Interface::Keyboard => Keyboard::default().report(),
        Interface::Mouse => Pointer::default().report(interface),
        Interface::Pointer => Controls::default().consumer_report(),
    }
}
