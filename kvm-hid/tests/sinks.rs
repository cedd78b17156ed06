//! Every sink that needs no hardware keeps the promises of the trait.
#![cfg(feature = "testing")]

use kvm_audit::Declare;
use kvm_hid::testing::{SimulatedHost, check_sink};
use kvm_hid::{Interface, Leds, RecordingSink, ReportSink, Seat};

#[test]
fn recording_sinks_keep_the_promises() {
    for interface in Interface::ALL {
        let mut sink: Box<dyn ReportSink> = Box::new(RecordingSink::new(interface));
        check_sink(&mut sink);
    }
}

#[test]
fn ports_keep_the_promises_whatever_the_host_does() {
    type Deed = fn(&SimulatedHost);
    let deeds: [Deed; 5] = [
        |_| {},
        SimulatedHost::suspend,
        SimulatedHost::stop_polling,
        SimulatedHost::unplug,
        |host| host.set_leds(Leds::from_byte(0x1F)),
    ];
    for interface in Interface::ALL {
        for deed in deeds {
            let host = SimulatedHost::new();
            let mut port = host.plug(interface.descriptor()).unwrap();
            assert_eq!(port.interface(), interface);
            deed(&host);
            check_sink(&mut port);
            check_sink(&mut port);
        }
    }
}

#[test]
fn simulated_parts_need_no_capability() {
    let host = SimulatedHost::new();
    let port = host.plug(Interface::Keyboard.descriptor()).unwrap();
    assert!(Seat::new().with_sink(Box::new(port)).capabilities().is_empty());
}
