//! A seat at a real USB gadget, judged by the kernel's own HID driver.
//!
//! One kernel plays both machines: what is written to `/dev/hidgN` goes through f_hid, dummy_udc, dummy_hcd and
//! usbhid, and is read here from `/dev/input/eventN`. Needs the rig (`.ci/rig/run`), and skips itself without.
#![cfg(feature = "gadget")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may panic as the test may")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kvm_audit::{Capability, Declare, Grant, Ledger, Manifest, Scope};
use kvm_hid::gadget::GadgetNode;
use kvm_hid::{
    Button, Handled, HidError, Holder, InputEvent, Interface, LinkState, ReportSink, Seat, Usage,
    evdev_of_usage, known_usages,
};
use rustix::fs::{Mode, OFlags};

/// All in one test, since there is one controller.
#[test]
fn the_kernel_understands_everything() {
    if std::env::var_os("RIG_INSIDE").is_none() {
        assert!(std::env::var_os("KVM_RIG_REQUIRED").is_none(), "this must run inside the rig");
        eprintln!("SKIPPED: the_kernel_understands_everything needs the rig (.ci/rig/run -- ...)");
        return;
    }
    errors_say_what_to_do();
    let gadget = Gadget::create();
    let mut bench = Bench::assemble(&gadget);
    every_key_arrives(&mut bench);
    seven_keys_roll_over(&mut bench);
    controls_arrive(&mut bench);
    positions_arrive(&mut bench);
    motions_arrive(&mut bench);
    lights_come_back(&mut bench);
    presses_arrive_within_a_millisecond_or_so(&mut bench);
    #[cfg(feature = "testing")]
    sinks_keep_the_promises(&bench.manifest);
    let mut bench = leaving_releases(bench);
    rebinding_is_survived(&gadget, &mut bench);
    a_host_that_does_not_poll_is_busy(bench);
}

fn errors_say_what_to_do() {
    let manifest = manifest();
    let missing = GadgetNode::open_keyboard("/dev/hidg0", keyboard_grant(&manifest)).unwrap_err();
    assert!(matches!(missing, HidError::NoNode { .. }) && missing.to_string().contains("/sys/class/udc"));
    let outside = GadgetNode::open_keyboard("/dev/null", keyboard_grant(&manifest)).unwrap_err();
    assert!(matches!(outside, HidError::OutOfScope(_)));
    let no_node = PathBuf::from("/dev/hidg-file");
    fs::write(&no_node, "").unwrap();
    let file = GadgetNode::open_keyboard(&no_node, keyboard_grant(&manifest)).unwrap_err();
    assert!(matches!(file, HidError::NotANode { .. }));
    fs::remove_file(&no_node).unwrap();
}

fn every_key_arrives(bench: &mut Bench) {
    let keys: Vec<Usage> =
        known_usages().filter(|&usage| Interface::of_usage(usage) == Some(Interface::Keyboard)).collect();
    let mut understood = 0;
    for &usage in &keys {
        bench.key(usage, true);
        bench.key(usage, false);
        match evdev_of_usage(usage) {
            Some(code) => {
                understood += 1;
                for value in [1, 0] {
                    assert_eq!(
                        bench.next_of(|bench| &mut bench.keyboard, EV_KEY),
                        (code, value),
                        "usage {usage}"
                    );
                }
            }
            // The kernel knows no code for it, and says so or says nothing.
            None => bench.keyboard.expect_only_unknown_keys(),
        }
    }
    assert!(understood > 140, "{understood} of {} keys", keys.len());
    eprintln!(
        "{understood} of {} keys of the boot keyboard have a code in the kernel, and all of them arrived",
        keys.len()
    );
}

fn seven_keys_roll_over(bench: &mut Bench) {
    let keys: Vec<Usage> = (0x04..0x0B).map(Usage::keyboard).collect();
    let code = |usage: &Usage| evdev_of_usage(*usage).unwrap();
    for &usage in &keys {
        bench.key(usage, true);
    }
    for usage in &keys[..6] {
        assert_eq!(bench.next_of(|bench| &mut bench.keyboard, EV_KEY), (code(usage), 1));
    }
    // The seventh is there once one of the others is gone.
    bench.key(keys[0], false);
    assert_eq!(bench.next_of(|bench| &mut bench.keyboard, EV_KEY), (code(&keys[0]), 0));
    assert_eq!(bench.next_of(|bench| &mut bench.keyboard, EV_KEY), (code(&keys[6]), 1));
    bench.seat.release_all();
    bench.settle();
    let mut released: Vec<u16> = (1..7)
        .map(|_| bench.next_of(|bench| &mut bench.keyboard, EV_KEY))
        .map(|(code, value)| {
            assert_eq!(value, 0);
            code
        })
        .collect();
    released.sort_unstable();
    let mut expected: Vec<u16> = keys[1..].iter().map(code).collect();
    expected.sort_unstable();
    assert_eq!(released, expected);
}

