//! When to send an empty packet behind a picture.

use std::time::{Duration, Instant};

/// Says when an empty packet is due behind the last picture.
///
/// A peer notices a loss by the gap before the next packet. Behind the last picture for a while there is none, so that
/// a loss at its end would show only when the screen changes again. Empty packets show it: often at first, and for as
/// long as a line may be silent.
#[derive(Debug, Default)]
pub(super) struct Tail {
    ended_at: Option<Instant>,
    sent: usize,
}

impl Tail {
    /// A picture ended with a packet of this moment.
    pub(super) fn restart(&mut self, now: Instant) {
        *self = Self { ended_at: Some(now), sent: 0 };
    }

    /// Whether the last picture ended so long ago.
    pub(super) fn is_past(&self, time: Duration, now: Instant) -> bool {
        self.ended_at.is_some_and(|at| now.saturating_duration_since(at) >= time)
    }

    /// When the next one is due, if there is one.
    pub(super) fn due_at(&self) -> Option<Instant> {
        Some(self.ended_at? + *PAUSES.get(self.sent)?)
    }

    /// Whether all that follows a picture was sent, or there was none.
    pub(super) fn is_over(&self) -> bool {
        self.due_at().is_none()
    }

    /// Whether one is due, which then counts as sent.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let is_due = self.due_at().is_some_and(|at| now >= at);
        self.sent += usize::from(is_due);
        is_due
    }
}

/// After the end of a picture. At first no two are further apart than what a viewer does not notice.
const PAUSES: [Duration; 16] = {
    let after = Duration::from_millis;
    [
        after(10),
        after(30),
        after(60),
        after(90),
        after(120),
        after(150),
        after(180),
        after(210),
        after(250),
        after(300),
        after(350),
        after(400),
        after(500),
        after(700),
        after(1000),
        after(1500),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_picture_come_a_few_and_then_none() {
        let (mut tail, start) = (Tail::default(), Instant::now());
        assert!(tail.due_at().is_none() && !tail.take(start));
        tail.restart(start);
        assert!(!tail.take(start));
        let mut sent = 0;
        while let Some(at) = tail.due_at() {
            assert!(!tail.take(at - Duration::from_millis(1)) && tail.take(at));
            sent += 1;
        }
        assert!(sent == PAUSES.len() && tail.is_over());
        tail.restart(start);
        assert_eq!(tail.due_at(), Some(start + PAUSES[0]));
    }
}
