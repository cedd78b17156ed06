//! Sealing binds the whole process, so this is a process of its own with a single test.

use kvm_audit::{
    Capability, Event, GrantError, Keyboard, Ledger, Manifest, VideoCapture, process_is_sealed, seal_process,
};

#[test]
fn a_sealed_process_mints_nothing_and_keeps_what_it_has() {
    let manifest = Manifest::new("bench-kvm")
        .declare(Capability::VideoCapture, "/dev/video0", "shows the target's screen")
        .and_then(|manifest| manifest.declare(Capability::Keyboard, "/dev/hidg0", "types on the target"))
        .unwrap();
    let ledger = Ledger::new();
    let minted_before = manifest.grant::<VideoCapture>(&ledger).unwrap();
    assert!(!process_is_sealed());

    seal_process();
    assert!(process_is_sealed());

    let refused = GrantError::Sealed(Capability::Keyboard);
    assert_eq!(manifest.grant::<Keyboard>(&ledger).unwrap_err(), refused);
    let another =
        Manifest::new("written later").declare(Capability::Keyboard, "/dev/hidg0", "asks again").unwrap();
    assert_eq!(another.grant::<Keyboard>(&Ledger::new()).unwrap_err(), refused);
    let elsewhere = std::thread::spawn(move || another.grant::<Keyboard>(&Ledger::new()).map(drop));
    assert_eq!(elsewhere.join().unwrap(), Err(refused));

    // A grant from before is still good: the seal ends the minting, not the assembling.
    let in_use = minted_before.exercise("/dev/video0").unwrap();
    let events: Vec<Event> = ledger.entries().iter().map(|entry| entry.event).collect();
    assert_eq!(events, [Event::Granted, Event::Refused, Event::Exercised]);
    drop(in_use);
    assert_eq!(ledger.in_use(Capability::VideoCapture), Vec::<String>::new());
}
