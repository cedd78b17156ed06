//! A text console: what is typed is echoed, a few commands are answered.

use std::collections::VecDeque;

use kvm_capture::canvas::{Canvas, Rgb};

use super::layout::Key;
use super::machine::Request;

const PAPER: Rgb = [14, 16, 20];
const INK: Rgb = [206, 210, 214];
const PROMPT_INK: Rgb = [122, 200, 140];
const PROMPT: &str = "target:~$ ";
const CURSOR: &str = "█";

/// Lines kept: more than the tallest screen shows.
const LINES_KEPT: usize = 1100;
/// Characters a line may have.
const LINE_LIMIT: usize = 4096;

const HELP: [&str; 9] = [
    "help          this text",
    "echo TEXT     says TEXT",
    "clear         empties the screen (Ctrl+L too)",
    "mode WxH      changes the resolution, such as mode 1024x768",
    "sleep         turns the screen off until a key is pressed",
    "desktop       starts the desktop",
    "menu          goes back to the firmware's menu",
    "fill          fills the screen with text",
    "Up            brings the last command back",
];

/// What was written, and the line that is being typed.
pub(super) struct Console {
    lines: VecDeque<String>,
    line: String,
    last_command: String,
}

impl Console {
    pub(super) fn new() -> Self {
        let lines = ["Virtual target console. Type help.".to_owned(), String::new()];
        Self { lines: lines.into(), line: String::new(), last_command: String::new() }
    }

    pub(super) fn key(&mut self, key: Key, control: bool) -> Request {
        match key {
            Key::Character('c') if control => {
                self.write(format!("{PROMPT}{}^C", self.line));
                self.line.clear();
            }
            Key::Character('l') if control => self.lines.clear(),
            Key::Character(_) if control => {}
            Key::Character(character) => {
                if self.line.len() < LINE_LIMIT {
                    self.line.push(if character == '\t' { ' ' } else { character });
                }
            }
            Key::Backspace => {
                self.line.pop();
            }
            Key::Up => self.line.clone_from(&self.last_command),
            Key::Enter => return self.enter(),
            Key::Escape | Key::Down | Key::Left | Key::Right | Key::Other => {}
        }
        Request::Nothing
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text + PROMPT + &self.line + "\n"
    }

    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let columns = (canvas.width_px() / Canvas::CHAR_WIDTH_PX) as usize;
        let rows = (canvas.height_px() / Canvas::CHAR_HEIGHT_PX) as usize;
        canvas.fill(0, 0, canvas.width_px(), canvas.height_px(), PAPER);
        let typed = format!("{PROMPT}{}{CURSOR}", self.line);
        let wrapped: Vec<(String, bool)> = self
            .lines
            .iter()
            .chain([&typed])
            .flat_map(|line| wrap(line, columns).map(|part| (part, line.starts_with(PROMPT))))
            .collect();
        let first = wrapped.len().saturating_sub(rows);
        for ((line, is_prompt), top) in wrapped[first..].iter().zip((0..).step_by(16)) {
            canvas.text(0, top, line, INK, None);
            if *is_prompt && line.starts_with(PROMPT) {
                canvas.text(0, top, PROMPT, PROMPT_INK, None);
            }
        }
    }

    fn enter(&mut self) -> Request {
        let line = std::mem::take(&mut self.line);
        self.write(format!("{PROMPT}{line}"));
        if !line.trim().is_empty() {
            self.last_command.clone_from(&line);
        }
        let (command, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match command {
            "" => {}
            "help" => HELP.into_iter().for_each(|line| self.write(line.to_owned())),
            "echo" => self.write(rest.to_owned()),
            "clear" => self.lines.clear(),
            "fill" => (1..=200).for_each(|number| self.write(format!("{number:>4}  {FILLER}"))),
            "mode" => match size(rest) {
                Some((width, height)) => return Request::Resize(width, height),
                None => self.write("mode: sizes are 320x200 to 3840x2160, such as 1024x768".to_owned()),
            },
            "sleep" => return Request::Sleep,
            "desktop" => return Request::StartDesktop,
            "menu" => return Request::Restart,
            _ => self.write(format!("{command}: no such command; try help")),
        }
        Request::Nothing
    }

    fn write(&mut self, line: String) {
        if self.lines.len() == LINES_KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// A line in pieces of so many characters; one empty piece for an empty line.
fn wrap(line: &str, columns: usize) -> impl Iterator<Item = String> {
    let characters: Vec<char> = line.chars().collect();
    let pieces = characters.len().div_ceil(columns).max(1);
    (0..pieces).map(move |piece| characters.iter().skip(piece * columns).take(columns).collect())
}

fn size(words: &str) -> Option<(u32, u32)> {
    let (width, height) = words.trim().split_once('x')?;
    let (width, height) = (width.parse().ok()?, height.parse().ok()?);
    ((320..=3840).contains(&width) && (200..=2160).contains(&height)).then_some((width, height))
}

const FILLER: &str = "the quick brown fox jumps over the lazy dog, 0123456789 times";
