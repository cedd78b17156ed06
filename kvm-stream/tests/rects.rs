//! Rectangles, decoded by a client that was not written with the encoder.
#![cfg(feature = "tight")]
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "all of it is test code")]

mod rect_decoder;
mod rect_script;

use kvm_capture::convert::Converter;
use kvm_capture::pattern::{Pattern, PatternSource};
use kvm_capture::{Captured, Frame, FrameFormat, FrameSource, PixelFormat};
use kvm_stream::{
    ClientPixels, Codec, Damage, Encoder, HybridEncoder, Packet, Rect, RectEncoder, RectOptions, TileDiff,
};
use proptest::prelude::*;
use rect_decoder::{Client, Pixels};
use rect_script::{Scene, pixel_formats, scripts};

const RGB565: Pixels =
    Pixels { bits: 16, depth: 16, is_big_endian: false, maxima: [31, 63, 31], shifts: [11, 5, 0] };
const BGR233: Pixels =
    Pixels { bits: 8, depth: 8, is_big_endian: false, maxima: [7, 7, 3], shifts: [0, 3, 6] };
const RGBX_BIG: Pixels =
    Pixels { bits: 32, depth: 24, is_big_endian: true, maxima: [255; 3], shifts: [24, 16, 8] };
const DEEP: Pixels =
    Pixels { bits: 32, depth: 30, is_big_endian: false, maxima: [1023; 3], shifts: [20, 10, 0] };

fn client_pixels() -> impl Strategy<Value = Pixels> {
    prop_oneof![4 => Just(Pixels::BGRX), 1 => Just(RGB565), 1 => Just(BGR233), 1 => Just(RGBX_BIG), 1 => Just(DEEP)]
}

fn options(pixels: Pixels) -> RectOptions {
    RectOptions::raw(ClientPixels::parse(&pixels.message()).unwrap())
}

/// The ways to send everything exactly.
fn exact_ways(pixels: Pixels) -> Vec<RectOptions> {
    let raw = options(pixels);
    let with = |change: &dyn Fn(&mut RectOptions)| {
        let mut options = raw;
        change(&mut options);
        options
    };
    vec![
        raw,
        with(&|options| options.copy_rect = true),
        with(&|options| (options.copy_rect, options.tight, options.keeps_history) = (true, true, true)),
        with(&|options| (options.tight, options.tight_gradient, options.keeps_history) = (true, true, false)),
        with(&|options| (options.copy_rect, options.zrle) = (true, true)),
        with(&|options| (options.copy_rect, options.tight, options.planes) = (true, true, true)),
    ]
}

