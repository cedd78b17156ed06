//! The real kvm-server on its embedded target, from outside: HTTP, WebSocket, signals, and what it prints.

#![expect(clippy::unwrap_used, reason = "a test's helpers may panic as the test may")]

mod client;

use std::io::{BufRead, Read};
use std::process::Command;
use std::time::Instant;

use client::{Page, Server, decode, until};
use kvm_stream::InputClass;
use kvm_stream::mp4::RecordingReader;
use serde_json::json;
use tungstenite::Message;

#[test]
fn nobody_gets_in_without_the_token_and_it_works_once() {
    let server = Server::start(&[]);
    for path in
        ["/", "/page.js", "/snapshot.jpg", "/stream.mjpeg", "/state", "/target/text", "/recordings/x", "/x"]
    {
        assert_eq!(server.get(path, "").status, 401, "{path}");
        assert_eq!(server.get(path, "kvm_session=0123").status, 401, "{path}");
    }
    assert_eq!(server.get("/?token=wrong", "").status, 401);
    let cookie = server.log_in();
    assert_eq!(server.get(&format!("/?token={}", server.token), "").status, 401, "the token is spent");
    let page = server.get("/", &cookie);
    assert_eq!(page.status, 200);
    assert!(page.body.starts_with(b"<!doctype html>") || page.body.starts_with(b"<!DOCTYPE html>"));
    for (header, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(header), Some(value));
    }
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'self';"));
    assert_eq!(server.get("/x", &cookie).status, 404);

    // Another name than ours is one that a foreign page made to point here.
    let rebound = server.request("GET", "/", &[("Host", "evil.example"), ("Cookie", &cookie)]);
    assert_eq!(rebound.status, 421);

    let own = format!("http://{}", server.address);
    let from = |origin: &str| server.request("POST", "/invite", &[("Origin", origin), ("Cookie", &cookie)]);
    assert_eq!(from("http://evil.example").status, 403);
    let invitation = from(&own);
    assert_eq!(invitation.status, 200);
    let invitation: serde_json::Value = serde_json::from_slice(&invitation.body).unwrap();
    let (_, token) = invitation["url"].as_str().unwrap().split_once("/?token=").unwrap();
    assert_ne!(server.spend(token), cookie);

    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(Page::try_open(&server.address, &cookie, origin, "").err(), Some(403), "{origin}");
    }
    assert_eq!(Page::try_open(&server.address, "kvm_session=0123", &own, "").err(), Some(401));
    assert_eq!(Page::try_open(&server.address, &cookie, &own, "?codec=theora").err(), Some(400));
    assert!(Page::try_open(&server.address, &cookie, &own, "").is_ok());
}

#[test]
fn too_many_wrong_tokens_close_the_door_for_a_while() {
    let server = Server::start(&[]);
    let refusals: Vec<u16> = (0..12).map(|_| server.get("/?token=wrong", "").status).collect();
    assert_eq!(refusals[..10], [401; 10]);
    assert_eq!(refusals[10..], [429; 2]);
    let closed = server.get(&format!("/?token={}", server.token), "");
    assert_eq!(closed.status, 429);
    assert!(closed.number("retry-after") <= 31);
}

