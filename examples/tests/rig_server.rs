//! The real kvm-server on real drivers: vivid's pictures, and a USB gadget whose reports the kernel's own HID driver
//! understands. Needs the rig (`.ci/rig/run`), and skips itself loudly without.

#![expect(clippy::print_stderr, reason = "what was skipped and what was measured is said")]
#![expect(clippy::unwrap_used, reason = "a test's helpers may panic as the test may")]

mod client;
mod loopback;

use std::io::BufRead;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use client::{Page, Server, decode, until};
use kvm_hid::{evdev_of_usage, usage_of_code};
use loopback::{EV_ABS, EV_KEY, EV_LED, EV_REL, Gadget};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Whether this runs inside the rig. Where it has to, it is an error if not.
fn in_rig(test: &str) -> bool {
    let inside = std::env::var_os("RIG_INSIDE").is_some();
    assert!(inside || std::env::var_os("KVM_RIG_REQUIRED").is_none(), "{test} has to run inside the rig");
    if !inside {
        eprintln!("SKIPPED: {test} needs the rig (.ci/rig/run -- ...)");
    }
    inside
}

#[test]
fn pictures_of_a_real_driver_arrive() {
    if !in_rig("pictures_of_a_real_driver_arrive") {
        return;
    }
    for device in [SINGLE_PLANAR, MULTI_PLANAR] {
        let before = monotonic_us();
        let server = Server::start(&["--video", device]);
        let cookie = server.log_in();
        let mut page = Page::open(&server, &cookie);
        page.listen_until("the signal is live", |page| page.state["signal"]["live"] == true);
        let format = page.state["format"].clone();
        let size = (format["width"].as_u64().unwrap(), format["height"].as_u64().unwrap());
        assert_eq!(size, (1280, 720), "vivid starts at 720p60");
        let size = (1280, 720);
        assert_eq!(
            page.state["links"],
            json!({ "keyboard": "absent", "pointer": "absent", "mouse": "absent" })
        );

        let start = Instant::now();
        let mut last = (0, before, Vec::new());
        let mut ages = Vec::new();
        for count in 0..100 {
            let picture = page.picture();
            assert_eq!((usize::from(picture.width), usize::from(picture.height)), size);
            assert!(picture.sequence > last.0 || count == 0);
            assert!(picture.captured_us > last.1, "stamped by the monotonic clock, and rising");
            assert!(picture.captured_us <= picture.sent_us + VIVID_AHEAD_US, "captured after it was sent");
            assert!(picture.sent_us <= monotonic_us(), "sent after it came");
            ages.push(picture.sent_us.saturating_sub(picture.captured_us));
            if count % 10 == 0 {
                let pixels = picture.decode();
                assert_ne!(pixels, last.2, "vivid's picture moves");
                last.2 = pixels;
            }
            (last.0, last.1) = (picture.sequence, picture.captured_us);
        }
        ages.sort_unstable();
        eprintln!(
            "{device} {format}: 100 pictures over the WebSocket in {:.1?}; age when sent: median {} us, at most {} us",
            start.elapsed(),
            ages[50],
            ages[99],
        );
        drop(page);
        a_hundred_over_http(&server, &cookie, device, size);
        no_buffer_is_lost(&server, &cookie);
        assert!(server.terminate().0.success());
    }
}

fn a_hundred_over_http(server: &Server, cookie: &str, device: &str, size: (usize, usize)) {
    let (head, body) = server.open("GET", "/stream.mjpeg", &[("Cookie", cookie)]);
    assert_eq!(head.status, 200);
    let mut body = Dechunked::new(body);
    let (start, mut last) = (Instant::now(), (0, 0, Vec::new()));
    for count in 0..100 {
        let (mut length, mut sequence, mut timestamp) = (0, 0, 0);
        loop {
            let line = body.line();
            let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
            match name {
                "content-length" => length = value.parse().unwrap(),
                "x-kvm-sequence" => sequence = value.parse().unwrap(),
                "x-kvm-timestamp-us" => timestamp = value.parse().unwrap(),
                "" if length > 0 => break,
                _ => {}
            }
        }
        let jpeg = body.bytes(length);
        assert!(
            sequence > last.0 && timestamp > last.1,
            "{sequence} at {timestamp} after {} at {}",
            last.0,
            last.1
        );
        assert!(timestamp <= monotonic_us() + VIVID_AHEAD_US, "a frame of the future");
        if count % 10 == 0 {
            let pixels = decode(&jpeg, size);
            assert_ne!(pixels, last.2);
            last.2 = pixels;
        }
        (last.0, last.1) = (sequence, timestamp);
    }
    eprintln!("{device}: 100 pictures over HTTP in {:.1?}", start.elapsed());
}

