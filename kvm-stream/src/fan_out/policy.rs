//! What a viewer's queue may hold, and what it dropped.

use std::time::Duration;

/// How far a viewer may be behind, and what happens when it is further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewerPolicy {
    /// The newest picture wins: what has waited too long, or does not fit, is dropped. For viewers whose transport
    /// has a short buffer of its own, so that the reader comes when there is room.
    LatestWins {
        /// How many packets may wait; at least one.
        packets: usize,
        /// How long a packet may wait.
        max_age: Duration,
    },
    /// The same, and the viewer [acknowledges](crate::Viewer::acknowledge) what arrived: so much is handed out before the rest
    /// waits, whatever buffers are on the way.
    Window {
        /// How many packets may wait; at least one.
        packets: usize,
        /// How many packets may be on their way, handed out and not acknowledged; at least one.
        unacknowledged: usize,
        /// How many bytes may be on their way. A packet that is larger goes alone.
        bytes: usize,
        /// How long a packet may wait.
        max_age: Duration,
    },
    /// Nothing is dropped, as for a recording. A reader that lets more than this wait has
    /// [broken off](crate::ViewerEnd::Overrun): it gets what waits, and then nothing more.
    Lossless {
        /// How many bytes may wait. A packet that is larger waits alone.
        bytes: usize,
    },
}

impl ViewerPolicy {
    /// How long a packet may wait unless told otherwise.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(1);

    /// The newest wins among so many packets.
    pub const fn latest_wins(packets: usize) -> Self {
        Self::LatestWins { packets, max_age: Self::DEFAULT_MAX_AGE }
    }

    /// So many packets of together 256 KiB on their way, two that wait, for a quarter of a second.
    pub const fn window(unacknowledged: usize) -> Self {
        Self::Window { packets: 2, unacknowledged, bytes: 256 << 10, max_age: Duration::from_millis(250) }
    }

    /// Nothing is dropped, and so many bytes may wait.
    pub const fn lossless(bytes: usize) -> Self {
        Self::Lossless { bytes }
    }

    pub(super) fn max_packets(self) -> usize {
        match self {
            Self::LatestWins { packets, .. } | Self::Window { packets, .. } => packets.max(1),
            Self::Lossless { .. } => usize::MAX,
        }
    }

    pub(super) fn max_bytes(self) -> usize {
        match self {
            Self::LatestWins { .. } | Self::Window { .. } => usize::MAX,
            Self::Lossless { bytes } => bytes,
        }
    }

    /// Packets and bytes that may be on their way; `None` if nobody counts.
    pub(super) fn max_unacknowledged(self) -> Option<(usize, usize)> {
        match self {
            Self::Window { unacknowledged, bytes, .. } => Some((unacknowledged.max(1), bytes)),
            _ => None,
        }
    }

    pub(super) fn max_age(self) -> Option<Duration> {
        match self {
            Self::LatestWins { max_age, .. } | Self::Window { max_age, .. } => Some(max_age),
            Self::Lossless { .. } => None,
        }
    }
}

/// How many packets a viewer lost, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Drops {
    /// They had waited too long.
    pub aged: u64,
    /// There was no room for what came.
    pub crowded: u64,
    /// They built on one that was dropped.
    pub dependent: u64,
}

impl Drops {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.aged + self.crowded + self.dependent
    }
}
