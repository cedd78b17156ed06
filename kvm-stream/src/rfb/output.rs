//! What waits to be sent to a client.

use std::fmt;

/// The bytes that wait to be sent.
///
/// Bounded: an update is only made when it is empty, and answers to the client's requests are counted.
#[derive(Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    sent: usize,
    // Bytes of answers since it was last empty.
    answers: usize,
}

impl Output {
    /// What is to be sent next.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// So many bytes from the front have been sent.
    pub(super) fn consume(&mut self, len: usize) {
        self.sent = self.sent.saturating_add(len).min(self.bytes.len());
        if self.is_empty() {
            self.bytes.clear();
            (self.sent, self.answers) = (0, 0);
            // A whole picture in Raw is some megabytes, which the next small updates do not need.
            self.bytes.shrink_to(KEPT);
        }
    }

    /// Whether everything was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Adds an answer to something the client asked. `false` if too many wait already.
    #[must_use]
    pub(super) fn answer(&mut self, parts: &[&[u8]]) -> bool {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if self.answers + len > MAX_ANSWERS {
            return false;
        }
        self.answers += len;
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        true
    }

    /// Where an update is written.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

/// How much waits, and nothing of it: it is the picture.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("waiting", &self.waiting().len()).finish_non_exhaustive()
    }
}

/// Bytes of answers that may wait.
const MAX_ANSWERS: usize = 64 * 1024;
/// Memory that is kept for the next update.
const KEPT: usize = 1024 * 1024;
