//! Versions and kinds of security.

use kvm_stream::rfb::{Event, RfbError, Security, Server, TlsKind};

use crate::client::{drain, send};

const CHALLENGE: [u8; 16] = *b"0123456789abcdef";
/// 640×480, the pixels of 32 bits, and the name `x`.
const INIT: &[u8] = b"\x02\x80\x01\xe0\x20\x18\0\x01\0\xff\0\xff\0\xff\x10\x08\0\0\0\0\0\0\0\x01x";

fn server(security: Security) -> Server {
    let mut server = Server::new(security, 640, 480).with_name("x");
    assert_eq!(drain(&mut server), b"RFB 003.008\n");
    server
}

#[test]
fn each_version_has_its_own_way_in_without_authentication() {
    for (version, choice, offered, result) in [
        ("RFB 003.003\n", "", &b"\0\0\0\x01"[..], &b""[..]),
        ("RFB 003.005\n", "", b"\0\0\0\x01", b""),
        ("RFB 003.889\n", "", b"\0\0\0\x01", b""),
        ("RFB 003.007\n", "\x01", b"\x01\x01", b""),
        ("RFB 003.008\n", "\x01", b"\x01\x01", b"\0\0\0\0"),
        ("RFB 005.000\n", "\x01", b"\x01\x01", b"\0\0\0\0"),
    ] {
        let mut server = server(Security::with_no_authentication());
        assert!(send(&mut server, version.as_bytes()).unwrap().is_empty());
        assert_eq!(drain(&mut server), offered, "{version}");
        assert!(send(&mut server, choice.as_bytes()).unwrap().is_empty());
        assert_eq!(drain(&mut server), result, "{version}");
        let events = send(&mut server, &[0]).unwrap();
        assert!(matches!(events[..], [Event::Ready { is_shared: false }]));
        assert_eq!(drain(&mut server), INIT, "{version}");
    }
}

#[test]
fn what_is_no_rfb_is_refused() {
    for wrong in ["GET / HTTP/1", "RFB 003.00x\n", "RFB 003008.\n", "rfb 003.008\n", "RFB 003.008 "] {
        let mut server = server(Security::with_no_authentication());
        assert!(matches!(send(&mut server, wrong.as_bytes()), Err(RfbError::NotRfb)), "{wrong}");
        assert!(server.is_ended());
    }
}

#[test]
fn a_kind_that_was_not_offered_is_refused() {
    let mut server = server(Security::with_x509_plain());
    let refusal = send(&mut server, b"RFB 003.008\n\x01").unwrap_err();
    assert!(matches!(refusal, RfbError::NotOffered { chosen: 1 }), "{refusal}");
    let said = drain(&mut server);
    assert_eq!(said[..6], [1, 19, 0, 0, 0, 1]);
    assert!(server.is_ended());
}

#[test]
fn rfb_3_3_has_no_vencrypt() {
    let mut server = server(Security::with_x509_plain());
    assert!(matches!(send(&mut server, b"RFB 003.003\n"), Err(RfbError::TooOld)));
    let said = drain(&mut server);
    assert_eq!(said[..4], [0; 4]);
    assert!(String::from_utf8(said[8..].to_vec()).unwrap().contains("VeNCrypt"));
}

