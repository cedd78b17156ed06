//! The first screen: a menu as firmware has it, driven by arrow keys.

use kvm_capture::canvas::{Canvas, Rgb};

use super::layout::Key;
use super::machine::Request;

const PAPER: Rgb = [18, 32, 74];
const BAR: Rgb = [168, 176, 190];
const INK: Rgb = [214, 218, 226];
const DIM: Rgb = [134, 146, 176];
const CHOSEN: Rgb = [250, 214, 92];

const TITLE: &str = "Virtual target firmware setup";
const HELP: &str = "↑ ↓ choose    Enter start    Ctrl+Alt+Del restart";

/// The menu: what is chosen, and nothing else.
pub(super) struct Firmware {
    chosen: usize,
}

/// An entry, what it says about itself, and what it does.
const MENU: [(&str, &str, Request); 4] = [
    ("Start console", "A text console that echoes what is typed", Request::StartConsole),
    ("Start desktop", "A pointer, buttons, a wheel counter, a box to drag", Request::StartDesktop),
    ("Sleep", "Turns the screen off until a key is pressed", Request::Sleep),
    ("Restart", "Comes back here", Request::Restart),
];

impl Firmware {
    pub(super) fn new() -> Self {
        Self { chosen: 0 }
    }

    pub(super) fn key(&mut self, key: Key) -> Request {
        match key {
            Key::Up => self.chosen = self.chosen.saturating_sub(1),
            Key::Down => self.chosen = (self.chosen + 1).min(MENU.len() - 1),
            Key::Enter => return MENU[self.chosen].2,
            _ => {}
        }
        Request::Nothing
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{TITLE}\n");
        for (index, (entry, about, _)) in MENU.iter().enumerate() {
            let mark = if index == self.chosen { '>' } else { ' ' };
            text.push_str(&format!("{mark} {entry}: {about}\n"));
        }
        text + HELP + "\n"
    }

    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let (width, height) = (canvas.width_px(), canvas.height_px());
        let row = |line: u32| i32::try_from(line * Canvas::CHAR_HEIGHT_PX).unwrap_or(0);
        let bottom = height / Canvas::CHAR_HEIGHT_PX - 1;
        canvas.fill(0, 0, width, height, PAPER);
        canvas.fill(0, 0, width, Canvas::CHAR_HEIGHT_PX, BAR);
        canvas.text(8, 0, TITLE, PAPER, None);
        canvas.fill(0, row(bottom), width, Canvas::CHAR_HEIGHT_PX, BAR);
        canvas.text(8, row(bottom), HELP, PAPER, None);
        canvas.text(16, row(2), "Memory    64 MiB  (simulated)", DIM, None);
        canvas.text(16, row(3), "Keyboard  as its report descriptor says", DIM, None);
        canvas.text(16, row(4), "Pointer   as its report descriptor says", DIM, None);
        for ((index, (entry, about, _)), line) in MENU.iter().enumerate().zip((6..).step_by(2)) {
            let (ink, paper) = if index == self.chosen { (PAPER, CHOSEN) } else { (INK, PAPER) };
            canvas.fill(12, row(line) - 2, 20 * Canvas::CHAR_WIDTH_PX, Canvas::CHAR_HEIGHT_PX + 4, paper);
            canvas.text(16, row(line), entry, ink, None);
            canvas.text(200, row(line), about, DIM, None);
        }
    }
}
