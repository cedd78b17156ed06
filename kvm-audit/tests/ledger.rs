//! The ledger through the public interface: what is written, in which order, and what is in use.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kvm_audit::{
    Capability, Event, GrantError, Keyboard, Ledger, Manifest, NetworkListen, Recording, Scope, VideoCapture,
};

fn manifest() -> Manifest {
    Manifest::new("bench-kvm")
        .declare(Capability::VideoCapture, "/dev/video0", "shows the target's screen")
        .and_then(|manifest| {
            let scope = Scope::matching("127.0.0.1:*", "the port is chosen at start");
            manifest.declare(Capability::NetworkListen, scope, "serves the page")
        })
        .expect("two declarable words")
}

/// The ledger's lines without times: `0 declared video-capture /dev/video0`.
fn lines(ledger: &Ledger) -> Vec<String> {
    ledger
        .entries()
        .iter()
        .map(|entry| format!("{} {} {} {}", entry.sequence, entry.event, entry.capability, entry.subject))
        .collect()
}

#[test]
fn the_life_of_a_grant_is_recorded_in_order() {
    let (manifest, ledger) = (manifest(), Ledger::new());
    manifest.record_in(&ledger);
    let camera = manifest.grant::<VideoCapture>(&ledger).unwrap().exercise("/dev/video0").unwrap();
    assert_eq!(camera.subject(), "/dev/video0");
    assert_eq!(ledger.in_use(Capability::VideoCapture), ["/dev/video0"]);
    drop(camera);
    assert!(ledger.in_use(Capability::VideoCapture).is_empty());
    assert_eq!(
        lines(&ledger),
        [
            "0 declared video-capture /dev/video0",
            "1 declared network-listen 127.0.0.1:*",
            "2 granted video-capture /dev/video0",
            "3 exercised video-capture /dev/video0",
            "4 released video-capture /dev/video0",
        ]
    );
    assert!(ledger.entries().iter().all(|entry| entry.at.is_none()));
}

#[test]
fn what_is_refused_is_recorded_too() {
    let (manifest, ledger) = (manifest(), Ledger::new());
    let undeclared = manifest.grant::<Recording>(&ledger).unwrap_err();
    assert_eq!(
        undeclared,
        GrantError::Undeclared { capability: Capability::Recording, manifest: "bench-kvm".to_owned() }
    );
    let outside = manifest.grant::<NetworkListen>(&ledger).unwrap().exercise("0.0.0.0:80").unwrap_err();
    assert_eq!(
        outside.to_string(),
        "`0.0.0.0:80` is outside the declared scope of network-listen (127.0.0.1:*)"
    );
    assert_eq!(
        lines(&ledger),
        [
            "0 refused recording ",
            "1 granted network-listen 127.0.0.1:*",
            "2 refused network-listen 0.0.0.0:80",
        ]
    );
    assert!(ledger.in_use(Capability::NetworkListen).is_empty());
}

#[test]
fn a_grant_that_is_dropped_unused_was_never_in_use() {
    let (manifest, ledger) = (manifest(), Ledger::new());
    drop(manifest.grant::<VideoCapture>(&ledger).unwrap());
    assert_eq!(lines(&ledger), ["0 granted video-capture /dev/video0"]);
}

#[test]
fn two_uses_of_one_subject_are_counted_apart() {
    let (manifest, ledger) = (manifest(), Ledger::new());
    let open = || manifest.grant::<VideoCapture>(&ledger).unwrap().exercise("/dev/video0").unwrap();
    let (first, second) = (open(), open());
    drop(first);
    assert_eq!(ledger.in_use(Capability::VideoCapture), ["/dev/video0"]);
    drop(second);
    assert!(ledger.in_use(Capability::VideoCapture).is_empty());
}

#[test]
fn a_part_that_panics_is_released_all_the_same() {
    let ledger = Ledger::new();
    let camera = manifest().grant::<VideoCapture>(&ledger).unwrap().exercise("/dev/video0").unwrap();
    let driver = thread::spawn(move || {
        let _camera = camera;
        std::panic::resume_unwind(Box::new("the driver lied"));
    });
    driver.join().unwrap_err();
    assert!(ledger.in_use(Capability::VideoCapture).is_empty());
}

#[test]
fn handles_in_many_threads_write_one_record_without_gaps() {
    let manifest = Manifest::new("busy")
        .declare(Capability::Keyboard, Scope::any("each thread has its own"), "types on the target")
        .unwrap();
    let ledger = Ledger::new();
    thread::scope(|scope| {
        for thread in 0..8 {
            let (manifest, ledger) = (&manifest, ledger.clone());
            scope.spawn(move || {
                for round in 0..50 {
                    let subject = format!("{thread}/{round}");
                    let keyboard = manifest.grant::<Keyboard>(&ledger).unwrap().exercise(&subject).unwrap();
                    assert!(ledger.in_use(Capability::Keyboard).contains(&subject));
                    drop(keyboard);
                }
            });
        }
    });
    let entries = ledger.entries();
    assert_eq!(entries.len(), 8 * 50 * 3);
    assert!(entries.iter().zip(0..).all(|(entry, place)| entry.sequence == place));
    assert!(ledger.in_use(Capability::Keyboard).is_empty());
    for thread in 0..8 {
        let own: Vec<(Event, &str)> = entries
            .iter()
            .filter(|entry| entry.subject.starts_with(&format!("{thread}/")))
            .map(|entry| (entry.event, entry.subject.as_str()))
            .collect();
        for (round, pair) in own.chunks(2).enumerate() {
            let subject = format!("{thread}/{round}");
            assert_eq!(pair, [(Event::Exercised, subject.as_str()), (Event::Released, subject.as_str())]);
        }
    }
}

#[test]
fn times_come_from_the_clock_the_ledger_was_given() {
    fn clock() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_500)
    }
    let ledger = Ledger::with_clock(clock);
    manifest().record_in(&ledger);
    assert!(ledger.entries().iter().all(|entry| entry.at == Some(clock())));
}