/// A thousand frames, while one viewer never reads and another holds what it gets.
fn no_buffer_is_lost(server: &Server, cookie: &str) {
    let mut page = Page::open(server, cookie);
    let _never_reads = Page::open(server, cookie);
    let (_, _reads_a_bit) = server.open("GET", "/stream.mjpeg", &[("Cookie", cookie)]);
    let first = page.picture();
    let (start, mut received, mut held) = (Instant::now(), 0, Vec::new());
    let last = loop {
        let picture = page.picture();
        received += 1;
        let is_enough = picture.sequence >= first.sequence + 1000;
        if is_enough {
            break picture;
        }
        held.push(picture);
        if held.len() > 50 {
            held.clear();
        }
    };
    page.state = json!(null);
    page.listen_until("a state comes", |page| !page.state.is_null());
    assert_eq!(page.state["stats"]["starved"], 0, "{}", page.state["stats"]);
    assert_eq!(page.state["signal"]["live"], true);
    let captured = last.captured_us - first.captured_us;
    eprintln!(
        "{} frames of the driver, {received} pictures received in {:.1?} ({} us by the driver's clock), none starved; {}",
        last.sequence - first.sequence,
        start.elapsed(),
        captured,
        page.state["stats"],
    );
}

#[test]
fn keys_arrive_at_a_real_driver() {
    if !in_rig("keys_arrive_at_a_real_driver") {
        return;
    }
    let gadget = Gadget::create();
    let mut host = gadget.plug();
    let server = Server::start(&[
        "--video",
        SINGLE_PLANAR,
        "--keyboard",
        "/dev/hidg0",
        "--pointer",
        "/dev/hidg1",
        "--mouse",
        "/dev/hidg2",
    ]);
    start_up_errors_say_what_to_do();
    let cookie = server.log_in();
    let mut page = Page::open(&server, &cookie);
    page.listen_until_control("yours");
    page.listen_until("the links are ready", |page| page.state["links"]["mouse"] == "ready");

    for code in ["KeyA", "Digit1", "Enter", "ArrowDown", "F12", "ShiftRight", "IntlBackslash", "Numpad5"] {
        page.stroke(code);
        let evdev = evdev_of_usage(usage_of_code(code).unwrap()).unwrap();
        host.keyboard.expect(EV_KEY, evdev, 1);
        host.keyboard.expect(EV_KEY, evdev, 0);
    }
    page.stroke("AudioVolumeUp");
    host.consumer.expect(EV_KEY, KEY_VOLUMEUP, 1);
    host.consumer.expect(EV_KEY, KEY_VOLUMEUP, 0);
    for (x, y) in [(1, 2), (32767, 32766), (16000, 8000)] {
        page.say(&json!({ "type": "point", "x": x, "y": y }));
        host.pointer.expect(EV_ABS, ABS_X, x);
        host.pointer.expect(EV_ABS, ABS_Y, y);
    }
    page.say(&json!({ "type": "button", "button": "right", "down": true }));
    page.say(&json!({ "type": "button", "button": "right", "down": false }));
    host.pointer.expect(EV_KEY, BTN_RIGHT, 1);
    host.pointer.expect(EV_KEY, BTN_RIGHT, 0);
    page.say(&json!({ "type": "wheel", "vertical": -1, "horizontal": 0 }));
    host.pointer.expect(EV_REL, REL_WHEEL, -1);
    page.say(&json!({ "type": "move", "dx": 5, "dy": -7 }));
    host.mouse.expect(EV_REL, REL_X, 5);
    host.mouse.expect(EV_REL, REL_Y, -7);
    page.say(&json!({ "type": "type", "text": "aB" }));
    for (code, value) in [(30, 1), (30, 0), (KEY_LEFTSHIFT, 1), (48, 1), (48, 0), (KEY_LEFTSHIFT, 0)] {
        host.keyboard.expect(EV_KEY, code, value);
    }
    page.listen_until("the text is typed", |page| page.state["typing"].is_null());

    for (light, lit) in [("caps", 1), ("num", 0), ("scroll", 2)] {
        for value in [1, 0] {
            host.keyboard.report(EV_LED, lit, value);
            page.listen_until("the light shows", |page| page.state["leds"][light] == (value == 1));
        }
    }
    keys_travel_fast(&mut page, &mut host);
    let page = a_page_that_is_gone_holds_nothing(&server, &cookie, page, &mut host);
    a_killed_viewer_holds_nothing(&server, &cookie, page, &mut host);
    rebinding_is_survived(&gadget, &server, &cookie, host);
    let (status, said) = server.terminate();
    assert!(status.success(), "{said}");
}

