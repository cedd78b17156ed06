//! Rectangles, decoded by a client that was not written with the encoder.
#![cfg(feature = "tight")]
#![expect(clippy::unwrap_used, reason = "all of it is test code")]

mod rect_decoder;
mod rect_script;

use kvm_capture::Frame;
use kvm_stream::{
    ClientPixels, Codec, Damage, Encoder, HybridEncoder, Packet, Rect, RectEncoder, RectOptions,
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
