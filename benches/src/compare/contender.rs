//! Those that are measured beside each other.

use std::time::Duration;

use kvm_benches::quality::{Quality, Screen};
use kvm_capture::{Frame, FrameFormat, ImageView};
use rustix::time::{ClockId, clock_gettime};

use crate::Source;
use crate::record::{Record, Sent};
use crate::table::Row;

/// Whatever ends a comparison.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Somebody who is given every frame and says what would be sent for it.
pub(crate) trait Contender {
    /// What has to be done before the clock starts, for contenders that stand for something else than a sender.
    fn prepare(&mut self, _frame: &Frame) {}

    /// Brings the frame into the form that the contender takes, which is timed apart.
    fn convert(&mut self, _frame: &Frame) -> Result<(), Failure> {
        Ok(())
    }

    /// Codes the frame.
    fn code(&mut self, frame: &Frame) -> Result<(), Failure>;

    /// What would be sent for the last frame.
    fn messages(&self) -> Vec<&[u8]> {
        Vec::new()
    }

    /// What the contender says that decoders show now, to the bit.
    fn promised(&self) -> Option<ImageView<'_>> {
        None
    }
}

/// Somebody who gets the messages and shows a picture.
pub(crate) trait Viewer {
    /// Takes one message.
    fn take(&mut self, message: &[u8], screen: &mut Screen) -> Result<(), Failure>;

    /// Whether what was decoded last is this picture.
    fn shows(&self, _: &ImageView<'_>) -> bool {
        false
    }
}

/// A contender, and how it fares.
pub(crate) struct Entrant {
    name: &'static str,
    contender: Box<dyn Contender>,
    /// `None` for those who send nothing.
    shown: Option<Shown>,
    record: Record,
}

struct Shown {
    viewer: Box<dyn Viewer>,
    screen: Screen,
    quality: Option<Quality>,
}

/// Everybody who takes part.
pub(crate) fn entrants(format: FrameFormat) -> Result<Vec<Entrant>, Failure> {
    let mut entrants = crate::ours::entrants(format)?;
    entrants.extend(crate::jpeg_peers::entrants(format)?);
    entrants.extend(crate::video_peers::entrants(format)?);
    Ok(entrants)
}

impl Entrant {
    /// One who sends nothing: a scale for the others.
    pub(crate) fn silent(name: &'static str, contender: impl Contender + 'static) -> Self {
        Self { name, contender: Box::new(contender), shown: None, record: Record::default() }
    }

    /// One whose messages are shown by this viewer.
    pub(crate) fn new(
        name: &'static str,
        format: FrameFormat,
        contender: impl Contender + 'static,
        viewer: impl Viewer + 'static,
    ) -> Self {
        let screen = Screen::new(format.width_px as usize, format.height_px as usize);
        let shown = Shown { viewer: Box::new(viewer), screen, quality: None };
        Self { shown: Some(shown), ..Self::silent(name, contender) }
    }

    pub(crate) fn name(&self) -> &str {
        self.name
    }

    /// Gives the next frame to the contender, and times it.
    pub(crate) fn run(&mut self, frame: &Frame) -> Result<(), Failure> {
        self.contender.prepare(frame);
        let start = thread_time();
        self.contender.convert(frame).map_err(|failure| format!("{}: {failure}", self.name))?;
        let converted = thread_time();
        self.contender.code(frame).map_err(|failure| format!("{}: {failure}", self.name))?;
        let end = thread_time();
        let bytes = self.contender.messages().iter().map(|message| message.len()).sum();
        self.record.sent.push(Sent {
            bytes,
            conversion: converted.saturating_sub(start),
            coding: end.saturating_sub(converted),
        });
        Ok(())
    }

    /// Shows what the contender sent, and holds it against the frame.
    pub(crate) fn check(&mut self, source: &mut Source) -> Result<(), Failure> {
        let Some(shown) = &mut self.shown else { return Ok(()) };
        let messages = self.contender.messages();
        for message in &messages {
            shown
                .viewer
                .take(message, &mut shown.screen)
                .map_err(|failure| format!("{} sent what cannot be shown: {failure}", self.name))?;
        }
        if !messages.is_empty()
            && self.contender.promised().is_some_and(|picture| !shown.viewer.shows(&picture))
        {
            return Err(format!("{} promised another picture than is decoded", self.name).into());
        }
        let quality = match shown.quality {
            Some(quality) if messages.is_empty() && source.is_repeated => quality,
            _ => source.judge(&shown.screen),
        };
        if quality.luma_error > WORST_ERROR {
            let number = self.record.quality.len();
            return Err(format!(
                "{}: frame {number} does not show what was captured: {quality:?}",
                self.name
            )
            .into());
        }
        shown.quality = Some(quality);
        self.record.quality.push(quality);
        Ok(())
    }

    pub(crate) fn row(&self) -> Row {
        self.record.row(self.name)
    }

    pub(crate) fn print_frames(&self) {
        self.record.print(self.name);
    }
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Mean squared error of luma from which on it is another picture: a PSNR of 22 dB.
const WORST_ERROR: f64 = 410.0;