fn controls_arrive(bench: &mut Bench) {
    let of_page = |page| known_usages().filter(move |usage| usage.page == page);
    let mut arrived = 0;
    for usage in of_page(0x0C).chain(of_page(0x01)) {
        let Some(code) = evdev_of_usage(usage) else { continue };
        bench.key(usage, true);
        bench.key(usage, false);
        let device: fn(&mut Bench) -> &mut Device =
            if usage.page == 0x0C { |bench| &mut bench.consumer } else { |bench| &mut bench.system };
        for value in [1, 0] {
            assert_eq!(bench.next_of(device, EV_KEY), (code, value), "usage {usage}");
        }
        arrived += 1;
    }
    eprintln!("{arrived} consumer and system controls arrived");
}

fn positions_arrive(bench: &mut Bench) {
    for (x, y) in [(32767, 32766), (0, 1), (16384, 100), (1, 32767)] {
        bench.act(InputEvent::PointTo { x, y });
        assert_eq!(bench.next_of(|bench| &mut bench.pointer, EV_ABS), (ABS_X, i32::from(x)));
        assert_eq!(bench.next_of(|bench| &mut bench.pointer, EV_ABS), (ABS_Y, i32::from(y)));
    }
    for (button, code) in Button::ALL.into_iter().zip(BTN_LEFT..) {
        bench.act(InputEvent::Button { button, pressed: true });
        bench.act(InputEvent::Button { button, pressed: false });
        for value in [1, 0] {
            assert_eq!(bench.next_of(|bench| &mut bench.pointer, EV_KEY), (code, value), "{button:?}");
        }
    }
    let turn = InputEvent::Wheel { vertical: -3, horizontal: 2 };
    assert_eq!(bench.sums(turn, |bench| &mut bench.pointer, REL_WHEEL, REL_HWHEEL), (-3, 2));
    let turn = InputEvent::Wheel { vertical: 300, horizontal: -500 };
    assert_eq!(bench.sums(turn, |bench| &mut bench.pointer, REL_WHEEL, REL_HWHEEL), (300, -500));
}

fn motions_arrive(bench: &mut Bench) {
    for (dx, dy) in [(1, -1), (127, -127), (-128, 128), (5000, -3), (-32767, 20000)] {
        let way = InputEvent::MoveBy { dx, dy };
        assert_eq!(bench.sums(way, |bench| &mut bench.mouse, REL_X, REL_Y), (dx, dy));
    }
    for (button, code) in Button::ALL.into_iter().zip(BTN_LEFT..) {
        bench.act(InputEvent::Button { button, pressed: true });
        bench.act(InputEvent::Button { button, pressed: false });
        for value in [1, 0] {
            assert_eq!(bench.next_of(|bench| &mut bench.mouse, EV_KEY), (code, value), "{button:?}");
        }
    }
    let turn = InputEvent::Wheel { vertical: 129, horizontal: -1 };
    assert_eq!(bench.sums(turn, |bench| &mut bench.mouse, REL_WHEEL, REL_HWHEEL), (129, -1));
}

fn lights_come_back(bench: &mut Bench) {
    for lit in [0b00010, 0b00111, 0b11000, 0b11111, 0b00000_u8] {
        // LED_NUML, LED_CAPSL, LED_SCROLLL, LED_COMPOSE and LED_KANA are 0 to 4, as the bits of the report.
        for led in 0..5_u16 {
            bench.keyboard.send(EV_LED, led, i32::from(lit >> led & 1));
        }
        bench.until("the lights come back", |bench| bench.seat.leds().to_byte() == lit);
    }
}

