//! What panels and reports are given: the vocabulary's words.
#![cfg(feature = "serde")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kvm_audit::{Capability, CapabilitySet, Ledger, Manifest, Scope};
use serde_json::json;

fn manifest() -> Manifest {
    let scope = Scope::matching("/dev/video*", "numbered as plugged in");
    Manifest::new("bench-kvm")
        .declare(Capability::VideoCapture, scope, "shows the screen")
        .expect("a declarable word")
}

#[test]
fn words_are_words() {
    for capability in Capability::ALL {
        assert_eq!(json!(capability), json!(capability.word()));
    }
    let set = CapabilitySet::of(Capability::Keyboard).with(Capability::VideoCapture);
    assert_eq!(json!(set), json!(["video-capture", "keyboard"]));
}

#[test]
fn a_manifest_shows_all_it_declares() {
    assert_eq!(
        json!(manifest()),
        json!({
            "name": "bench-kvm",
            "vocabulary": 2,
            "declarations": [{
                "capability": "video-capture",
                "scope": { "subjects": ["/dev/video*"], "justification": "numbered as plugged in" },
                "reason": "shows the screen",
            }],
        })
    );
}

#[test]
fn entries_carry_milliseconds_or_null() {
    fn clock() -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(1_500_700)
    }
    let (timed, untimed) = (Ledger::with_clock(clock), Ledger::new());
    manifest().record_in(&timed);
    manifest().record_in(&untimed);
    let mut expected = json!([{
        "sequence": 0,
        "at_unix_ms": 1_500,
        "event": "declared",
        "capability": "video-capture",
        "subject": "/dev/video*",
    }]);
    assert_eq!(json!(timed.entries()), expected);
    expected[0]["at_unix_ms"] = json!(null);
    assert_eq!(json!(untimed.entries()), expected);
}
