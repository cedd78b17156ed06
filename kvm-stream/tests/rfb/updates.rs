//! What clients get to see: whatever happens, in the end exactly the picture.

use bytes::Bytes;
use kvm_capture::{Frame, FrameFormat, PixelFormat, SignalLoss};
use kvm_stream::rfb::{RfbError, Security, Server};
use kvm_stream::{CopyRect, Damage, Rect};
use proptest::prelude::*;

use crate::client::{
    COPY_RECT, Client, DESKTOP_NAME, DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE, RAW, Said, drain, plain, send,
};

const WIDTH: u32 = 100;
const HEIGHT: u32 = 60;

/// A screen on which things are drawn and moved.
struct Screen {
    pixels: Vec<[u8; 4]>,
    drawn: u32,
}

impl Screen {
    fn new() -> Self {
        Self { pixels: vec![[0; 4]; (WIDTH * HEIGHT) as usize], drawn: 0 }
    }

    fn frame(&self) -> Frame {
        let format = FrameFormat::new(PixelFormat::Bgrx, WIDTH, HEIGHT);
        Frame::packed(format, Bytes::from(self.pixels.concat())).unwrap()
    }

    /// Changes as the damage says, each pixel drawn with a colour of its own.
    fn change(&mut self, damage: &Damage) {
        let places = |rect: Rect| {
            (rect.y..rect.bottom()).flat_map(move |y| (rect.x..rect.right()).map(move |x| (x, y)))
        };
        let place = |x: u32, y: u32| (y * WIDTH + x) as usize;
        for copy in damage.copies() {
            let before = self.pixels.clone();
            for ((x, y), (from_x, from_y)) in places(copy.to).zip(places(copy.from())) {
                self.pixels[place(x, y)] = before[place(from_x, from_y)];
            }
        }
        for (x, y) in damage.rects().iter().flat_map(|rect| places(*rect)) {
            self.drawn += 1;
            let [a, b, c, _] = self.drawn.to_le_bytes();
            self.pixels[place(x, y)] = [a, b, c, 0];
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    /// The screen scrolls up by some rows, all or part of it.
    Scroll {
        left: u32,
        right: u32,
        rows: u32,
    },
    Draw(Rect),
    Drag {
        to_x: u32,
        to_y: u32,
        from: Rect,
    },
    Request {
        incremental: bool,
        area: Option<Rect>,
    },
    /// The client reads some of what was sent.
    Read(proptest::sample::Index),
}

fn act() -> impl Strategy<Value = Act> {
    let rect = || {
        (0..WIDTH, 0..HEIGHT, 1_u32..40, 1_u32..30)
            .prop_map(|(x, y, w, h)| Rect::new(x, y, w.min(WIDTH - x), h.min(HEIGHT - y)))
    };
    prop_oneof![
        3 => (0_u32..40, 60..=WIDTH, 1_u32..20).prop_map(|(left, right, rows)| Act::Scroll { left, right, rows }),
        2 => rect().prop_map(Act::Draw),
        2 => (0..WIDTH, 0..HEIGHT, rect()).prop_map(|(to_x, to_y, from)| Act::Drag { to_x, to_y, from }),
        2 => (any::<bool>(), proptest::option::weighted(0.3, rect()))
            .prop_map(|(incremental, area)| Act::Request { incremental, area }),
        3 => any::<proptest::sample::Index>().prop_map(Act::Read),
    ]
}

fn damage(act: &Act) -> Option<Damage> {
    Some(match act {
        Act::Scroll { left, right, rows } => {
            let width = right - left;
            let up = CopyRect { from_x: *left, from_y: *rows, to: Rect::new(*left, 0, width, HEIGHT - rows) };
            Damage::from_iter([Rect::new(*left, HEIGHT - rows, width, *rows)]).with_copies([up])
        }
        Act::Draw(rect) => Damage::from_iter([*rect]),
        Act::Drag { to_x, to_y, from } => {
            let (x, y) = ((*to_x).min(WIDTH - from.width), (*to_y).min(HEIGHT - from.height));
            let to = Rect::new(x, y, from.width, from.height);
            let uncovered = if from.intersection(to).is_some() { None } else { Some(*from) };
            uncovered.into_iter().collect::<Damage>().with_copies([CopyRect {
                from_x: from.x,
                from_y: from.y,
                to,
            }])
        }
        Act::Request { .. } | Act::Read(_) => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A client that asks and reads whenever it likes ends with the exact picture.
    #[test]
    fn a_client_ends_with_the_exact_picture(
        acts in proptest::collection::vec(act(), 1..40),
        takes_copies in any::<bool>(),
    ) {
        let mut client = Client::connected(WIDTH as u16, HEIGHT as u16);
        client.set_encodings(if takes_copies { &[COPY_RECT, RAW] } else { &[RAW] });
        let mut screen = Screen::new();
        let mut unread = Vec::new();
        client.server.note(screen.frame().format(), &Damage::full(WIDTH, HEIGHT));
        for act in &acts {
            if let Some(damage) = damage(act) {
                screen.change(&damage);
                client.server.note(screen.frame().format(), &damage);
            }
            match act {
                Act::Request { incremental, area: None } => client.request(*incremental),
                Act::Request { incremental, area: Some(area) } => {
                    let area = [area.x, area.y, area.width, area.height].map(|number| number as u16);
                    client.request_area(*incremental, area);
                }
                Act::Read(index) => {
                    let waiting = client.server.output().len();
                    let some = if waiting == 0 { 0 } else { index.index(waiting) + 1 };
                    unread.extend_from_slice(&client.server.output()[..some]);
                    client.server.consume_output(some);
                }
                _ => {}
            }
            let before = client.server.output().len();
            client.server.poll_update(Some(&screen.frame())).unwrap();
            // Nothing is added to what was not read.
            prop_assert!(before == 0 || client.server.output().len() == before);
        }
        unread.extend(drain(&mut client.server));
        client.read_bytes(&unread);
        client.request(true);
        client.server.poll_update(Some(&screen.frame())).unwrap();
        client.read();
        prop_assert!(client.sees(&screen.frame()));
    }
}

/// A client that sees the first frame.
fn watching(encodings: &[i32]) -> (Client, Screen) {
    let mut client = Client::connected(WIDTH as u16, HEIGHT as u16);
    client.set_encodings(encodings);
    let screen = Screen::new();
    client.server.note(screen.frame().format(), &Damage::full(WIDTH, HEIGHT));
    client.request(false);
    assert!(client.server.poll_update(Some(&screen.frame())).unwrap());
    client.read();
    assert!(client.sees(&screen.frame()));
    (client, screen)
}

#[test]
fn nothing_is_sent_of_what_does_not_change() {
    let (mut client, screen) = watching(&[RAW]);
    client.request(true);
    for _ in 0..100 {
        client.server.note(screen.frame().format(), &Damage::NONE);
        assert!(!client.server.poll_update(Some(&screen.frame())).unwrap());
    }
    assert!(client.server.output().is_empty());
}

#[test]
fn scrolling_is_sent_as_copies() {
    let (mut client, mut screen) = watching(&[RAW, COPY_RECT]);
    let up = Act::Scroll { left: 0, right: WIDTH, rows: 16 };
    for frames in 1..3 {
        for _ in 0..frames {
            let damage = damage(&up).unwrap();
            screen.change(&damage);
            client.server.note(screen.frame().format(), &damage);
        }
        client.request(true);
        assert!(client.server.poll_update(Some(&screen.frame())).unwrap());
        let bytes = client.server.output().len();
        let said = client.read();
        let [Said::Update(rects)] = &said[..] else { panic!("{said:?}") };
        assert_eq!(rects[0].0, COPY_RECT);
        assert!(client.sees(&screen.frame()));
        // The rows that came in, in whole tiles from the second frame on.
        let rows = if frames == 1 { 16 } else { HEIGHT as usize - 16 };
        assert!(bytes < rows * WIDTH as usize * 4 + 100, "{bytes} bytes for {frames} frames");
    }
}

#[test]
fn a_new_size_is_told_before_any_of_its_pixels() {
    for (encoding, reason) in [(DESKTOP_SIZE, (0, 0)), (EXTENDED_DESKTOP_SIZE, (0, 0))] {
        let (mut client, _) = watching(&[RAW, encoding]);
        client.request(true);
        let larger = plain(160, 90, 7);
        client.server.note(larger.format(), &Damage::full(160, 90));
        assert!(client.server.poll_update(Some(&larger)).unwrap());
        assert_eq!(client.read(), [Said::Update(vec![(encoding, reason.0, reason.1)])]);
        assert_eq!((client.width, client.height), (160, 90));
        client.request(true);
        assert!(client.server.poll_update(Some(&larger)).unwrap());
        client.read();
        assert!(client.sees(&larger));
    }
}

#[test]
fn a_client_that_cannot_follow_a_new_size_is_given_up() {
    let (mut client, _) = watching(&[RAW]);
    let larger = plain(160, 90, 7);
    client.server.note(larger.format(), &Damage::full(160, 90));
    // It has to ask first.
    assert!(!client.server.poll_update(Some(&larger)).unwrap());
    client.request(true);
    assert!(matches!(client.server.poll_update(Some(&larger)), Err(RfbError::CannotResize)));
    assert!(client.server.is_ended());
}

#[test]
fn a_size_that_is_known_before_the_client_comes_is_nothing_new() {
    let mut server = Server::new(Security::with_no_authentication(), 640, 480).with_name("target");
    let frame = plain(32, 24, 1);
    server.note(frame.format(), &Damage::full(32, 24));
    let mut client = Client::of(server);
    assert_eq!((client.width, client.height), (32, 24));
    client.request(false);
    assert!(client.server.poll_update(Some(&frame)).unwrap());
    client.read();
    assert!(client.sees(&frame));
}

#[test]
fn without_a_signal_the_last_picture_is_not_shown() {
    let (mut client, mut screen) = watching(&[RAW, DESKTOP_NAME]);
    let shown = screen.frame();
    client.server.signal_lost(SignalLoss::NoCable, None);
    client.request(true);
    assert!(client.server.poll_update(Some(&shown)).unwrap());
    client.read();
    assert_eq!(client.name, "target (no cable)");
    assert!(client.picture.iter().all(|pixel| *pixel == client.picture[0]) && !client.sees(&shown));

    let sign = plain(WIDTH, HEIGHT, 0x55);
    client.server.signal_lost(SignalLoss::NoLock, Some(sign.clone()));
    client.request(true);
    assert!(client.server.poll_update(None).unwrap());
    client.read();
    assert!(client.sees(&sign) && client.name == "target (no lock on the signal)");

    let damage = Damage::from_iter([Rect::new(0, 0, 1, 1)]);
    screen.change(&damage);
    client.server.note(screen.frame().format(), &damage);
    client.request(true);
    assert!(client.server.poll_update(Some(&screen.frame())).unwrap());
    client.read();
    assert!(client.sees(&screen.frame()) && client.name == "target");
}

#[test]
fn other_pixels_are_sent_all_over_again() {
    let (mut client, screen) = watching(&[RAW]);
    // 16 bits, most significant byte first: five, six and five.
    client.send(b"\0\0\0\0\x10\x10\x01\x01\0\x1f\0\x3f\0\x1f\x0b\x05\0\0\0\0");
    client.request(true);
    assert!(client.server.poll_update(Some(&screen.frame())).unwrap());
    assert_eq!(drain(&mut client.server).len(), 4 + 12 + 2 * (WIDTH * HEIGHT) as usize);
}

#[test]
fn a_colour_map_of_8_bits_is_filled_and_used() {
    let mut client = Client::connected(16, 16);
    client.set_encodings(&[RAW]);
    client.send(&[0, 0, 0, 0, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    client.request(true);
    let format = FrameFormat::new(PixelFormat::Bgrx, 16, 16);
    let red = Frame::packed(format, Bytes::from([0, 0, 255, 0].repeat(256))).unwrap();
    client.server.note(format, &Damage::full(16, 16));
    assert!(client.server.poll_update(Some(&red)).unwrap());
    let said = drain(&mut client.server);
    let (map, update) = said.split_at(6 + 6 * 256);
    assert_eq!(map[..6], [1, 0, 0, 0, 1, 0]);
    assert_eq!(update.len(), 4 + 12 + 256);
    let pixel = usize::from(update[16]);
    assert_eq!(map[6 + 6 * pixel..][..6], [0xFF, 0xFF, 0, 0, 0, 0]);
    assert!(update[16..].iter().all(|other| usize::from(*other) == pixel));
}

#[test]
fn a_flood_of_questions_ends_it() {
    let (mut client, _) = watching(&[RAW]);
    let fence = [&b"\xf8\0\0\0\x80\0\0\x01\x40"[..], &[0; 64]].concat();
    let refusal = send(&mut client.server, &fence.repeat(2000)).unwrap_err();
    assert!(matches!(refusal, RfbError::Flood), "{refusal}");
    assert!(client.server.output().len() <= 64 * 1024);
}
