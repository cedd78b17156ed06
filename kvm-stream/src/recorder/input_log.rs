//! Seconds in which input was made, until they are written.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::InputClass;
use crate::mp4::{InputTally, QUIET, Sample};

/// Input by class and second of the recording.
#[derive(Debug, Default)]
pub(super) struct InputLog {
    // INVARIANT: in order, each second once, none of them written.
    seconds: VecDeque<(u64, InputTally)>,
    // The tick at which what is written ends.
    written_until: u64,
}

impl InputLog {
    /// Counts input of a class at this tick. What comes too late for its second counts in the next that is open.
    pub(super) fn note(&mut self, class: InputClass, count: u32, tick: u64) {
        if count == 0 {
            return;
        }
        let is_full = self.seconds.len() >= MAX_SECONDS;
        let open = self.written_until.div_ceil(SECOND);
        let newest = self.seconds.back().map_or(open, |(second, _)| *second);
        let second = (tick / SECOND).max(newest);
        match self.seconds.back_mut() {
            Some((open, tally)) if *open == second || is_full => tally.add(class, count),
            _ => {
                let mut tally = InputTally::default();
                tally.add(class, count);
                self.seconds.push_back((second, tally));
            }
        }
    }

    /// Whether a second with input is over at this tick.
    pub(super) fn is_due(&self, tick: u64) -> bool {
        self.seconds.front().is_some_and(|(second, _)| end_of(*second) <= tick)
    }

    /// Takes seconds that are over at a tick: where they start, and a sample each, the last of which does not outlast
    /// `end`. Before a second stands what fills the time since the one before. `None` if there are none, or none any more.
    pub(super) fn take_due(&mut self, tick: u64, end: u64) -> Option<(u64, Vec<Sample>)> {
        let start = self.written_until;
        let mut samples = Vec::new();
        while self.is_due(tick) {
            let (second, _) = *self.seconds.front()?;
            let from = second.saturating_mul(SECOND);
            if let Some(gap) = from.checked_sub(self.written_until).filter(|gap| *gap > 0) {
                self.written_until = from;
                let (payload, is_sync) = (Bytes::from_static(QUIET), true);
                let Ok(duration) = u32::try_from(gap) else {
                    // What follows starts a fragment of its own, whose time prolongs this (section 8.8.12).
                    samples.push(Sample { payload, duration: u32::MAX, is_sync });
                    break;
                };
                samples.push(Sample { payload, duration, is_sync });
            }
            let (_, tally) = self.seconds.pop_front()?;
            let duration = ticks_until(from, end);
            samples.push(Sample { payload: tally.to_text().into(), duration, is_sync: true });
            self.written_until = from.saturating_add(duration.into());
        }
        (!samples.is_empty()).then_some((start, samples))
    }
}

/// How long the input of a second lasts that may be cut short by the end.
fn ticks_until(from: u64, end: u64) -> u32 {
    u32::try_from(end.saturating_sub(from)).map_or(SECOND_TICKS, |left| left.clamp(1, SECOND_TICKS))
}

fn end_of(second: u64) -> u64 {
    second.saturating_add(1).saturating_mul(SECOND)
}

/// Ticks of a second.
const SECOND_TICKS: u32 = crate::mp4::TIMESCALE;
const SECOND: u64 = SECOND_TICKS as u64;
/// Seconds with input that wait to be written. More than an hour of them without a flush counts as one.
const MAX_SECONDS: usize = 4096;