#[test]
fn pictures_arrive_and_follow_the_screen() {
    let server = Server::start(&["--virtual-size", "1024x768"]);
    let cookie = server.log_in();
    let mut page = Page::open(&server, &cookie);
    let first = page.picture();
    assert_eq!((first.codec, first.is_keyframe, first.width, first.height), (0, true, 1024, 768));
    let menu = first.decode();

    // A still screen sends nothing, and a key sends a picture.
    page.listen_until("nothing is sent for a second", |page| {
        page.state["stats"]["sent_fps"] == 0.0 && page.state["stats"]["unchanged"].as_u64() > Some(20)
    });
    page.stroke("ArrowDown");
    let second = page.picture();
    assert_ne!(second.decode(), menu);
    assert!(second.sequence > first.sequence && second.captured_us > first.captured_us);
    assert!(second.sent_us >= second.captured_us && second.sent_us - second.captured_us < 2_000_000);

    page.say(&json!({ "type": "keyframe" }));
    assert!(page.picture().is_keyframe);

    let snapshot = server.get("/snapshot.jpg", &cookie);
    assert_eq!((snapshot.status, snapshot.header("content-type")), (200, Some("image/jpeg")));
    assert!(snapshot.number("x-kvm-sequence") >= second.sequence);
    assert!(snapshot.number("x-kvm-timestamp-us") >= second.captured_us);
    decode(&snapshot.body, (1024, 768));
    let exact = server.get("/snapshot.png", &cookie);
    assert_eq!((exact.status, exact.header("content-type")), (200, Some("image/png")));
    assert!(exact.body.starts_with(b"\x89PNG\r\n") && exact.number("x-kvm-sequence") >= second.sequence);
    mjpeg_is_multipart(&server, &cookie);

    assert_eq!(page.state["format"], json!({ "width": 1024, "height": 768, "pixel": "XR24" }));
    assert_eq!(page.state["signal"]["live"], true);
    assert_eq!(page.state["links"], json!({ "keyboard": "ready", "pointer": "ready", "mouse": "ready" }));
}

#[test]
fn each_page_has_the_codec_it_asked_for() {
    let server = Server::start(&[]);
    let cookie = server.log_in();
    let mut first = Page::open_with(&server.address, &cookie, "");
    let picture = first.picture();
    assert_eq!((picture.codec, picture.is_keyframe, picture.width, picture.height), (2, true, 1280, 720));
    assert!(u16::from_be_bytes([picture.payload[0], picture.payload[1]]) > 0, "rectangles are counted");
    first.listen_until_control("yours");
    assert_eq!(first.state["codecs"][0], "rects");

    // Whoever comes in another codec, or in the same, or with no pictures at all, changes nothing for the first.
    let mut others = ["?codec=jpeg", "?codec=rects"].map(|query| {
        let mut page = Page::open_with(&server.address, &cookie, query);
        assert!(page.picture().is_keyframe);
        page
    });
    let mut without = Page::open_with(&server.address, &cookie, "?codec=mjpeg");
    without.listen_until("it is told the state", |page| page.state["viewers"] == 3);
    first.stroke("ArrowDown");
    let picture = first.picture();
    assert!(picture.codec == 2 && !picture.is_keyframe, "the stream goes on");
    assert!(picture.payload.len() < 4000, "{} bytes for another line of the menu", picture.payload.len());
    assert_eq!(others.each_mut().map(|page| page.picture().codec), [0, 2]);

    first.say(&json!({ "type": "keyframe" }));
    assert!(first.picture().is_keyframe);
    assert!(others.iter_mut().all(|page| page.listen().is_none()), "a refresh is nobody else's");
}

#[test]
fn a_page_that_tells_nothing_of_what_it_paints_gets_no_more_than_a_window() {
    let server = Server::start(&[]);
    let cookie = server.log_in();
    let mut page = Page::open_with(&server.address, &cookie, "");
    page.acknowledges = false;
    page.listen_until_control("yours");
    for _ in 0..30 {
        page.stroke("ArrowDown");
        page.listen_until_still();
        page.stroke("ArrowUp");
        page.listen_until_still();
    }
    assert_eq!(page.pictures, 12);
    // With the first word of it, it gets what it lacks.
    page.acknowledges = true;
    page.say(&json!({ "type": "painted", "sequence": page.newest }));
    page.picture();
}

