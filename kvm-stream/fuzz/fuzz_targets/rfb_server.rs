//! No bytes of a client make the RFB server panic, hold more than its bounds, or get stuck. The first byte says which kinds
//! of security there are and what the client may do, the second how the bytes are cut and how much the client reads.
#![no_main]

use bytes::Bytes;
use kvm_capture::{Frame, FrameFormat, PixelFormat};
use kvm_stream::rfb::{Event, Permits, Security, Server};
use kvm_stream::{CopyRect, Damage, Rect};
use libfuzzer_sys::fuzz_target;

const WIDTH: u32 = 48;
const HEIGHT: u32 = 32;

fuzz_target!(|input: &[u8]| {
    let [kinds, pace, bytes @ ..] = input else { return };
    let mut security = Security::with_no_authentication();
    if kinds & 1 != 0 {
        security = security.or(Security::with_plain_on_protected_transport());
    }
    if kinds & 2 != 0 {
        security = security.or(Security::with_x509_plain()).or(Security::with_vnc_authentication([7; 16]));
    }
    let mut permits = if kinds & 4 != 0 { Permits::INPUT } else { Permits::VIEW_ONLY };
    permits.clipboard = kinds & 8 != 0;
    let mut server = Server::new(security, 48, 32).with_permits(permits).with_name("fuzz");

    let frames = [frame(0), frame(0x9000)];
    let up = CopyRect { from_x: 0, from_y: 4, to: Rect::new(0, 0, WIDTH, HEIGHT - 4) };
    let damages = [
        Damage::full(WIDTH, HEIGHT),
        Damage::from_iter([Rect::new(0, HEIGHT - 4, WIDTH, 4)]).with_copies([up]),
    ];
    server.note(frames[0].format(), &damages[0]);
    let (mut rest, mut round) = (bytes, 0_usize);
    while !rest.is_empty() {
        round += 1;
        let cut = 1 + (usize::from(*pace) * round) % 37;
        let piece = &rest[..rest.len().min(cut)];
        let Ok(received) = server.receive(piece) else {
            assert!(server.is_ended());
            break;
        };
        rest = &rest[received.consumed..];
        match received.event {
            Some(Event::StartTls(_)) => server.tls_started(),
            Some(Event::Credentials(_) | Event::VncResponse(_)) if kinds & 16 != 0 => server.refuse("no"),
            Some(Event::Credentials(_) | Event::VncResponse(_)) => server.accept(),
            Some(Event::Pointer(pointer)) => {
                assert!(u32::from(pointer.x_px) < WIDTH && u32::from(pointer.y_px) < HEIGHT);
            }
            Some(_) => {}
            None => assert!(received.consumed > 0, "stuck"),
        }
        let frame = &frames[round % 2];
        server.note(frame.format(), &damages[round % 2]);
        if server.poll_update(Some(frame)).is_err() {
            assert!(server.is_ended());
        }
        // The picture in its longest form with headers for many rectangles, the answers, the notices.
        assert!(server.output().len() < (WIDTH * HEIGHT * 4) as usize + 64 * 1024 + 32 * 1024);
        if pace & 1 == 0 || round % 3 == 0 {
            server.consume_output(usize::MAX);
        }
    }
});

fn frame(seed: u32) -> Frame {
    let format = FrameFormat::new(PixelFormat::Bgrx, WIDTH, HEIGHT);
    let pixels = (0..WIDTH * HEIGHT).flat_map(|at| (at / 7 * 0x01_0305 + seed).to_le_bytes());
    Frame::packed(format, Bytes::from(pixels.collect::<Vec<u8>>())).expect("the size is sound")
}
