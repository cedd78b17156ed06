//! A film in a window: H.264 in a rectangle of its own, text around it exact, and all of it exact when it stops.
#![cfg(all(feature = "tight", feature = "openh264"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "all of it is test code, of small numbers"
)]

mod film_view;
#[expect(dead_code, reason = "other tests look at more of it")]
mod rect_decoder;

use bytes::Bytes;
use film_view::film_view;
use kvm_capture::convert::Converter;
use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};
use kvm_stream::{
    ClientPixels, Codec, Damage, EncodeError, Encoder, HybridEncoder, OpenH264Encoder, Packet, PacketSink,
    Rect, RectEncoder, RectOptions, TileDiff, Tiles,
};
use rect_decoder::{Client, Pixels};

const SIZE: (u32, u32) = (640, 360);
const FRAME_MICROS: u64 = 33_333;

/// A screen with text all over it, a clock that ticks with every frame, and a film where it is told.
struct Desk {
    format: FrameFormat,
    number: u64,
    diff: TileDiff,
    frame: Option<Frame>,
}

impl Desk {
    fn new(pixel: PixelFormat) -> Self {
        let format = FrameFormat::new(pixel, SIZE.0, SIZE.1);
        Self { format, number: 0, diff: TileDiff::new(), frame: None }
    }

    fn paint(&mut self, film: Option<Rect>, moment: u64) -> (Frame, Damage) {
        let mut rgb = Vec::new();
        for (y, x) in (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (y, x))) {
            let is_film = film.is_some_and(|film| film.contains(x, y));
            rgb.extend_from_slice(&if is_film { film_pixel(x, y, moment) } else { text_pixel(x, y, moment) });
        }
        let screen = FrameFormat::new(PixelFormat::Rgb24, SIZE.0, SIZE.1);
        let screen = Frame::packed(screen, Bytes::from(rgb)).unwrap();
        let mut bytes = Vec::new();
        Converter::new().convert(&screen.image().unwrap(), self.format, &mut bytes);
        self.number += 1;
        let frame = Frame::packed(self.format, Bytes::from(bytes))
            .unwrap()
            .with_timestamp(Timestamp::from_micros(self.number * FRAME_MICROS))
            .with_sequence(self.number);
        let damage = self.diff.compare(frame.clone());
        self.frame = Some(frame.clone());
        (frame, damage)
    }

    fn picture(&self) -> Vec<u32> {
        let rgb = FrameFormat::new(PixelFormat::Rgb24, SIZE.0, SIZE.1);
        let mut out = Vec::new();
        Converter::new().convert(&self.frame.as_ref().unwrap().image().unwrap(), rgb, &mut out);
        out.chunks(3).map(|rgb| Pixels::BGRX.of_rgb(rgb)).collect()
    }
}

/// Waves that travel, as pictures of a camera do: soft, and no copy of what was there before.
fn film_pixel(x: u32, y: u32, moment: u64) -> [u8; 3] {
    let (x, y, t) = (f64::from(x), f64::from(y), moment as f64);
    let wave = |a: f64, b: f64, speed: f64| {
        (127.5 + 80.0 * ((x / a + t * speed).sin() + (y / b - t * speed / 2.0).cos()) / 2.0) as u8
    };
    [wave(31.0, 23.0, 0.21), wave(41.0, 37.0, 0.17), wave(53.0, 29.0, 0.13)]
}

fn text_pixel(x: u32, y: u32, moment: u64) -> [u8; 3] {
    // The clock: one letter's worth that ticks.
    let seed = if x < 16 && y < 16 { moment } else { 7 };
    let glyph = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> ((x / 2 * 5 + y / 3 * 11) % 59);
    if glyph & 3 == 0 { [20, 30, 40] } else { [250, 250, 245] }
}

fn client() -> Client {
    let mut client = Client::new(Pixels::BGRX, SIZE.0, SIZE.1);
    client.film = Some(film_view());
    client
}

fn encoder() -> HybridEncoder {
    HybridEncoder::default().with_film_encoder(Box::new(OpenH264Encoder::default()))
}

/// Red, green and blue against the source, in decibels, where it may be inexact; elsewhere it must be exact.
fn psnr_inside(shown: &[u32], source: &[u32], film: Rect) -> f64 {
    let mut squares = 0.0;
    for (at, (shown, source)) in shown.iter().zip(source).enumerate() {
        let (x, y) = (at as u32 % SIZE.0, at as u32 / SIZE.0);
        if !film.contains(x, y) {
            assert_eq!(shown, source, "outside the film at {x}, {y}");
            continue;
        }
        for (a, b) in shown.to_le_bytes().iter().zip(source.to_le_bytes()) {
            squares += f64::from(a.abs_diff(b)).powi(2);
        }
    }
    10.0 * (255.0_f64.powi(2) * film.area() as f64 * 3.0 / squares).log10()
}