#[test]
fn vencrypt_starts_tls_and_asks_who_it_is() {
    let mut server = server(Security::with_x509_plain().or(Security::with_tls_plain()));
    assert!(send(&mut server, b"RFB 003.008\n\x13").unwrap().is_empty());
    assert_eq!(drain(&mut server), b"\x01\x13\0\x02");
    assert!(send(&mut server, b"\0\x02").unwrap().is_empty());
    assert_eq!(drain(&mut server), b"\0\x02\0\0\x01\x06\0\0\x01\x03");
    let events = send(&mut server, b"\0\0\x01\x06").unwrap();
    assert!(matches!(events[..], [Event::StartTls(TlsKind::X509)]));
    assert_eq!(drain(&mut server), b"\x01");
    // What comes now is for TLS.
    assert!(!server.wants_input());
    assert_eq!(server.receive(b"\x16\x03\x01").unwrap().consumed, 0);
    server.tls_started();
    let events = send(&mut server, b"\0\0\0\x05\0\0\0\x06adminsecret").unwrap();
    let [Event::Credentials(credentials)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&credentials.user[..], &credentials.password[..]), (&b"admin"[..], &b"secret"[..]));
    assert!(!format!("{events:?}{server:?}").contains("secret"));
    assert!(!server.wants_input());
    assert_eq!(server.receive(b"\x01").unwrap().consumed, 0);
    server.accept();
    assert_eq!(drain(&mut server), b"\0\0\0\0");
    assert!(matches!(send(&mut server, &[1]).unwrap()[..], [Event::Ready { is_shared: true }]));
    assert_eq!(drain(&mut server), INIT);
}

#[test]
fn a_wrong_password_ends_it_with_a_reason() {
    let mut server = server(Security::with_plain_on_protected_transport());
    let events = send(&mut server, b"RFB 003.008\n\x13\0\x02\0\0\x01\0\0\0\0\0\0\0\0\0").unwrap();
    assert!(matches!(events[..], [Event::Credentials(_)]));
    drain(&mut server);
    server.refuse("no");
    assert!(server.is_ended());
    assert_eq!(drain(&mut server), b"\0\0\0\x01\0\0\0\x02no");
    // Whatever follows is not looked at.
    assert!(send(&mut server, b"\x01\x02\x03").unwrap().is_empty());
    server.accept();
    assert!(server.output().is_empty());
}

#[test]
fn a_long_name_is_not_waited_for() {
    let mut server = server(Security::with_plain_on_protected_transport());
    let refusal =
        send(&mut server, b"RFB 003.008\n\x13\0\x02\0\0\x01\0\0\0\0\0\xff\xff\xff\xff").unwrap_err();
    assert!(matches!(refusal, RfbError::TooLong { len: 0xFFFF_FFFF, .. }), "{refusal}");
}

#[test]
fn vnc_authentication_hands_on_the_answer() {
    for version in ["RFB 003.003\n", "RFB 003.007\n\x02", "RFB 003.008\n\x02"] {
        let mut server = server(Security::with_vnc_authentication(CHALLENGE));
        assert!(send(&mut server, version.as_bytes()).unwrap().is_empty());
        assert!(drain(&mut server).ends_with(&CHALLENGE));
        let events = send(&mut server, &[7; 16]).unwrap();
        let [Event::VncResponse(response)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((response.challenge(), response.response()), (&CHALLENGE, &[7; 16]));
        server.refuse("wrong password");
        let reason: &[u8] =
            if version.starts_with("RFB 003.008") { b"\0\0\0\x0ewrong password" } else { b"" };
        assert_eq!(drain(&mut server), [b"\0\0\0\x01", reason].concat());
    }
}

/// The answer was computed by OpenSSL: `openssl enc -des-ecb` with the bits of each byte of the key reversed.
#[cfg(feature = "vnc-auth")]
#[test]
fn the_right_answer_is_known() {
    let mut server = server(Security::with_vnc_authentication(CHALLENGE));
    assert!(send(&mut server, b"RFB 003.008\n\x02").unwrap().is_empty());
    let events = send(&mut server, &ANSWER).unwrap();
    let [Event::VncResponse(response)] = &events[..] else { panic!("{events:?}") };
    assert!(response.is_of(b"password"));
    assert!(response.is_of(b"password, of which eight characters count"));
    assert!(!response.is_of(b"passwore") && !response.is_of(b"") && !response.is_of(b"passwor"));
}

#[cfg(feature = "vnc-auth")]
const ANSWER: [u8; 16] =
    [0x56, 0x45, 0xAB, 0xEB, 0x5F, 0x1E, 0x64, 0x75, 0xE8, 0xFE, 0xB1, 0x1B, 0xEB, 0x66, 0xEA, 0x19];