fn start_up_errors_say_what_to_do() {
    for (arguments, words) in [
        (&["--video", SINGLE_PLANAR][..], &["busy"][..]),
        (&["--video", MULTI_PLANAR, "--keyboard", "/dev/hidg9"], &["/dev/hidg9", "/sys/class/udc"]),
        (&["--video", "/dev/null"], &["/dev/null"]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvm-server"));
        let output = command.args(["--listen", "127.0.0.1:0"]).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
    }
}

/// From the message to the kernel's event, by the time of day. Made of system calls, which are slow in the rig.
fn keys_travel_fast(page: &mut Page, host: &mut loopback::Host) {
    let mut delays = Vec::new();
    for stroke in 0..100 {
        let said = time_of_day();
        page.key("KeyA", stroke % 2 == 0);
        delays.push(host.keyboard.next(EV_KEY).at.saturating_sub(said));
        page.listen();
    }
    delays.sort_unstable();
    eprintln!(
        "from the message to the kernel's event: median {:?}, 99 of 100 within {:?}",
        delays[50], delays[98]
    );
}

/// The connection goes without a word, with a key and a button down.
fn a_page_that_is_gone_holds_nothing(
    server: &Server,
    cookie: &str,
    mut page: Page,
    host: &mut loopback::Host,
) -> Page {
    let mut worst = Duration::ZERO;
    for _ in 0..20 {
        page.key("KeyB", true);
        page.say(&json!({ "type": "button", "button": "left", "down": true }));
        host.keyboard.expect(EV_KEY, 48, 1);
        host.mouse.expect(EV_KEY, BTN_LEFT, 1);
        let gone = time_of_day();
        page.vanish();
        let (key, button) = (host.keyboard.next(EV_KEY), host.mouse.next(EV_KEY));
        assert_eq!((key.code, key.value, button.code, button.value), (48, 0, BTN_LEFT, 0));
        worst = worst.max(key.at.max(button.at).saturating_sub(gone));
        page = Page::open(server, cookie);
        page.listen_until_control("yours");
    }
    eprintln!("20 pages vanished: key and button came up within {worst:?}");
    assert!(worst < Duration::from_millis(50), "{worst:?}");
    page
}

/// A viewer that is a process of its own is killed with a key down.
fn a_killed_viewer_holds_nothing(server: &Server, cookie: &str, page: Page, host: &mut loopback::Host) {
    page.vanish();
    let mut worst = Duration::ZERO;
    for _ in 0..5 {
        until("control is free", || server.state(cookie)["control"] == "free");
        let mut viewer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_viewer_in_a_process_of_its_own"])
            .env("KVM_TEST_VIEWER", format!("{} {cookie}", server.address))
            .spawn()
            .unwrap();
        host.keyboard.expect(EV_KEY, 46, 1);
        let killed = time_of_day();
        viewer.kill().unwrap();
        let key = host.keyboard.next(EV_KEY);
        assert_eq!((key.code, key.value), (46, 0));
        worst = worst.max(key.at.saturating_sub(killed));
        viewer.wait().unwrap();
    }
    eprintln!("5 viewers killed: the key came up within {worst:?}");
    assert!(worst < Duration::from_millis(50), "{worst:?}");
}

/// No test, but the viewer that the one above starts and kills.
#[test]
fn a_viewer_in_a_process_of_its_own() {
    let Ok(place) = std::env::var("KVM_TEST_VIEWER") else { return };
    let (address, cookie) = place.split_once(' ').unwrap();
    let mut page = Page::open_at(address, cookie);
    page.listen_until_control("yours");
    page.key("KeyC", true);
    until("it is killed", || {
        page.say(&json!({ "type": "alive" }));
        page.listen();
        false
    });
}

fn rebinding_is_survived(gadget: &Gadget, server: &Server, cookie: &str, mut host: loopback::Host) {
    until("control is free", || server.state(cookie)["control"] == "free");
    let mut page = Page::open(server, cookie);
    page.listen_until_control("yours");
    for _ in 0..3 {
        page.key("KeyD", true);
        host.keyboard.expect(EV_KEY, 32, 1);
        page.refused.clear();
        gadget.unplug();
        page.key("KeyE", true);
        page.listen_until("the gadget is gone", |page| page.state["links"]["keyboard"] == "detached");
        // The same refusal is told once a second at most.
        until("the key is refused", || {
            page.key("KeyF", true);
            page.listen();
            page.refused.iter().any(|why| why.contains("no target"))
        });
        host = gadget.plug();
        page.listen_until("the gadget is back", |page| page.state["links"]["keyboard"] == "ready");
        page.key("KeyG", true);
        host.keyboard.expect(EV_KEY, 34, 1);
        page.key("KeyG", false);
        host.keyboard.expect(EV_KEY, 34, 0);
    }
    assert_eq!(page.state["signal"]["live"], true, "pictures never stopped");
}

/// A body in chunks, read as it comes.
struct Dechunked<R> {
    reader: R,
    left: usize,
}

impl<R: BufRead> Dechunked<R> {
    fn new(reader: R) -> Self {
        Self { reader, left: 0 }
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            if self.left == 0 {
                let mut size = String::new();
                while size.trim().is_empty() {
                    size.clear();
                    self.reader.read_line(&mut size).unwrap();
                }
                self.left = usize::from_str_radix(size.trim(), 16).unwrap();
            }
            let piece = self.left.min(count - bytes.len());
            let start = bytes.len();
            bytes.resize(start + piece, 0);
            self.reader.read_exact(&mut bytes[start..]).unwrap();
            self.left -= piece;
        }
        bytes
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        while !line.ends_with("\r\n") {
            line.push(char::from(self.bytes(1)[0]));
        }
        line.trim_end().to_ascii_lowercase()
    }
}

fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000 + u64::try_from(now.tv_nsec).unwrap() / 1000
}

fn time_of_day() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

const SINGLE_PLANAR: &str = "/dev/rig/vivid-000-vid-cap";
const MULTI_PLANAR: &str = "/dev/rig/vivid-001-vid-cap";

// linux/input-event-codes.h
const KEY_LEFTSHIFT: u16 = 42;
const KEY_VOLUMEUP: u16 = 115;
const BTN_LEFT: u16 = 0x110;
const BTN_RIGHT: u16 = 0x111;
const ABS_X: u16 = 0;
const ABS_Y: u16 = 1;
const REL_X: u16 = 0;
const REL_Y: u16 = 1;
const REL_WHEEL: u16 = 8;

/// vivid stamps a frame with the time its schedule says, which can be later than when it hands the frame out: by one
/// frame at 60 Hz and the rounding of its timer, at the most.
const VIVID_AHEAD_US: u64 = 20_000;