/// The rectangle at tiles' edges around this one, which is what a client gets of it.
fn tiles_around(rect: Rect) -> Rect {
    let tile = Tiles::TILE_PX;
    let (x, y) = (rect.x / tile * tile, rect.y / tile * tile);
    Rect::new(
        x,
        y,
        (rect.right().div_ceil(tile) * tile).min(SIZE.0) - x,
        (rect.bottom().div_ceil(tile) * tile).min(SIZE.1) - y,
    )
}

struct Show {
    desk: Desk,
    encoder: HybridEncoder,
    client: Client,
}

impl Show {
    fn new(pixel: PixelFormat) -> Self {
        Self { desk: Desk::new(pixel), encoder: encoder(), client: client() }
    }

    /// The next frame, coded and shown.
    fn step(&mut self, film: Option<Rect>, moment: u64) -> Vec<Packet> {
        let (frame, damage) = self.desk.paint(film, moment);
        let mut packets = Vec::new();
        self.encoder.encode(&frame, &damage, &mut packets).unwrap();
        assert!(self.encoder.take_film_failure().is_none());
        for packet in &packets {
            self.client.packet(&packet.payload).unwrap();
        }
        packets
    }

    /// Plays until the film has a rectangle of its own; returns the moment after.
    fn begin(&mut self, film: Rect) -> u64 {
        let films = self.client.kinds.films;
        for moment in 0..40 {
            self.step(Some(film), moment);
            if self.client.kinds.films > films {
                return moment + 1;
            }
        }
        panic!("no film was found: {:?}", self.client.kinds);
    }

    fn quality(&self, film: Rect) -> f64 {
        psnr_inside(&self.client.picture, &self.desk.picture(), tiles_around(film))
    }
}

const FILM: Rect = Rect::new(120, 72, 320, 200);
/// What the pictures of OpenH264 with its default quantiser reach at least here, for 4:2:0 too.
const LEAST_DB: f64 = 30.0;

#[test]
fn a_film_plays_in_its_own_rectangle_with_exact_text_around_it() {
    for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Bgrx] {
        let mut show = Show::new(pixel);
        let begun = show.begin(FILM);
        let before = show.client.kinds;
        for moment in begun..begun + 30 {
            let packets = show.step(Some(FILM), moment);
            assert!(show.quality(FILM) >= LEAST_DB, "{pixel}: {} dB", show.quality(FILM));
            // Whoever drops the packet lacks the film's whole rectangle.
            let changes = packets[0].changes.as_ref().unwrap();
            assert!(changes.intersects(FILM) && !packets[0].is_keyframe);
        }
        assert_eq!(show.client.kinds.films - before.films, 30, "{pixel}");
        assert_eq!(show.client.kinds.jpegs, before.jpegs, "{pixel}: the film is not coded twice");
    }
}

#[test]
fn when_a_film_stops_all_is_exact_within_300_ms() {
    let mut show = Show::new(PixelFormat::Uyvy);
    let begun = show.begin(FILM);
    (begun..begun + 10).for_each(|moment| drop(show.step(Some(FILM), moment)));
    let still = begun + 9;
    for step in 1..=9 {
        show.step(Some(FILM), still);
        assert_eq!(show.client.picture == show.desk.picture(), !show.encoder.has_backlog(), "step {step}");
    }
    assert!(show.client.picture == show.desk.picture());
    assert!(show.step(Some(FILM), still).is_empty());
    // And again from the beginning.
    show.begin(FILM);
}

#[test]
fn a_film_that_moves_and_grows_is_followed() {
    let mut show = Show::new(PixelFormat::Uyvy);
    let begun = show.begin(FILM);
    (begun..begun + 10).for_each(|moment| drop(show.step(Some(FILM), moment)));
    let mut moment = begun + 10;
    for place in [Rect::new(240, 120, 320, 200), Rect::new(160, 64, 448, 272), Rect::new(80, 96, 96, 96)] {
        let films = show.client.kinds.films;
        for _ in 0..75 {
            show.step(Some(place), moment);
            moment += 1;
        }
        assert!(show.client.kinds.films > films + 20, "{place:?}: {:?}", show.client.kinds);
        assert!(show.quality(place) >= LEAST_DB, "{place:?}: {} dB", show.quality(place));
    }
    (0..15).for_each(|_| drop(show.step(None, 0)));
    assert!(show.client.picture == show.desk.picture());
}

