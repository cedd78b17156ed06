//! What clients say, and what the server says to it.

use kvm_stream::Damage;
use kvm_stream::rfb::{Event, LockLights, Permits, RfbError, Security, Server};

use crate::client::{
    CONTINUOUS_UPDATES, Client, DESKTOP_NAME, EXTENDED_BUTTONS, EXTENDED_DESKTOP_SIZE, FENCE, QEMU_KEYS,
    QEMU_LIGHTS, RAW, Said, plain, send,
};

const KEY_A: &[u8] = b"\x04\x01\0\0\0\0\0a";
const POINTER: &[u8] = b"\x05\x81\0\x03\xff\xff";

#[test]
fn keys_and_pointers_are_values_that_tell_nobody() {
    let mut client = Client::connected(64, 48);
    let events =
        client.send(&[KEY_A, b"\x04\0\0\0\0\0\0a", b"\xff\0\0\x01\0\0\0\0\0\0\0\xcd", POINTER].concat());
    let [Event::Key(down), Event::Key(up), Event::Key(right), Event::Pointer(pointer)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((down.keysym, down.xt_code, down.pressed), (0x61, None, true));
    assert_eq!((up.keysym, up.pressed), (0x61, false));
    assert_eq!((right.keysym, right.xt_code), (0, Some(0xCD)));
    // The row is below the picture, and the eighth button is one, as nothing else was agreed on.
    assert_eq!((pointer.x_px, pointer.y_px, pointer.buttons), (3, 47, 0x81));
    assert_eq!((pointer.width_px, pointer.height_px), (64, 48));
    let printed = format!("{events:?} {:?}", client.server);
    assert!(!printed.contains("97") && !printed.contains("205"), "{printed}");
}

#[test]
fn whoever_may_only_look_is_not_heard() {
    let server = Server::new(Security::with_no_authentication(), 64, 48);
    let mut client = Client::of(server.with_permits(Permits::VIEW_ONLY));
    let cut_text = b"\x06\0\0\0\0\0\0\x05hello";
    assert!(client.send(&[KEY_A, POINTER, cut_text, KEY_A].concat()).is_empty());
}

#[test]
fn a_clipboard_is_heard_if_it_may_be() {
    let mut permits = Permits::VIEW_ONLY;
    permits.clipboard = true;
    let server = Server::new(Security::with_no_authentication(), 64, 48);
    let mut client = Client::of(server.with_permits(permits));
    let events = client.send(b"\x06\0\0\0\0\0\0\x05h\xe9llo\x06\0\0\0\0\0\0\0");
    let [Event::CutText(text), Event::CutText(empty)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((text.text().as_str(), empty.text().as_str()), ("h\u{e9}llo", ""));
    assert!(!format!("{events:?}").contains("llo"));
    // One of the extended kind, with a negative length, and one that is too long to keep are passed over.
    let mut long = b"\x06\0\0\0\xff\xff\xff\xfcabcd\x06\0\0\0\0\x10\0\0".to_vec();
    long.resize(long.len() + 0x10_0000, b'x');
    assert!(client.send(&long).is_empty());
    let refusal = send(&mut client.server, b"\x06\0\0\0\x7f\xff\xff\xff").unwrap_err();
    assert!(matches!(refusal, RfbError::TooLong { len: 0x7FFF_FFFF, .. }), "{refusal}");
}

#[test]
fn a_message_may_come_byte_by_byte() {
    let mut client = Client::connected(64, 48);
    client.set_encodings(&[RAW, FENCE]);
    let fence = b"\xf8\0\0\0\x80\0\0\x01\x03abc";
    let all = [KEY_A, fence, b"\xfb\0\0\x64\0\x64\x01\0", &[0; 16], KEY_A].concat();
    let events: Vec<Event> = all.iter().flat_map(|byte| client.send(&[*byte])).collect();
    assert!(matches!(events[..], [Event::Key(_), Event::Key(_)]));
    let said = client.read();
    let answer = Said::Fence { flags: 1, payload: b"abc".to_vec() };
    assert_eq!(said, [Said::Fence { flags: 1 << 31, payload: vec![] }, answer]);
}

#[test]
fn extended_buttons_are_read_once_they_were_agreed_on() {
    let mut client = Client::connected(64, 48);
    client.set_encodings(&[RAW, EXTENDED_BUTTONS]);
    client.request(false);
    client.server.note(plain(64, 48, 1).format(), &Damage::full(64, 48));
    assert!(client.server.poll_update(Some(&plain(64, 48, 1))).unwrap());
    assert_eq!(client.read(), [Said::Update(vec![(EXTENDED_BUTTONS, 0, 0), (RAW, 0, 0)])]);
    let events = client.send(b"\x05\x81\0\x03\0\x04\x03\x05\x01\0\x03\0\x04");
    let [Event::Pointer(both), Event::Pointer(left)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((both.buttons, left.buttons), (0b1_1000_0001, 1));
}

#[test]
fn lights_and_names_are_told_when_they_change() {
    let mut client = Client::connected(16, 16);
    assert_eq!(client.name, "target");
    client.set_encodings(&[RAW, QEMU_KEYS, QEMU_LIGHTS, DESKTOP_NAME]);
    client.request(true);
    let frame = plain(16, 16, 1);
    client.server.poll_update(Some(&frame)).unwrap();
    assert_eq!(client.read(), [Said::Update(vec![(QEMU_KEYS, 0, 0), (QEMU_LIGHTS, 0, 0), (RAW, 0, 0)])]);
    assert_eq!(client.name, "target, lights 0");
    client.request(true);
    assert!(!client.server.poll_update(Some(&frame)).unwrap());
    client.server.set_lights(LockLights { scroll: false, num: true, caps: true });
    client.server.set_name("another");
    assert!(client.server.poll_update(Some(&frame)).unwrap());
    assert_eq!(client.read(), [Said::Update(vec![(QEMU_LIGHTS, 0, 0), (DESKTOP_NAME, 0, 0)])]);
    assert_eq!(client.name, "another");
    client.server.set_lights(LockLights { scroll: false, num: true, caps: true });
    client.request(true);
    assert!(!client.server.poll_update(Some(&frame)).unwrap());
}

#[test]
fn a_fence_that_goes_with_the_next_message_waits_for_it() {
    let mut client = Client::connected(16, 16);
    client.set_encodings(&[RAW, FENCE]);
    client.read();
    client.send(b"\xf8\0\0\0\xff\xff\xff\xff\x01x");
    assert!(client.read().is_empty());
    client.send(KEY_A);
    // Flags that nobody knows are left out of the answer.
    assert_eq!(client.read(), [Said::Fence { flags: 7, payload: b"x".to_vec() }]);
}

#[test]
fn a_probe_is_answered_by_who_lives() {
    let mut client = Client::connected(16, 16);
    assert!(!client.server.probe());
    client.set_encodings(&[FENCE]);
    client.read();
    assert!(client.server.probe() && !client.server.probe());
    let said = client.read();
    let [Said::Fence { flags, payload }] = &said[..] else { panic!("{said:?}") };
    assert_eq!(*flags, 1 << 31 | 1);
    let len = u8::try_from(payload.len()).unwrap();
    let answer = [b"\xf8\0\0\0\0\0\0\x01", &[len][..], payload].concat();
    assert!(matches!(client.send(&answer)[..], [Event::Alive]));
    // It is not an answer twice.
    assert!(client.send(&answer).is_empty());
    assert!(client.server.probe());
}

#[test]
fn continuous_updates_come_unasked() {
    let mut client = Client::connected(16, 16);
    client.set_encodings(&[RAW, CONTINUOUS_UPDATES]);
    assert_eq!(client.read(), [Said::EndOfContinuousUpdates]);
    client.send(b"\x96\x01\0\0\0\0\0\x10\0\x10");
    for colour in 1..4 {
        let frame = plain(16, 16, colour);
        client.server.note(frame.format(), &Damage::full(16, 16));
        assert!(client.server.poll_update(Some(&frame)).unwrap());
        client.read();
        assert!(client.sees(&frame));
    }
    client.send(b"\x96\0\0\0\0\0\0\x10\0\x10");
    assert_eq!(client.read(), [Said::EndOfContinuousUpdates]);
    let frame = plain(16, 16, 9);
    client.server.note(frame.format(), &Damage::full(16, 16));
    assert!(!client.server.poll_update(Some(&frame)).unwrap());
}

#[test]
fn wishes_for_another_size_are_refused_each() {
    let mut client = Client::connected(16, 16);
    client.set_encodings(&[RAW, EXTENDED_DESKTOP_SIZE]);
    let wish = [&b"\xfb\0\0\x64\0\x64\x01\0"[..], &[0; 16]].concat();
    client.send(&wish.repeat(2));
    assert!(client.server.poll_update(None).unwrap());
    // Asked by the client, and prohibited.
    let refused = (EXTENDED_DESKTOP_SIZE, 1, 1);
    assert_eq!(client.read(), [Said::Update(vec![refused, refused])]);
    assert_eq!((client.width, client.height), (16, 16));
    let frame = plain(16, 16, 1);
    client.server.note(frame.format(), &Damage::full(16, 16));
    client.request(false);
    assert!(client.server.poll_update(Some(&frame)).unwrap());
    // Whoever asks for everything gets to know its screens, in an update of its own.
    assert_eq!(
        client.read(),
        [Said::Update(vec![(EXTENDED_DESKTOP_SIZE, 0, 0)]), Said::Update(vec![(RAW, 0, 0)])]
    );
}

#[test]
fn what_is_unknown_ends_it() {
    for (message, number) in [(&b"\x07"[..], 7), (b"\xff\x01\0\0\0\0\0\0\0\0\0\0", 255)] {
        let mut client = Client::connected(16, 16);
        let refusal = send(&mut client.server, message).unwrap_err();
        assert!(matches!(refusal, RfbError::UnknownMessage { number: n } if n == number), "{refusal}");
        assert!(client.server.is_ended());
        assert!(client.send(KEY_A).is_empty());
    }
}

#[test]
fn pixels_that_cannot_be_are_refused() {
    for format in [
        *b"\x18\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0",
        *b"\x10\x10\0\0\0\xff\0\xff\0\xff\x10\x08\0\0\0\0",
        *b"\x20\x18\0\x01\0\xff\0\xff\0\xff\x1f\x08\0\0\0\0",
    ] {
        let mut client = Client::connected(16, 16);
        let refusal = send(&mut client.server, &[&[0, 0, 0, 0][..], &format].concat()).unwrap_err();
        assert!(matches!(refusal, RfbError::UnsupportedPixels), "{refusal}");
    }
}