fn update(encoder: &mut RectEncoder, client: &mut Client, frame: &Frame, damage: &Damage) -> usize {
    let mut out = vec![7; 3];
    let count = encoder.encode(frame, damage, &mut out).unwrap();
    assert_eq!(out[..3], [7; 3]);
    client.update(count, &out[3..]).unwrap();
    out.len() - 3
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever happens on the screen, every exact way shows it, to every client and from every format.
    #[test]
    fn exact_ways_are_exact(
        pixel in pixel_formats(),
        pixels in client_pixels(),
        script in scripts(),
        way in any::<prop::sample::Index>(),
    ) {
        let mut scene = Scene::new(pixel, script.size);
        let mut encoder = RectEncoder::new(*way.get(&exact_ways(pixels)));
        let mut client = Client::new(pixels, scene.width(), scene.height());
        for step in &script.steps {
            let (frame, damage) = scene.step(step);
            update(&mut encoder, &mut client, &frame, &damage);
            prop_assert!(client.picture == scene.picture(pixels), "{step:?}: {:?}", client.kinds);
            prop_assert!(!encoder.has_backlog());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Photos are JPEG pictures at first, also for those who come late or lost something; but as soon as nothing moves
    /// any more, all is exact for everybody, a budget's worth at a time.
    #[test]
    fn what_stands_still_becomes_exact_for_everybody(
        pixel in pixel_formats(),
        script in scripts(),
        budget in 50_usize..5000,
        joins_at in 0_usize..6,
        lost in [0_u32..200, 0_u32..150, 1_u32..200, 1_u32..150],
    ) {
        let mut scene = Scene::new(pixel, script.size);
        let mut encoder = HybridEncoder::new(50);
        encoder.set_budget(budget);
        let mut clients: Vec<Client> = Vec::new();
        let mut packets: Vec<Packet> = Vec::new();
        let new = |scene: &Scene| Client::new(Pixels::BGRX, scene.width(), scene.height());
        clients.push(new(&scene));
        for (index, step) in script.steps.iter().enumerate() {
            let (frame, damage) = scene.step(step);
            encoder.encode(&frame, &damage, &mut packets).unwrap();
            if index == 0 {
                prop_assert!(packets[0].is_keyframe && packets[0].codec == Codec::Rects);
            }
            for packet in packets.drain(..) {
                prop_assert!(!packet.is_refresh);
                for client in &mut clients {
                    let before = client.picture.clone();
                    client.packet(&packet.payload).unwrap();
                    if let Some(tiles) = &packet.changes {
                        let pixels = (0_u32..).zip(before.iter().zip(&client.picture));
                        for (at, _) in pixels.filter(|(_, (old, new))| old != new) {
                            let (column, row) = (at % scene.width() / 16, at / scene.width() / 16);
                            prop_assert!(tiles.contains(column, row));
                        }
                    }
                }
            }
            if index == joins_at {
                // Somebody joins, and somebody lost a part.
                let mut newcomer = new(&scene);
                encoder.encode_refresh(&frame, &Damage::full(scene.width(), scene.height()), &mut packets).unwrap();
                let packet = packets.pop().unwrap();
                prop_assert!(packet.is_refresh && packet.is_keyframe && packets.is_empty());
                newcomer.packet(&packet.payload).unwrap();
                clients.push(newcomer);
                let mut lossy = new(&scene);
                lossy.picture.clone_from(&clients[0].picture);
                let [x, y, w, h] = lost;
                let lacking: Damage = [Rect::new(x, y, w, h)].into_iter().collect();
                for row in y..(y + h).min(scene.height()) {
                    for column in x..(x + w).min(scene.width()) {
                        lossy.picture[(row * scene.width() + column) as usize] = 0xBAD;
                    }
                }
                encoder.encode_refresh(&frame, &lacking, &mut packets).unwrap();
                for packet in packets.drain(..) {
                    prop_assert!(packet.is_refresh);
                    lossy.packet(&packet.payload).unwrap();
                }
                clients.push(lossy);
            }
        }
        let mut calls = 0;
        while encoder.has_backlog() {
            encoder.encode(&scene.later(16_667), &Damage::NONE, &mut packets).unwrap();
            for packet in packets.drain(..) {
                prop_assert!(!packet.is_keyframe && !packet.is_refresh);
                for client in &mut clients {
                    client.packet(&packet.payload).unwrap();
                }
            }
            calls += 1;
            prop_assert!(calls < 5000, "never exact");
        }
        let picture = scene.picture(Pixels::BGRX);
        for client in &clients {
            prop_assert!(client.picture == picture);
        }
        encoder.encode(&scene.later(1_000_000), &Damage::NONE, &mut packets).unwrap();
        prop_assert!(packets.is_empty());
    }
}

/// What a pipeline sends of a pattern: damage and packet of each frame.
fn sent(pattern: Pattern, pixel: PixelFormat, frames: usize) -> Vec<(Damage, usize)> {
    let format = FrameFormat::new(pixel, 1920, 1080);
    let mut source = PatternSource::new(pattern, format, 1).unwrap();
    let mut diff = TileDiff::new();
    let mut encoder = HybridEncoder::default();
    let mut client = Client::new(Pixels::BGRX, 1920, 1080);
    (0..frames)
        .map(|_| {
            let Some(Captured::Frame(frame)) = source.poll_capture().unwrap() else {
                unreachable!("a pattern has frames")
            };
            let damage = diff.compare(frame.clone());
            let mut packets: Vec<Packet> = Vec::new();
            encoder.encode(&frame, &damage, &mut packets).unwrap();
            for packet in &packets {
                client.packet(&packet.payload).unwrap();
            }
            let rgb = FrameFormat::new(PixelFormat::Bgrx, 1920, 1080);
            let mut picture = Vec::new();
            Converter::new().convert(&frame.image().unwrap(), rgb, &mut picture);
            let words =
                picture.chunks_exact(4).map(|pixel| u32::from_le_bytes([pixel[0], pixel[1], pixel[2], 0]));
            assert!(words.eq(client.picture.iter().copied()), "text is exact in its first update");
            (damage, packets.iter().map(|packet| packet.payload.len()).sum())
        })
        .collect()
}

#[test]
fn a_character_takes_less_than_300_bytes_and_a_still_frame_nothing() {
    for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Bgrx] {
        let sent = sent(Pattern::Text, pixel, 20);
        let typed = sent.iter().skip(1).filter(|(damage, _)| !damage.is_empty());
        assert!(typed.clone().count() >= 5);
        assert!(typed.clone().all(|(_, bytes)| (1..300).contains(bytes)), "{pixel}: {sent:?}");
        let still = sent.iter().skip(1).filter(|(damage, _)| damage.is_empty());
        assert!(
            still.clone().count() >= 5 && still.clone().all(|(_, bytes)| *bytes == 0),
            "{pixel}: {sent:?}"
        );
    }
}

#[test]
fn a_scrolled_page_takes_less_than_8_kilobytes() {
    for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Bgrx] {
        let sent = sent(Pattern::Scroll, pixel, 12);
        for (damage, bytes) in &sent[1..] {
            assert!(!damage.copies().is_empty() && *bytes < 8000, "{pixel}: {bytes} bytes for {damage:?}");
        }
    }
}

