//! The virtual target, through the same parts that a real target is reached by.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use kvm_capture::{Captured, FrameFormat, FrameSource, PixelFormat, SignalLoss};
use kvm_examples::virtual_target::{VirtualScreen, VirtualTarget};
use kvm_hid::{Button, Holder, InputEvent, Interface, Seat, Typist, Usage, usage_of_code};

const PERSON: Holder = Holder(1);

struct Bench {
    target: VirtualTarget,
    seat: Seat,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let target = VirtualTarget::new(1280, 720).unwrap();
        let seat = Interface::ALL
            .into_iter()
            .fold(Seat::new(), |seat, interface| seat.with_sink(Box::new(target.port(interface).unwrap())));
        let mut bench = Self { target, seat, now: Instant::now() };
        bench.seat.take(PERSON, bench.now);
        bench
    }

    fn send(&mut self, event: InputEvent) {
        self.seat.handle(PERSON, event, self.now).unwrap();
        self.seat.poll(self.now).unwrap();
    }

    fn press(&mut self, code: &str) {
        let usage = usage_of_code(code).unwrap();
        for pressed in [true, false] {
            self.send(InputEvent::Key { usage, pressed });
        }
    }

    fn type_text(&mut self, text: &str) {
        let mut typist = Typist::new(text).unwrap();
        while let Some(event) = typist.next_event() {
            self.send(event);
        }
    }

    fn point_at(&mut self, x: u32, y: u32) {
        // The middle of the pixel, in the pointer's 0..=32767.
        let unit =
            |pixel: u32, side: u32| u16::try_from((pixel * 2 + 1) * 32_767 / (2 * (side - 1))).unwrap();
        self.send(InputEvent::PointTo { x: unit(x, 1280), y: unit(y, 720) });
    }

    fn button(&mut self, pressed: bool) {
        self.send(InputEvent::Button { button: Button::Left, pressed });
    }

    fn has(&self, text: &str) -> bool {
        self.target.text().contains(text)
    }
}

fn next(screen: &mut VirtualScreen) -> Captured {
    let start = Instant::now();
    loop {
        if let Some(captured) = screen.poll_capture().unwrap() {
            return captured;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "the screen says nothing");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_menu_is_driven_by_arrow_keys_and_the_console_echoes() {
    let mut bench = Bench::new();
    assert!(bench.has("> Start console"));
    bench.press("ArrowDown");
    assert!(bench.has("> Start desktop"));
    bench.press("ArrowUp");
    bench.press("Enter");
    let printable: String = (' '..='~').collect();
    bench.type_text(&format!("echo {printable}\n"));
    assert!(bench.has(&format!("target:~$ echo {printable}\n{printable}\n")), "{}", bench.target.text());
    bench.type_text("nonsense\n");
    assert!(bench.has("nonsense: no such command"));
}

#[test]
fn the_desktop_is_clicked_dragged_and_scrolled() {
    let mut bench = Bench::new();
    bench.press("ArrowDown");
    bench.press("Enter");
    bench.point_at(60, 80);
    assert!(bench.has("pointer 60,80"), "{}", bench.target.text());
    for pressed in [true, false, true, false] {
        bench.button(pressed);
    }
    assert!(bench.has("Clicked 2"));
    bench.point_at(370, 70);
    bench.button(true);
    bench.point_at(470, 270);
    assert!(bench.has("box at 460,260 held"), "{}", bench.target.text());
    bench.button(false);
    bench.send(InputEvent::Wheel { vertical: -3, horizontal: 2 });
    bench.send(InputEvent::MoveBy { dx: -300, dy: 200 });
    assert!(bench.has("wheel -3,2"));
    assert!(bench.has("pointer 170,470"), "{}", bench.target.text());
}

#[test]
fn locks_light_the_leds_and_ctrl_alt_del_restarts() {
    let mut bench = Bench::new();
    bench.press("Enter");
    bench.press("CapsLock");
    bench.type_text("echo aB\n");
    assert!(bench.has("ECHO Ab"));
    bench.seat.poll(bench.now).unwrap();
    assert!(bench.seat.leds().caps && !bench.seat.leds().num);
    for pressed in [true, false] {
        for code in ["ControlLeft", "AltLeft", "Delete"] {
            bench.send(InputEvent::Key { usage: usage_of_code(code).unwrap(), pressed });
        }
    }
    assert!(bench.has("firmware"));
    assert!(bench.target.host().keys_down().is_empty());
}

#[test]
fn the_screen_sleeps_wakes_and_changes_its_size() {
    let mut bench = Bench::new();
    let mut screen = bench.target.screen();
    let format = FrameFormat::new(PixelFormat::Bgrx, 1280, 720);
    assert!(matches!(next(&mut screen), Captured::SignalChanged(changed) if changed == format));
    let Captured::Frame(first) = next(&mut screen) else { panic!("no frame") };
    let Captured::Frame(second) = next(&mut screen) else { panic!("no frame") };
    assert!(second.timestamp() > first.timestamp() && second.sequence() == first.sequence() + 1);

    bench.press("Enter");
    bench.type_text("sleep\n");
    assert!(matches!(next(&mut screen), Captured::SignalLost(SignalLoss::NoCable)));
    assert!(screen.poll_capture().unwrap().is_none(), "a loss is said once");
    bench.press("ShiftLeft");
    assert!(matches!(next(&mut screen), Captured::SignalChanged(_)));
    bench.type_text("mode 800x600\n");
    let resized = std::iter::repeat_with(|| next(&mut screen))
        .take(5)
        .any(|captured| matches!(captured, Captured::SignalChanged(format) if format.width_px == 800));
    assert!(resized);
    bench.send(InputEvent::Key { usage: Usage::keyboard(0x04), pressed: true });
    drop(bench.seat);
    assert!(bench.target.host().keys_down().is_empty());
}
