//! The picture thread: takes frames, finds what changed and shows it to everybody.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use kvm_capture::canvas::Canvas;
use kvm_capture::{CaptureError, Captured, Colour, Frame, FrameSource, PixelFormat, SignalLoss};
use kvm_examples::inbox::{Inbox, Outbox, WokenBy, inbox};
use kvm_examples::report::{chain, complain};
use kvm_examples::virtual_target::VirtualTarget;
use kvm_stream::TileDiff;
use rustix::event::PollFlags;

use crate::audience::Audience;
use crate::parts::TargetText;

/// The running thread.
#[derive(Debug)]
pub(crate) struct Picture {
    stop: Outbox<()>,
    thread: JoinHandle<()>,
}

impl Picture {
    /// Starts the thread.
    pub(crate) fn start(
        source: Box<dyn FrameSource>,
        audience: Audience,
        text: Option<TargetText>,
    ) -> io::Result<Self> {
        let (stop, inbox) = inbox()?;
        let projection = Projection { source, audience, text, diff: TileDiff::new(), complaint: None };
        let thread =
            thread::Builder::new().name("picture".to_owned()).spawn(move || projection.run(&inbox))?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread and waits until the source is closed. Answers whether it ended well.
    pub(crate) fn wait_end(self) -> bool {
        self.stop.send(());
        self.thread.join().is_ok()
    }
}

/// The thread's own state.
#[derive(Debug)]
struct Projection {
    source: Box<dyn FrameSource>,
    audience: Audience,
    text: Option<TargetText>,
    diff: TileDiff,
    complaint: Option<String>,
}

impl Projection {
    fn run(mut self, inbox: &Inbox<()>) {
        let mut is_ready_in_vain = false;
        while inbox.next().is_none() {
            let rest = match self.source.poll_capture() {
                Ok(Some(captured)) => {
                    self.see(captured);
                    is_ready_in_vain = false;
                    continue;
                }
                Ok(None) => POLL,
                Err(error) => {
                    self.fail(&error);
                    AFTER_FAILURE
                }
            };
            if let Some(text) = &mut self.text {
                text.write();
            }
            let woken = match self.source.readiness() {
                Some(source) if rest == POLL && !is_ready_in_vain => {
                    inbox.wait([(source, PollFlags::IN | PollFlags::PRI)], Some(SECOND))
                }
                _ => inbox.wait([], Some(rest)),
            };
            match woken {
                // A source that says "ready" and has nothing would have this thread spin.
                Ok(WokenBy::Device | WokenBy::BrokenDevice) => is_ready_in_vain = !is_ready_in_vain,
                Ok(WokenBy::Time | WokenBy::Command) => is_ready_in_vain = false,
                Err(error) => {
                    complain("waiting for frames", error);
                    thread::sleep(AFTER_FAILURE);
                }
            }
        }
    }

    fn see(&mut self, captured: Captured) {
        match captured {
            Captured::Frame(frame) => {
                self.complaint = None;
                let damage = if self.audience.is_empty() {
                    // Whoever comes gets everything, whatever changed until then.
                    self.diff.hold(frame.clone());
                    kvm_stream::Damage::NONE
                } else {
                    self.diff.compare(frame.clone())
                };
                self.audience.show(&frame, &damage);
            }
            Captured::SignalLost(loss) => self.lose(loss),
            _ => {}
        }
    }

    fn fail(&mut self, error: &CaptureError) {
        let text = chain(error);
        if self.complaint.as_ref() != Some(&text) {
            complain("picture", &text);
            self.complaint = Some(text);
            self.lose(SignalLoss::Stalled);
        }
    }

    fn lose(&mut self, loss: SignalLoss) {
        let size = self.audience.size_px().unwrap_or(SIGN_PX);
        // The buffer goes back to the driver, and what comes next is new all over.
        self.diff.forget();
        if let Some(sign) = sign(loss, size) {
            self.audience.show_loss(loss, sign);
        }
    }
}

/// A picture that says why there is none.
fn sign(loss: SignalLoss, (width_px, height_px): (u32, u32)) -> Option<Frame> {
    let mut canvas = Canvas::new(width_px, height_px).ok()?;
    canvas.fill(0, 0, width_px, height_px, PAPER);
    let middle = i32::try_from(height_px / 2).ok()?;
    for (line, text) in [loss.to_string().as_str(), loss.advice()].into_iter().enumerate() {
        let text_px = u32::try_from(text.len()).ok()? * Canvas::CHAR_WIDTH_PX;
        let x = i32::try_from(width_px.saturating_sub(text_px) / 2).ok()?;
        canvas.text(x, middle + i32::try_from(line).ok()? * 2 * LINE_PX, text, INK, None);
    }
    Some(canvas.to_frame(PixelFormat::Bgrx, Colour::RGB))
}

/// Writes the virtual target's text to a file when it changes.
impl TargetText {
    fn write(&mut self) {
        let text = VirtualTarget::text(&self.target);
        if self.written.as_ref() != Some(&text) {
            // Whole or not at all, for those who read it meanwhile.
            let next = self.path.with_extension("next");
            let written = std::fs::write(&next, &text).and_then(|()| std::fs::rename(&next, &self.path));
            if let Err(error) = written {
                complain("the target's text", error);
            }
            self.written = Some(text);
        }
    }
}

/// How soon a source is asked again that has no descriptor to wait on.
const POLL: Duration = Duration::from_millis(4);
const SECOND: Duration = Duration::from_secs(1);
/// How soon is gone on after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// The size of a sign if no picture was ever there.
const SIGN_PX: (u32, u32) = (640, 480);
const PAPER: kvm_capture::canvas::Rgb = [0x30, 0x30, 0x38];
const INK: kvm_capture::canvas::Rgb = [0xE0, 0xE0, 0xE0];
const LINE_PX: i32 = 16;
