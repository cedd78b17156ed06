//! No report descriptor and no report makes the simulated host panic, and a pulled cable lets everything go.
//!
//! The input is a byte for the length of the descriptor, the descriptor, and reports of eight bytes.
#![no_main]

use kvm_hid::testing::SimulatedHost;
use kvm_hid::{Report, ReportSink};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&len, rest)) = input.split_first() else { return };
    let (descriptor, reports) = rest.split_at(rest.len().min(usize::from(len)));
    let host = SimulatedHost::new();
    let Ok(mut port) = host.plug(descriptor) else { return };
    let interface = port.interface();
    for bytes in reports.chunks(interface.report_len()) {
        let report = Report::new(interface, bytes).expect("the chunks have the right length");
        port.try_send(&report).expect("a simulated host never fails");
        host.take_events();
    }
    port.try_leds().expect("a simulated host never fails");
    host.unplug();
    assert!(host.keys_down().is_empty() && host.buttons_down().is_empty());
});
