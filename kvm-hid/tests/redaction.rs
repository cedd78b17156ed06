//! What somebody types is in no `Debug` output and in no error.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test's helpers may panic as the test may")]

use std::time::Instant;

use kvm_hid::testing::SimulatedHost;
use kvm_hid::{
    Controls, Holder, InputEvent, Interface, Keyboard, RecordingSink, ReportQueue, ReportSink, Reports, Seat,
    Typist, Usage, usage_of_code,
};

/// Keys whose usages, in decimal and hexadecimal, do not occur by chance.
const SECRET: [&str; 3] = ["F21", "NumpadParenRight", "Lang5"];

/// How a secret would show.
fn traces() -> Vec<String> {
    let usages = SECRET.iter().map(|code| usage_of_code(code).unwrap());
    let numbers =
        usages.flat_map(|usage| [format!("{}", usage.id), format!("{:x}", usage.id), format!("{usage}")]);
    numbers.chain(SECRET.iter().map(|code| (*code).to_owned())).collect()
}

fn assert_silent(what: &str, debug: &str) {
    for trace in traces() {
        // Lower case without the addresses and names that hexadecimal digits may be part of.
        let words: Vec<&str> = debug.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').collect();
        assert!(!words.iter().any(|word| word.eq_ignore_ascii_case(&trace)), "{what} shows {trace}: {debug}");
    }
}

#[test]
fn nothing_shows_what_was_typed() {
    let host = SimulatedHost::new();
    let mut seat = Seat::new().with_sink(Box::new(RecordingSink::new(Interface::Mouse)));
    for interface in [Interface::Keyboard, Interface::Pointer] {
        seat = seat.with_sink(Box::new(host.plug(interface.descriptor()).unwrap()));
    }
    let (holder, now) = (Holder(1), Instant::now());
    seat.take(holder, now);
    host.stop_polling();

    let mut keyboard = Keyboard::default();
    let mut queue = ReportQueue::with_capacity(16);
    let mut kept = RecordingSink::new(Interface::Keyboard);
    for code in SECRET {
        let usage = usage_of_code(code).unwrap();
        let event = InputEvent::Key { usage, pressed: true };
        seat.handle(holder, event, now).unwrap();
        let report = keyboard.press(usage).unwrap();
        kept.try_send(&report).unwrap();
        assert_silent("usage", &format!("{usage:?}"));
        assert_silent("event", &format!("{event:?} {event:#?}"));
        assert_silent("report", &format!("{report:?} {report:#?}"));
    }
    queue.push(kvm_hid::Pointer::default().press(kvm_hid::Button::Left).unwrap());
    assert_silent("keyboard", &format!("{keyboard:?} {keyboard:#?}"));
    assert_silent("recording", &format!("{kept:?} {kept:#?}"));
    assert_silent("seat", &format!("{seat:?} {seat:#?} {:?}", seat.state()));
    host.poll_on();
    seat.poll(now).unwrap();
    assert_eq!(host.keys_down().len(), SECRET.len());
    assert_silent("seat", &format!("{seat:?} {seat:#?}"));
    assert_silent("host", &format!("{host:?} {host:#?}"));
    let events = host.take_events();
    assert_eq!(events.len(), SECRET.len());
    assert_silent("host's events", &format!("{events:?} {events:#?}"));
    assert_silent("queue", &format!("{queue:?}"));
}

#[test]
fn nor_do_controls_and_texts() {
    let mut controls = Controls::default();
    controls.press(Usage::consumer(0x192));
    let debug = format!("{controls:?}");
    assert!(!debug.contains("192") && !debug.contains("402"), "{debug}");

    let reports: Reports = kvm_hid::Pointer::default().move_by(12345, 23456);
    assert!(!format!("{reports:?}").contains("12345"));

    let debug = format!("{:?}", Typist::new("correct horse").unwrap());
    assert!(!debug.contains("horse") && !debug.contains("Stroke"), "{debug}");
    let error = Typist::new("battery♥staple").unwrap_err();
    for shown in [format!("{error:?}"), error.to_string()] {
        assert!(!shown.contains('♥') && !shown.contains("2665"), "{shown}");
    }
}