fn mjpeg_is_multipart(server: &Server, cookie: &str) {
    let (head, mut body) = server.open("GET", "/stream.mjpeg", &[("Cookie", cookie)]);
    assert_eq!(head.header("content-type"), Some("multipart/x-mixed-replace; boundary=picture"));
    let mut lines = Vec::new();
    // The first boundary is a chunk of its own.
    while lines.last().is_none_or(|line| line != "\r\n") || lines.len() < 6 {
        let mut line = String::new();
        body.read_line(&mut line).unwrap();
        lines.push(line);
    }
    let part: String = lines.concat().to_ascii_lowercase();
    for header in ["--picture", "content-type: image/jpeg", "x-kvm-sequence: ", "x-kvm-timestamp-us: "] {
        assert!(part.contains(header), "{header} in {part}");
    }
    let length: usize =
        part.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    let mut jpeg = vec![0; length];
    body.read_exact(&mut jpeg).unwrap();
    decode(&jpeg, (1024, 768));

    // A browser shows it when the header of the next part has come.
    let (_, mut body) = server.open("GET", "/stream.mjpeg?headers=early", &[("Cookie", cookie)]);
    let mut all = Vec::new();
    let header = b"--picture\r\nContent-Type: image/jpeg\r\n\r\n";
    let count = |all: &[u8]| all.windows(header.len()).filter(|bytes| bytes == header).count();
    while count(&all) < 2 {
        let mut chunk = [0; 4096];
        let length = body.read(&mut chunk).unwrap();
        all.extend_from_slice(&chunk[..length]);
    }
}

#[test]
fn from_a_key_to_its_effect_is_measured() {
    let server = Server::start(&[]);
    let cookie = server.log_in();
    let mut page = Page::open_with(&server.address, &cookie, "");
    page.listen_until_control("yours");
    page.stroke("Enter");
    until("the console starts", || server.text(&cookie).contains("target:~$"));
    let before = server.text(&cookie);
    let mut times = Vec::new();
    for probe in 1..=20 {
        page.listen_until_still();
        let code = if probe % 2 == 1 { "KeyX" } else { "Backspace" };
        let pressed = Instant::now();
        page.say(&json!({ "type": "key", "code": code, "down": true, "probe": probe }));
        page.key(code, false);
        let effect = loop {
            let picture = page.picture();
            // Word of the key goes ahead of what was captured after it.
            if page.probed.last().is_some_and(|&(number, at)| number == probe && picture.captured_us >= at) {
                break pressed.elapsed();
            }
        };
        let us = u64::try_from(effect.as_micros()).unwrap();
        page.say(&json!({ "type": "photon", "us": us }));
        times.push(us);
    }
    assert_eq!(server.text(&cookie), before, "ten x and ten backspaces");
    times.sort_unstable();
    page.listen_until("all are counted", |page| page.state["stats"]["photon"]["count"] == 20);
    let stats = &page.state["stats"]["photon"];
    assert_eq!((&stats["median_us"], &stats["worst_us"]), (&json!(times[10]), &json!(times[19])));
    let metrics = String::from_utf8(server.get("/metrics", &cookie).body).unwrap();
    assert!(metrics.contains("kvm_input_to_photon_seconds_count 20\n"), "{metrics}");
    eprintln!("input to picture received: median {} us, at most {} us", times[10], times[19]);
    // The target is asked every 4 ms, and shows 60 pictures a second.
    assert!(times[10] < 100_000, "{times:?}");

    page.say(&json!({ "type": "photon", "us": 10_000_001 }));
    page.listen_until("what no key took is refused", |page| page.refused.len() == 1);
}

#[test]
fn what_is_typed_arrives_and_nothing_of_it_is_printed() {
    let server = Server::start(&[]);
    let cookie = server.log_in();
    let mut page = Page::open(&server, &cookie);
    page.listen_until_control("yours");
    page.stroke("Enter");
    until("the console starts", || server.text(&cookie).contains("target:~$"));

    for code in ["KeyH", "KeyU", "KeyN", "KeyT", "KeyE", "KeyR"] {
        page.stroke(code);
    }
    page.key("ShiftLeft", true);
    page.stroke("Digit2");
    page.key("ShiftLeft", false);
    until("the keys arrive", || server.text(&cookie).contains("target:~$ hunter@"));

    page.say(&json!({ "type": "type", "text": "Correct-Horse_7 {}\nsecond line" }));
    until("the text arrives", || {
        let text = server.text(&cookie);
        text.contains("hunter@Correct-Horse_7 {}") && text.contains("target:~$ second line")
    });
    page.listen_until("nothing is being typed", |page| page.state["typing"].is_null());
    page.say(&json!({ "type": "type", "text": "naïveté" }));
    page.listen_until("the text is refused", |page| !page.refused.is_empty());
    assert!(page.refused[0].contains("US layout") && !page.refused[0].contains("na"), "{:?}", page.refused);

    page.stroke("CapsLock");
    page.listen_until("the light is on", |page| page.state["leds"]["caps"] == true);
    page.key("Unknown-Secret", true);
    page.send(Message::text("Secret-Garbage"));
    page.listen_until("both are refused", |page| page.refused.len() == 3);

    let (status, said) = server.terminate();
    assert!(status.success(), "{said}");
    for secret in ["hunter", "Horse", "naïv", "Secret", cookie.split('=').nth(1).unwrap()] {
        assert!(!said.contains(secret), "{said}");
    }
    assert_eq!(said.matches("token=").count(), 1, "{said}");
}