fn presses_arrive_within_a_millisecond_or_so(bench: &mut Bench) {
    let usage = Usage::keyboard(0x04);
    let mut delays: Vec<Duration> = (0..200)
        .map(|stroke| {
            bench.settle();
            let start = Instant::now();
            bench.act_at_once(InputEvent::Key { usage, pressed: stroke % 2 == 0 });
            assert_eq!(bench.next_of(|bench| &mut bench.keyboard, EV_KEY), (30, (stroke + 1) % 2));
            start.elapsed()
        })
        .collect();
    delays.sort_unstable();
    eprintln!("from handle() to the evdev event: median {:?}, 99 % within {:?}", delays[100], delays[198]);
    assert!(delays[100] < Duration::from_millis(20), "a poll interval is 4 ms");
}

#[cfg(feature = "testing")]
fn sinks_keep_the_promises(manifest: &Manifest) {
    let mut keyboard = GadgetNode::open_keyboard("/dev/hidg0", keyboard_grant(manifest)).unwrap();
    kvm_hid::testing::check_sink(&mut keyboard);
    let mut pointer = GadgetNode::open_pointer("/dev/hidg1", pointer_grant(manifest)).unwrap();
    kvm_hid::testing::check_sink(&mut pointer);
}

/// Leaving, silence and dropping, each with a key and a button down.
fn leaving_releases(mut bench: Bench) -> Bench {
    let usage = Usage::keyboard(0x05);
    let hold = |bench: &mut Bench| {
        bench.key(usage, true);
        bench.act(InputEvent::PointTo { x: 5, y: 5 });
        bench.act(InputEvent::Button { button: Button::Left, pressed: true });
        assert_eq!(bench.next_of(|bench| &mut bench.keyboard, EV_KEY), (48, 1));
        assert_eq!(bench.next_of(|bench| &mut bench.pointer, EV_KEY), (BTN_LEFT, 1));
    };
    let expect_released = |bench: &mut Bench| {
        assert_eq!(bench.next_of(|bench| &mut bench.keyboard, EV_KEY), (48, 0));
        assert_eq!(bench.next_of(|bench| &mut bench.pointer, EV_KEY), (BTN_LEFT, 0));
    };

    hold(&mut bench);
    let start = Instant::now();
    bench.seat.leave(HOLDER);
    bench.settle();
    expect_released(&mut bench);
    eprintln!("a key came up {:?} after its holder left", start.elapsed());
    bench.seat.take(HOLDER, Instant::now());

    hold(&mut bench);
    let deadline = bench.seat.deadline().unwrap();
    bench.seat.poll(deadline).unwrap();
    bench.settle();
    expect_released(&mut bench);

    hold(&mut bench);
    assert!(bench.seat.wait_released(Duration::from_secs(1)).unwrap());
    expect_released(&mut bench);

    hold(&mut bench);
    // Dropping does not wait, so that the endpoint must have room.
    std::thread::sleep(Duration::from_millis(20));
    drop(std::mem::take(&mut bench.seat));
    expect_released(&mut bench);
    assert!(bench.ledger.in_use(Capability::Keyboard).is_empty(), "the grant is given back with the seat");
    bench.seat = seat(&bench.manifest, &bench.ledger);
    bench.seat.take(HOLDER, Instant::now());
    bench
}

fn rebinding_is_survived(gadget: &Gadget, bench: &mut Bench) {
    let usage = Usage::keyboard(0x06);
    bench.key(usage, true);
    assert_eq!(bench.next_of(|bench| &mut bench.keyboard, EV_KEY), (46, 1));

    gadget.unplug();
    bench.act_at_once(InputEvent::Key { usage: Usage::keyboard(0x07), pressed: true });
    bench.until("the seat sees that the gadget is unbound", |bench| {
        bench.seat.state().keyboard == Some(LinkState::Detached)
    });
    assert!(!bench.seat.is_holding(), "what was down is taken for released");
    let dropped =
        bench.seat.handle(HOLDER, InputEvent::Key { usage, pressed: true }, Instant::now()).unwrap();
    assert_eq!(dropped, Handled::Detached);

    gadget.plug();
    bench.open_devices();
    bench.until("the seat finds the gadget again", |bench| {
        bench.seat.state().keyboard == Some(LinkState::Ready) && bench.seat.is_idle()
    });
    bench.key(usage, true);
    assert_eq!(
        bench.next_of(|bench| &mut bench.keyboard, EV_KEY),
        (46, 1),
        "and nothing was pressed again before"
    );
    bench.key(usage, false);
    assert_eq!(bench.next_of(|bench| &mut bench.keyboard, EV_KEY), (46, 0));
}