#[test]
fn who_comes_in_the_midst_of_a_film_goes_on_with_it() {
    let mut show = Show::new(PixelFormat::Nv12);
    let begun = show.begin(FILM);
    (begun..begun + 5).for_each(|moment| drop(show.step(Some(FILM), moment)));
    let mut newcomer = client();
    let mut refresh: Vec<Packet> = Vec::new();
    let frame = show.desk.frame.clone().unwrap();
    show.encoder.encode_refresh(&frame, &Damage::full(SIZE.0, SIZE.1), &mut refresh).unwrap();
    assert!(refresh[0].is_refresh && refresh[0].is_keyframe);
    newcomer.packet(&refresh[0].payload).unwrap();
    assert_eq!(newcomer.kinds.films, 0);
    assert!(psnr_inside(&newcomer.picture, &show.desk.picture(), tiles_around(FILM)) >= LEAST_DB);
    for moment in begun + 5..begun + 15 {
        for packet in show.step(Some(FILM), moment) {
            newcomer.packet(&packet.payload).unwrap();
        }
        assert!(newcomer.picture == show.client.picture, "both see the same film");
        assert!(show.quality(FILM) >= LEAST_DB);
    }
}

#[test]
fn who_joins_at_a_key_picture_sees_the_film() {
    let mut show = Show::new(PixelFormat::Uyvy);
    let begun = show.begin(FILM);
    (begun..begun + 5).for_each(|moment| drop(show.step(Some(FILM), moment)));
    show.encoder.request_keyframe();
    let mut newcomer = client();
    for moment in begun + 5..begun + 10 {
        for packet in show.step(Some(FILM), moment) {
            assert_eq!(packet.is_keyframe, moment == begun + 5);
            newcomer.packet(&packet.payload).unwrap();
        }
        assert!(newcomer.picture == show.client.picture);
    }
}

/// Fails with every second picture, and otherwise makes what is no H.264.
#[derive(Debug, Default)]
struct Broken {
    count: u32,
}

impl Encoder for Broken {
    fn encode(&mut self, frame: &Frame, _: &Damage, out: &mut dyn PacketSink) -> Result<(), EncodeError> {
        self.count += 1;
        if self.count % 2 == 0 {
            return Err(EncodeError::Codec { encoder: "the broken one", reason: "it is broken".into() });
        }
        out.push(Packet::of(frame, Codec::Jpeg, Bytes::from_static(b"picture"), true))?;
        Ok(())
    }

    fn request_keyframe(&mut self) {}
}

#[test]
fn a_film_encoder_that_fails_costs_nobody_the_picture() {
    let mut desk = Desk::new(PixelFormat::Uyvy);
    let mut encoder = HybridEncoder::default().with_film_encoder(Box::new(Broken::default()));
    let mut client = client();
    let mut failures = Vec::new();
    for moment in 0..40 {
        let (frame, damage) = desk.paint(Some(FILM), moment);
        let mut packets: Vec<Packet> = Vec::new();
        encoder.encode(&frame, &damage, &mut packets).unwrap();
        packets.iter().for_each(|packet| client.packet(&packet.payload).unwrap());
        failures.extend(encoder.take_film_failure().map(|failure| failure.to_string()));
        assert!(psnr_inside(&client.picture, &desk.picture(), tiles_around(FILM)) >= 28.0);
    }
    assert_eq!(client.kinds.films, 0);
    assert!(failures.iter().any(|failure| failure == "the broken one failed: it is broken"), "{failures:?}");
    assert!(failures.iter().any(|failure| failure.contains("is no H.264 picture of")), "{failures:?}");
}

#[test]
fn only_clients_that_take_films_get_them() {
    let mut options = RectOptions::raw(ClientPixels::BGRX);
    (options.copy_rect, options.zrle) = (true, true);
    for takes_films in [true, false] {
        options.open_h264 = takes_films;
        let film_encoder = Box::new(OpenH264Encoder::default());
        let mut encoder = RectEncoder::new(options).with_film_encoder(film_encoder);
        let (mut desk, mut client) = (Desk::new(PixelFormat::Bgrx), client());
        for moment in 0..40 {
            let (frame, damage) = desk.paint(Some(FILM), moment);
            let mut update = Vec::new();
            let count = encoder.encode(&frame, &damage, &mut update).unwrap();
            client.update(count, &update).unwrap();
        }
        assert_eq!(client.kinds.films > 10, takes_films, "{:?}", client.kinds);
        assert_eq!(client.picture == desk.picture(), !takes_films);
    }
}