#[test]
fn the_second_page_watches_until_it_takes_control() {
    let server = Server::start(&[]);
    let cookie = server.log_in();
    let mut first = Page::open(&server, &cookie);
    first.listen_until_control("yours");
    let mut second = Page::open(&server, &cookie);
    second.listen_until_control("held");
    let menu = server.text(&cookie);

    second.stroke("ArrowDown");
    second
        .listen_until("it is refused", |page| page.refused.iter().any(|reason| reason.contains("view-only")));
    second.say(&json!({ "type": "record", "on": true }));
    second.listen_until("that is refused, too", |page| {
        page.refused.iter().any(|reason| reason.contains("recording"))
    });
    assert_eq!(server.text(&cookie), menu);

    second.say(&json!({ "type": "take-control" }));
    second.listen_until_control("yours");
    first.listen_until_control("held");
    first.listen_until("it is told", |page| {
        page.refused.iter().any(|reason| reason.contains("taken control"))
    });
    second.stroke("ArrowDown");
    until("the key arrives", || server.text(&cookie) != menu);

    second.say(&json!({ "type": "give-control" }));
    second.listen_until_control("free");
    assert_eq!(first.state["viewers"], 2);
}

#[test]
fn a_page_that_vanishes_lets_go_of_its_keys() {
    let server = Server::start(&[]);
    let cookie = server.log_in();
    let mut watcher = {
        let mut typist = Page::open(&server, &cookie);
        typist.listen_until_control("yours");
        typist.stroke("Enter");
        until("the console starts", || server.text(&cookie).contains("target:~$"));
        let mut watcher = Page::open(&server, &cookie);
        watcher.listen_until_control("held");
        typist.key("ShiftLeft", true);
        typist.stroke("KeyA");
        until("the key arrives", || server.text(&cookie).contains("$ A"));
        typist.vanish();
        watcher
    };
    watcher.listen_until_control("free");
    watcher.say(&json!({ "type": "take-control" }));
    watcher.stroke("KeyB");
    until("the key arrives without Shift", || server.text(&cookie).contains("$ Ab"));
}