/// With the host's driver away nobody fetches reports; the gadget stays configured.
fn a_host_that_does_not_poll_is_busy(mut bench: Bench) {
    let driver = Path::new("/sys/bus/usb/drivers/usbhid");
    let interface = fs::read_dir(driver).unwrap().map(|entry| entry.unwrap().file_name()).find(|name| {
        let protocol = driver.join(name).join("bInterfaceProtocol");
        fs::read_to_string(protocol).is_ok_and(|protocol| protocol.trim() == "01")
    });
    let interface = interface.unwrap();
    fs::write(driver.join("unbind"), interface.to_str().unwrap()).unwrap();

    for usage in (0x04..0x10).map(Usage::keyboard) {
        for pressed in [true, false] {
            let handled =
                bench.seat.handle(HOLDER, InputEvent::Key { usage, pressed }, Instant::now()).unwrap();
            assert_eq!(handled, Handled::Queued);
        }
    }
    bench.until("the seat sees that nobody polls", |bench| {
        bench.seat.state().keyboard == Some(LinkState::NotPolling)
    });
    assert!(!bench.seat.is_idle());
    assert!(!bench.seat.wait_released(Duration::from_millis(50)).unwrap());

    fs::write(driver.join("bind"), interface.to_str().unwrap()).unwrap();
    bench.until("the seat goes on", |bench| bench.seat.is_idle());
    assert_eq!(bench.seat.state().keyboard, Some(LinkState::Ready));
    bench.open_devices();
    bench.key(Usage::keyboard(0x1D), true);
    while bench.next_of(|bench| &mut bench.keyboard, EV_KEY) != (44, 1) {}
}

/// A seat with its nodes, and the kernel's devices that show what arrived.
struct Bench {
    seat: Seat,
    manifest: Manifest,
    ledger: Ledger,
    keyboard: Device,
    pointer: Device,
    consumer: Device,
    system: Device,
    mouse: Device,
}

impl Bench {
    fn assemble(gadget: &Gadget) -> Self {
        gadget.plug();
        let (manifest, ledger) = (manifest(), Ledger::new());
        wait_for("the gadget's nodes", || Path::new("/dev/hidg2").exists());
        let mut seat = seat(&manifest, &ledger);
        let used = seat.capabilities();
        assert!(used.contains(Capability::Keyboard) && used.contains(Capability::Pointer));
        assert_eq!(seat.readiness().count(), 3);
        seat.take(HOLDER, Instant::now());
        let [keyboard, pointer, consumer, system, mouse] = devices();
        let mut bench = Self { seat, manifest, ledger, keyboard, pointer, consumer, system, mouse };
        bench.settle();
        bench
    }

    fn open_devices(&mut self) {
        [self.keyboard, self.pointer, self.consumer, self.system, self.mouse] = devices();
    }

    fn key(&mut self, usage: Usage, pressed: bool) {
        self.act(InputEvent::Key { usage, pressed });
    }

    fn act(&mut self, event: InputEvent) {
        self.act_at_once(event);
        self.settle();
    }

    fn act_at_once(&mut self, event: InputEvent) {
        let handled = self.seat.handle(HOLDER, event, Instant::now()).unwrap();
        assert_eq!(handled, Handled::Queued);
    }

    /// The next event of a type, whatever else comes before it. The seat goes on meanwhile, since a report may
    /// still be on its way.
    fn next_of(&mut self, device: fn(&mut Self) -> &mut Device, kind: u16) -> (u16, i32) {
        let mut found = None;
        wait_for("the kernel reports an event", || {
            self.seat.poll(Instant::now()).unwrap();
            found = device(self).read_of(kind);
            found.is_some()
        });
        found.unwrap()
    }

