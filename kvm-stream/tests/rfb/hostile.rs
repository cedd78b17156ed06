//! Clients that mean no good: no bytes make the server panic or hold more than its bounds.

use kvm_stream::Damage;
use kvm_stream::rfb::{Permits, Security, Server};
use proptest::prelude::*;

use crate::client::plain;

/// What a client may send before it breaks the rules, so that every stage is reached.
const BEGINNINGS: [&[u8]; 6] = [
    b"",
    b"RFB 003.008\n",
    b"RFB 003.003\n\x01",
    b"RFB 003.008\n\x13\0\x02\0\0\x01\0",
    b"RFB 003.008\n\x01\x01",
    b"RFB 003.008\n\x01\x01\x02\0\0\x06\0\0\0\0\0\0\0\x01\xff\xff\xfe\xcc\xff\xff\xfe\xc8\xff\xff\xfe\xc7\xff\xff\xfe\xc4",
];

/// Messages as they should be, and almost so.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let numbers = proptest::sample::select(&[0_u8, 2, 3, 4, 5, 6, 150, 248, 251, 255, 7][..]);
    prop_oneof![
        8 => (numbers, proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..24))
            .prop_map(|(number, rest)| [vec![number], rest].concat()),
        2 => Just(b"\x03\0\0\0\0\0\xff\xff\xff\xff".to_vec()),
        2 => Just(b"\xf8\0\0\0\x80\0\0\x05\x02ab".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_bytes_break_the_server(
        beginning in proptest::sample::select(&BEGINNINGS[..]),
        messages in proptest::collection::vec(message(), 0..30),
        cuts in proptest::collection::vec(1_usize..50, 1..20),
        permits in any::<[bool; 3]>(),
        reads in any::<bool>(),
    ) {
        let security = Security::with_no_authentication().or(Security::with_plain_on_protected_transport());
        let mut allowed = Permits::VIEW_ONLY;
        (allowed.keyboard, allowed.pointer, allowed.clipboard) = (permits[0], permits[1], permits[2]);
        let mut server = Server::new(security, 40, 30).with_permits(allowed);
        let frame = plain(40, 30, 5);
        server.note(frame.format(), &Damage::full(40, 30));
        let bytes = [beginning.to_vec(), messages.concat()].concat();
        let mut rest = &bytes[..];
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(*cuts.next().unwrap())];
            match server.receive(piece) {
                Ok(received) => {
                    prop_assert!(received.consumed <= piece.len());
                    prop_assert!(received.consumed > 0 || received.event.is_some() || !server.wants_input());
                    rest = &rest[received.consumed..];
                }
                Err(error) => {
                    prop_assert!(!error.to_string().is_empty() && server.is_ended());
                    break;
                }
            }
            if !server.wants_input() {
                server.accept();
            }
            server.note(frame.format(), &Damage::full(40, 30));
            if server.poll_update(Some(&frame)).is_err() {
                prop_assert!(server.is_ended());
            }
            // A picture of 40×30 in 32 bits, the answers, the notices.
            prop_assert!(server.output().len() < 40 * 30 * 4 + 64 * 1024 + 8 * 1024);
            if reads {
                server.consume_output(usize::MAX);
            }
        }
    }
}
