//! How the words look to `serde`: as the words themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::{Capability, CapabilitySet, Event};

impl Serialize for Capability {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// A list of words, in the vocabulary's order.
impl Serialize for CapabilitySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Milliseconds since 1970, which every reader of reports understands; a time before that is 0.
pub(crate) fn unix_milliseconds<S: Serializer>(
    at: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let milliseconds = at.map(|at| {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    });
    milliseconds.serialize(serializer)
}