#[test]
fn a_recording_can_be_downloaded_while_it_runs_and_after() {
    let folder = scratch("recordings");
    let server = Server::start(&["--recordings", folder.to_str().unwrap()]);
    let cookie = server.log_in();
    let mut page = Page::open(&server, &cookie);
    page.listen_until_control("yours");
    page.say(&json!({ "type": "record", "on": true }));
    page.listen_until("it is recorded", |page| page.state["recording"]["bytes"].as_u64() > Some(0));
    assert_eq!(page.state["recording"]["name"], "kvm-1.mp4");
    let exercised = |page: &Page| page.state["capabilities"].to_string().contains(r#""exercised":[""#);
    assert!(exercised(&page));
    let running = server.get("/recordings/kvm-1.mp4", &cookie);
    assert_eq!((running.status, running.header("content-type")), (200, Some("video/mp4")));
    assert_eq!(&running.body[4..8], b"ftyp");

    page.stroke("ArrowDown");
    page.say(&json!({ "type": "record", "on": false }));
    page.listen_until("it is finished", |page| page.state["recording"].is_null());
    assert_eq!(page.state["recordings"], json!(["kvm-1.mp4"]));
    let finished = server.get("/recordings/kvm-1.mp4", &cookie);
    assert!(finished.body.len() > running.body.len() && finished.body.starts_with(&running.body));
    assert_eq!(finished.body, std::fs::read(folder.join("kvm-1.mp4")).unwrap());
    for wrong in ["/recordings/kvm-2.mp4", "/recordings/..%2f..%2fetc%2fpasswd", "/recordings/"] {
        assert_eq!(server.get(wrong, &cookie).status, 404, "{wrong}");
    }

    // The next one runs when the program ends, and is whole nevertheless.
    page.say(&json!({ "type": "record", "on": true }));
    page.listen_until("it is recorded", |page| page.state["recording"]["bytes"].as_u64() > Some(0));
    let (status, said) = server.terminate();
    assert!(status.success(), "{said}");
    let file = std::fs::read(folder.join("kvm-2.mp4")).unwrap();
    assert_eq!((&file[4..8], &file[file.len() - 12..file.len() - 8]), (&b"ftyp"[..], &b"mfro"[..]));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_recording_tells_classes_of_input_and_no_key() {
    let folder = scratch("classes");
    let server = Server::start(&["--recordings", folder.to_str().unwrap()]);
    let cookie = server.log_in();
    let mut page = Page::open(&server, &cookie);
    page.listen_until_control("yours");
    page.stroke("Enter");
    until("the console starts", || server.text(&cookie).contains("target:~$"));
    page.say(&json!({ "type": "record", "on": true }));
    page.listen_until("it is recorded", |page| page.state["recording"]["bytes"].as_u64() > Some(0));
    for code in ["KeyH", "KeyU", "KeyN", "KeyT", "KeyE", "KeyR"] {
        page.stroke(code);
    }
    page.say(&json!({ "type": "type", "text": "Correct-Horse" }));
    page.say(&json!({ "type": "point", "x": 4660, "y": 22136 }));
    until("all arrives", || server.text(&cookie).contains("hunterCorrect-Horse"));
    page.say(&json!({ "type": "record", "on": false }));
    page.listen_until("it is finished", |page| page.state["recording"].is_null());
    assert!(server.terminate().0.success());

    let file = std::fs::read(folder.join("kvm-1.mp4")).unwrap();
    let mut recording = RecordingReader::open(std::io::Cursor::new(&file)).unwrap();
    let (mut spans, mut texts) = (Vec::new(), Vec::new());
    while let Some(fragment) = recording.next_fragment().unwrap() {
        spans.extend(fragment.inputs);
    }
    let told = |class| spans.iter().map(|span| span.tally.count(class)).sum::<u32>();
    assert!((6..=12).contains(&told(InputClass::Keyboard)), "{spans:?}");
    assert_eq!((told(InputClass::Text), told(InputClass::Pointer), told(InputClass::Power)), (1, 1, 0));
    assert!(spans.iter().all(|span| span.start.subsec_nanos() == 0), "{spans:?}");

    // All that is text in the file is the classes. Whatever may follow a key's code, the keys are nowhere in it.
    for secret in ["hunter", "HUNTER", "Horse", "KeyH", "Correct"] {
        texts.push(secret.as_bytes().to_vec());
        texts.push(secret.bytes().flat_map(|byte| [byte, 0]).collect());
    }
    // As usages of HID, and where the pointer went.
    texts.extend([vec![0x0B, 0x18, 0x11, 0x17], vec![0x34, 0x12, 0x78, 0x56]]);
    for text in texts {
        assert!(!file.windows(text.len()).any(|bytes| bytes == text), "{text:?}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn garbage_is_refused_and_breaks_nothing() {
    let server = Server::start(&[]);
    let cookie = server.log_in();
    let mut page = Page::open(&server, &cookie);
    page.listen_until_control("yours");
    let garbage = ["", "{", "[]", "null", r#"{"type":"key"}"#, r#"{"type":"point","x":99999,"y":0}"#];
    for text in garbage {
        page.send(Message::text(text));
    }
    page.send(Message::binary(vec![0xFF; 1000]));
    let count = garbage.len() + 1;
    page.listen_until("all are refused", |page| page.refused.len() == count);
    page.listen_until("all are counted", |page| page.state["stats"]["malformed"] == count);
    let menu = server.text(&cookie);
    page.stroke("ArrowDown");
    until("a key arrives nevertheless", || server.text(&cookie) != menu);

    // What is too long ends that connection, and no other.
    let mut other = Page::open(&server, &cookie);
    other.send(Message::text("x".repeat(65 * 1024)));
    page.listen_until("the other one is gone", |page| page.state["viewers"] == 1);
    assert_eq!(server.get("/state", &cookie).status, 200);
}

#[test]
fn start_up_errors_say_what_to_do() {
    let manifest = scratch("manifest").with_extension("toml");
    std::fs::write(&manifest, "vocabulary = 1\nname = \"x\"\n").unwrap();
    for (arguments, words) in [
        (&["--listen", "0.0.0.0:8080"][..], &["TLS", "ssh -L"][..]),
        (&["--listen", "127.0.0.1:0", "--video", "/dev/video-none"], &["/dev/video-none", "plugged in"]),
        (
            &["--listen", "127.0.0.1:0", "--manifest", manifest.to_str().unwrap()],
            &["network-listen", "manifest"],
        ),
        (&["--listen", "127.0.0.1:0", "--manifest", "/none.toml"], &["/none.toml", "--print-manifest"]),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_kvm-server")).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
    }
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_kvm-server")).args(["--listen", &taken]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && said.contains("another port"), "{said}");
    drop(held);
    std::fs::remove_file(manifest).unwrap();
}

#[test]
fn the_printed_manifest_is_the_one_that_is_needed() {
    let print = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_kvm-server")).args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let devices = [
        "--video",
        "/dev/video0",
        "--keyboard",
        "/dev/hidg0",
        "--pointer",
        "/dev/hidg1",
        "--mouse",
        "/dev/hidg2",
    ];
    let printed = print(&[&devices[..], &["--print-manifest"]].concat());
    let manifest = kvm_audit::Manifest::from_toml(&printed).unwrap();
    let words = manifest.capabilities().to_string();
    assert_eq!(words, "video-capture, keyboard, pointer, network-listen, recording");

    let file = scratch("printed").with_extension("toml");
    let folder = scratch("kept");
    let here = ["--listen", "127.0.0.1:0", "--recordings", folder.to_str().unwrap()];
    std::fs::write(&file, print(&[&here[..], &["--print-manifest"]].concat())).unwrap();
    let server =
        Server::start(&["--recordings", folder.to_str().unwrap(), "--manifest", file.to_str().unwrap()]);
    assert!(server.terminate().0.success());
    std::fs::remove_file(file).unwrap();

    let descriptor = print(&["--print-descriptor", "keyboard"]);
    assert!(descriptor.starts_with("05010906a101"), "{descriptor}");
}

/// A path of this test run's own.
fn scratch(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("kvm-server-test-{}-{name}", std::process::id()))
}

#[test]
fn a_slow_viewer_delays_nobody() {
    let server = Server::start(&["--quality", "100"]);
    let cookie = server.log_in();
    let mut quick = Page::open(&server, &cookie);
    quick.listen_until_control("yours");
    quick.stroke("Enter");
    quick.say(&json!({ "type": "type", "text": "fill\n" }));
    until("the screen is full", || server.text(&cookie).len() > 5000);
    quick.listen_until("nothing is being typed", |page| page.state["typing"].is_null());
    // It never reads, so that its part of the line fills up.
    let _slow = Page::open(&server, &cookie);
    let mut bytes = 0;
    while bytes < 16 << 20 {
        quick.stroke("KeyX");
        bytes += quick.picture().payload.len();
    }
    quick.listen_until("both are there", |page| page.state["viewers"] == 2);
}
