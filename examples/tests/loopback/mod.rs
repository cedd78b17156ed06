//! A USB gadget whose host is this very kernel: what a server writes to `/dev/hidgN` comes out of
//! `/dev/input/eventN`, by way of f_hid, dummy_udc, dummy_hcd and usbhid.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may panic as the test may")]

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kvm_hid::Interface;
use rustix::fs::{Mode, OFlags};

use crate::client::until;

/// A gadget in configfs with one function for each interface, in order: `/dev/hidg0` is the keyboard.
pub(crate) struct Gadget {
    root: PathBuf,
}

impl Gadget {
    pub(crate) fn create() -> Self {
        let root = PathBuf::from("/sys/kernel/config/usb_gadget").join(PRODUCT);
        let write = |file: String, content: &[u8]| {
            fs::write(root.join(&file), content).unwrap_or_else(|error| panic!("{file}: {error}"));
        };
        for folder in ["", "strings/0x409", "configs/c.1"] {
            fs::create_dir(root.join(folder)).unwrap();
        }
        write("strings/0x409/product".to_owned(), PRODUCT.as_bytes());
        for interface in Interface::ALL {
            let function = format!("functions/hid.{interface}");
            fs::create_dir(root.join(&function)).unwrap();
            write(format!("{function}/subclass"), interface.subclass().to_string().as_bytes());
            write(format!("{function}/protocol"), interface.protocol().to_string().as_bytes());
            write(format!("{function}/report_length"), interface.report_len().to_string().as_bytes());
            write(format!("{function}/report_desc"), interface.descriptor());
            let link = root.join(format!("configs/c.1/hid.{interface}"));
            std::os::unix::fs::symlink(root.join(&function), link).unwrap();
        }
        Self { root }
    }

    /// Plugs it in, and waits for the host's devices.
    pub(crate) fn plug(&self) -> Host {
        fs::write(self.root.join("UDC"), "dummy_udc.0").unwrap();
        let mut host = None;
        until("the host has made its input devices", || {
            host = Host::find();
            host.is_some() && Path::new("/dev/hidg2").exists()
        });
        host.unwrap()
    }

    pub(crate) fn unplug(&self) {
        fs::write(self.root.join("UDC"), "\n").unwrap();
    }
}

/// The input devices that the host's driver made of the gadget.
pub(crate) struct Host {
    pub(crate) keyboard: Device,
    pub(crate) pointer: Device,
    pub(crate) consumer: Device,
    pub(crate) mouse: Device,
}

impl Host {
    fn find() -> Option<Self> {
        let mut inputs = Vec::new();
        for entry in fs::read_dir("/sys/class/input").ok()?.flatten() {
            let path = entry.path();
            let name = fs::read_to_string(path.join("device/name")).unwrap_or_default();
            if entry.file_name().to_string_lossy().starts_with("event") && name.contains(PRODUCT) {
                let bits = |kind: &str| fs::read_to_string(path.join("device/capabilities").join(kind)).ok();
                let has = |kind: &str| Some(bits(kind)?.trim() != "0");
                let controls = if name.contains("Consumer") { 2 } else { u8::from(name.contains("Control")) };
                inputs.push((
                    controls,
                    has("led")?,
                    has("abs")?,
                    Path::new("/dev/input").join(entry.file_name()),
                ));
            }
        }
        let open = |is_it: &dyn Fn(u8, bool, bool) -> bool| {
            let (_, _, _, node) =
                inputs.iter().find(|(controls, led, abs, _)| is_it(*controls, *led, *abs))?;
            Device::open(node)
        };
        Some(Self {
            keyboard: open(&|controls, led, _| controls == 0 && led)?,
            pointer: open(&|controls, _, abs| controls == 0 && abs)?,
            consumer: open(&|controls, _, _| controls == 2)?,
            mouse: open(&|controls, led, abs| controls == 0 && !led && !abs)?,
        })
    }
}

/// One input device of the kernel.
pub(crate) struct Device {
    file: File,
}

/// What the kernel reports, and when, by the time of day.
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) code: u16,
    pub(crate) value: i32,
}

impl Device {
    fn open(node: &Path) -> Option<Self> {
        let fd =
            rustix::fs::open(node, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some(Self { file: File::from(fd) })
    }

    /// The next event of this kind; what the kernel repeats by itself is left out.
    pub(crate) fn next(&mut self, kind: u16) -> Event {
        let mut found = None;
        until("the kernel reports an event", || {
            found = self.read(kind);
            found.is_some()
        });
        found.unwrap()
    }

    /// Expects this to be the next event of its kind.
    pub(crate) fn expect(&mut self, kind: u16, code: u16, value: i32) {
        let event = self.next(kind);
        assert_eq!((event.code, event.value), (code, value));
    }

    /// Reports an event to the driver, as a console does that switches a light.
    pub(crate) fn report(&mut self, kind: u16, code: u16, value: i32) {
        let event = [&[0; TIME][..], &kind.to_ne_bytes(), &code.to_ne_bytes(), &value.to_ne_bytes()].concat();
        self.file.write_all(&event).unwrap();
        self.file.write_all(&[0; TIME + 8]).unwrap();
    }

    fn read(&mut self, kind: u16) -> Option<Event> {
        // struct input_event of linux/input.h: seconds and microseconds in a word each, type, code, value.
        let mut bytes = [0; TIME + 8];
        loop {
            match self.file.read(&mut bytes) {
                Ok(read) => assert_eq!(read, bytes.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("the device cannot be read: {error}"),
            }
            let word = |at: usize| usize::from_ne_bytes(bytes[at..at + TIME / 2].try_into().unwrap()) as u64;
            let short = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
            let value = i32::from_ne_bytes(bytes[TIME + 4..].try_into().unwrap());
            if short(TIME) == kind && !(kind == EV_KEY && value == REPEATED) {
                let at = Duration::from_secs(word(0)) + Duration::from_micros(word(TIME / 2));
                return Some(Event { at, code: short(TIME + 2), value });
            }
        }
    }
}

const PRODUCT: &str = "kvm-server-bench";
const TIME: usize = 2 * size_of::<usize>();
const REPEATED: i32 = 2;

// linux/input-event-codes.h
pub(crate) const EV_KEY: u16 = 0x01;
pub(crate) const EV_REL: u16 = 0x02;
pub(crate) const EV_ABS: u16 = 0x03;
pub(crate) const EV_LED: u16 = 0x11;
