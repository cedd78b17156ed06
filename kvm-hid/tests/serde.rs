//! Plain data survives being written and read.
#![cfg(feature = "serde")]

use std::fmt::Debug;

use kvm_hid::{Button, Holder, InputEvent, Interface, Leds, LinkState, Usage};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, text: &str) {
    assert_eq!(serde_json::to_string(&value).expect("it can be written"), text);
    assert_eq!(serde_json::from_str::<T>(text).expect("it can be read"), value);
}

#[test]
fn values_are_themselves_again() {
    survives(Holder(7), "7");
    survives(Interface::Pointer, r#""Pointer""#);
    survives(LinkState::NotPolling, r#""NotPolling""#);
    survives(Usage::keyboard(4), r#"{"page":7,"id":4}"#);
    survives(
        Leds { caps: true, ..Leds::default() },
        r#"{"num":false,"caps":true,"scroll":false,"compose":false,"kana":false}"#,
    );
    survives(
        InputEvent::Button { button: Button::Left, pressed: true },
        r#"{"Button":{"button":"Left","pressed":true}}"#,
    );
}