/// A photo of which neighbours differ a little, as a camera makes it.
fn photo(format: FrameFormat) -> Frame {
    let mut seed = 1_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) % 5
    };
    let width = format.width_px;
    let picture = (0..width * format.height_px)
        .flat_map(|at| [0, 40, 80, 0].map(|part| (at % width / 9 + at / width / 7 + part + noise()) as u8))
        .collect::<Vec<u8>>();
    let bgrx = FrameFormat::new(PixelFormat::Bgrx, width, format.height_px);
    let frame = Frame::packed(bgrx, picture.into()).unwrap();
    let mut converted = Vec::new();
    Converter::new().convert(&frame.image().unwrap(), format, &mut converted);
    Frame::packed(format, converted.into()).unwrap()
}

#[test]
fn planes_take_much_fewer_bytes_of_a_photo_than_tight() {
    for pixel in [PixelFormat::Uyvy, PixelFormat::Nv12, PixelFormat::Bgrx] {
        let format = FrameFormat::new(pixel, 640, 400);
        let (frame, damage) = (photo(format), Damage::full(640, 400));
        let [tight, planes] = [false, true].map(|planes| {
            let mut options = options(Pixels::BGRX);
            (options.tight, options.tight_gradient, options.planes) = (true, true, planes);
            let mut client = Client::new(Pixels::BGRX, 640, 400);
            let bytes = update(&mut RectEncoder::new(options), &mut client, &frame, &damage);
            assert_eq!(client.kinds.planes > 0, planes, "{pixel}");
            bytes
        });
        // Where all pixels have colours of their own, there is less to save.
        let most = if pixel == PixelFormat::Bgrx { tight } else { tight * 2 / 3 };
        assert!(planes < most, "{pixel}: {planes} bytes, {tight} by Tight");
    }
}

#[test]
fn a_compressed_frame_is_refused_and_the_next_one_is_sent_whole() {
    let mjpeg = FrameFormat::new(PixelFormat::Mjpeg, 64, 48);
    let compressed = Frame::packed(mjpeg, bytes::Bytes::from_static(b"picture")).unwrap();
    let grey = FrameFormat::new(PixelFormat::Grey, 64, 48);
    let raw = Frame::packed(grey, bytes::Bytes::from(vec![200; 64 * 48])).unwrap();
    let mut encoder = HybridEncoder::default();
    let mut packets: Vec<Packet> = Vec::new();
    encoder.encode(&raw, &Damage::full(64, 48), &mut packets).unwrap();
    assert!(encoder.encode(&compressed, &Damage::full(64, 48), &mut packets).is_err());
    encoder.encode(&raw, &Damage::NONE, &mut packets).unwrap();
    assert_eq!(packets.len(), 2);
    assert!(packets[1].is_keyframe);
    let mut client = Client::new(Pixels::BGRX, 64, 48);
    client.packet(&packets[1].payload).unwrap();
    assert!(client.picture.iter().all(|pixel| *pixel == 0x00C8_C8C8));
}