    /// What a distance adds up to on two axes of a device. Read while it is sent, since the kernel keeps some
    /// dozens of events only.
    fn sums(
        &mut self,
        event: InputEvent,
        device: fn(&mut Self) -> &mut Device,
        along: u16,
        across: u16,
    ) -> (i32, i32) {
        self.act_at_once(event);
        let (mut sums, mut last) = ((0, 0), Instant::now());
        while !self.seat.is_idle() || last.elapsed() < Duration::from_millis(60) {
            self.seat.poll(Instant::now()).unwrap();
            while let Some((axis, value)) = device(self).read_of(EV_REL) {
                sums.0 += if axis == along { value } else { 0 };
                sums.1 += if axis == across { value } else { 0 };
                last = Instant::now();
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        sums
    }

    fn settle(&mut self) {
        self.until("everything is sent", |bench| bench.seat.is_idle());
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        wait_for(what, || {
            let now = Instant::now();
            self.seat.hear(HOLDER, now);
            self.seat.poll(now).unwrap();
            done(self)
        });
    }
}

fn seat(manifest: &Manifest, ledger: &Ledger) -> Seat {
    let keyboard = manifest.grant(ledger).unwrap();
    let pointer = manifest.grant(ledger).unwrap();
    let mouse = manifest.grant(ledger).unwrap();
    let keyboard = GadgetNode::open_keyboard("/dev/hidg0", keyboard).unwrap();
    assert_eq!((keyboard.interface(), keyboard.path()), (Interface::Keyboard, Path::new("/dev/hidg0")));
    let pointer = GadgetNode::open_pointer("/dev/hidg1", pointer).unwrap();
    let mouse = GadgetNode::open_mouse("/dev/hidg2", mouse).unwrap();
    Seat::new().with_sink(Box::new(keyboard)).with_sink(Box::new(pointer)).with_sink(Box::new(mouse))
}

fn manifest() -> Manifest {
    let nodes = || Scope::matching("/dev/hidg*", "the test makes its own gadget");
    Manifest::new("rig")
        .declare(Capability::Keyboard, nodes(), "types at itself")
        .unwrap()
        .declare(Capability::Pointer, nodes(), "points at itself")
        .unwrap()
}

fn keyboard_grant(manifest: &Manifest) -> Grant<kvm_audit::Keyboard> {
    manifest.grant(&Ledger::new()).unwrap()
}

#[cfg(feature = "testing")]
fn pointer_grant(manifest: &Manifest) -> Grant<kvm_audit::Pointer> {
    manifest.grant(&Ledger::new()).unwrap()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "waited in vain until {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A USB gadget in configfs with the three interfaces, in order. The rig forgets it.
struct Gadget {
    root: PathBuf,
}

impl Gadget {
    fn create() -> Self {
        let root = PathBuf::from("/sys/kernel/config/usb_gadget/kvm-hid-test");
        let write = |file: &str, content: &[u8]| {
            fs::write(root.join(file), content).unwrap_or_else(|error| panic!("{file}: {error}"));
        };
        for folder in ["", "strings/0x409", "configs/c.1", "configs/c.1/strings/0x409"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        write("idVendor", b"0x1d6b");
        write("idProduct", b"0x0104");
        write("strings/0x409/product", PRODUCT.as_bytes());
        for interface in Interface::ALL {
            let function = format!("functions/hid.{interface}");
            fs::create_dir(root.join(&function)).unwrap();
            write(&format!("{function}/subclass"), interface.subclass().to_string().as_bytes());
            write(&format!("{function}/protocol"), interface.protocol().to_string().as_bytes());
            write(&format!("{function}/report_length"), interface.report_len().to_string().as_bytes());
            write(&format!("{function}/report_desc"), interface.descriptor());
            let link = root.join(format!("configs/c.1/hid.{interface}"));
            std::os::unix::fs::symlink(root.join(&function), link).unwrap();
        }
        Self { root }
    }

    fn plug(&self) {
        fs::write(self.root.join("UDC"), "dummy_udc.0").unwrap();
    }

    fn unplug(&self) {
        fs::write(self.root.join("UDC"), "\n").unwrap();
    }
}

/// An input device of the kernel.
struct Device {
    file: File,
}

impl Device {
    fn expect_only_unknown_keys(&mut self) {
        std::thread::sleep(Duration::from_millis(30));
        while let Some((code, _)) = self.read_of(EV_KEY) {
            assert_eq!(code, KEY_UNKNOWN);
        }
    }

    fn read_of(&mut self, kind: u16) -> Option<(u16, i32)> {
        // struct input_event: two words of time, then type, code and value.
        let mut event = [0_u8; EVENT_LEN];
        loop {
            match self.file.read(&mut event) {
                Ok(len) => assert_eq!(len, EVENT_LEN),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("an input device cannot be read: {error}"),
            }
            let [.., t0, t1, c0, c1, v0, v1, v2, v3] = event;
            let value = i32::from_ne_bytes([v0, v1, v2, v3]);
            assert!((t0, c0) != (0, SYN_DROPPED), "the kernel kept more events than it has room for");
            // The kernel repeats held keys by itself (value 2), which nobody sent.
            if u16::from_ne_bytes([t0, t1]) == kind && !(kind == EV_KEY && value == 2) {
                return Some((u16::from_ne_bytes([c0, c1]), value));
            }
        }
    }

    fn send(&mut self, kind: u16, code: u16, value: i32) {
        for (kind, code, value) in [(kind, code, value), (EV_SYN, 0, 0)] {
            let mut event = [0_u8; EVENT_LEN];
            event[EVENT_LEN - 8..EVENT_LEN - 6].copy_from_slice(&kind.to_ne_bytes());
            event[EVENT_LEN - 6..EVENT_LEN - 4].copy_from_slice(&code.to_ne_bytes());
            event[EVENT_LEN - 4..].copy_from_slice(&value.to_ne_bytes());
            self.file.write_all(&event).unwrap();
        }
    }
}

/// The gadget's input devices: keyboard, absolute pointer, consumer control, system control, mouse.
///
/// The kernel makes one of each application collection, and names those beyond the first after it.
fn devices() -> [Device; 5] {
    let mut found = None;
    wait_for("the kernel has made its input devices", || {
        found = find_devices();
        found.is_some()
    });
    // What happened before is nobody's concern.
    found.unwrap().map(|path| {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd: OwnedFd = rustix::fs::open(&path, flags, Mode::empty()).unwrap();
        Device { file: File::from(fd) }
    })
}

fn find_devices() -> Option<[PathBuf; 5]> {
    struct Input {
        name: String,
        has_abs: bool,
        has_rel: bool,
        has_led: bool,
        node: PathBuf,
    }
    let mut inputs = Vec::new();
    for entry in fs::read_dir("/sys/class/input").ok()? {
        let path = entry.ok()?.path();
        let Ok(name) = fs::read_to_string(path.join("device/name")) else { continue };
        let node = Path::new("/dev/input").join(path.file_name()?);
        if name.contains(PRODUCT) && path.file_name()?.to_str()?.starts_with("event") && node.exists() {
            let has = |kind: &str| {
                let bits = fs::read_to_string(path.join("device/capabilities").join(kind)).ok()?;
                Some(bits.trim() != "0")
            };
            let (has_abs, has_rel, has_led) = (has("abs")?, has("rel")?, has("led")?);
            inputs.push(Input { name: name.trim().to_owned(), has_abs, has_rel, has_led, node });
        }
    }
    let find = |is_it: &dyn Fn(&Input) -> bool| {
        inputs.iter().find(|input| is_it(input)).map(|input| input.node.clone())
    };
    Some([
        find(&|input| input.has_led)?,
        find(&|input| input.has_abs && input.has_rel && !input.name.contains("Control"))?,
        find(&|input| input.name.ends_with("Consumer Control"))?,
        find(&|input| input.name.ends_with("System Control"))?,
        find(&|input| !input.has_abs && input.has_rel && !input.name.contains("Control"))?,
    ])
}

const HOLDER: Holder = Holder(1);
const PRODUCT: &str = "kvm-hid bench";

/// Two words of the machine for the time, two bytes each for type and code, four for the value.
const EVENT_LEN: usize = 2 * size_of::<usize>() + 8;

// linux/input-event-codes.h
const EV_SYN: u16 = 0x00;
const EV_KEY: u16 = 0x01;
const EV_REL: u16 = 0x02;
const EV_ABS: u16 = 0x03;
const EV_LED: u16 = 0x11;
const SYN_DROPPED: u8 = 3;
const REL_X: u16 = 0x00;
const REL_Y: u16 = 0x01;
const REL_HWHEEL: u16 = 0x06;
const REL_WHEEL: u16 = 0x08;
const ABS_X: u16 = 0x00;
const ABS_Y: u16 = 0x01;
const BTN_LEFT: u16 = 0x110;
const KEY_UNKNOWN: u16 = 240;
