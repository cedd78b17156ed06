//! The record of what was declared, granted, exercised and released.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::Capability;

/// What happened to a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A manifest named it.
    Declared,
    /// A grant for it was minted.
    Granted,
    /// A part was built with the grant and uses it.
    Exercised,
    /// That part is gone.
    Released,
    /// It was asked for and refused.
    Refused,
}

impl Event {
    /// The event as reports spell it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Granted => "granted",
            Self::Exercised => "exercised",
            Self::Released => "released",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One line of a [`Ledger`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Entry {
    /// Place in the ledger, from 0, without gaps.
    pub sequence: u64,
    /// When it happened, if the ledger was given a clock.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "at_unix_ms", serialize_with = "crate::serialise::unix_milliseconds")
    )]
    pub at: Option<SystemTime>,
    /// What happened.
    pub event: Event,
    /// To which capability.
    pub capability: Capability,
    /// On what: a device path, an address, a file, a scope. Empty where nothing was named.
    pub subject: String,
}

/// An append-only record in memory of what was declared, granted, exercised and released.
///
/// A clone is another handle to the same record. Nothing in this crate's interface removes or changes an
/// entry. It records abilities, never content: no key, no picture, no text passes through it.
#[derive(Clone, Default)]
pub struct Ledger {
    entries: Arc<Mutex<Vec<Entry>>>,
    clock: Option<fn() -> SystemTime>,
}

impl Ledger {
    /// Creates an empty ledger whose entries are in order but carry no time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty ledger whose entries carry the time this clock tells.
    pub fn with_clock(clock: fn() -> SystemTime) -> Self {
        Self { entries: Arc::default(), clock: Some(clock) }
    }

    /// A copy of all entries so far, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// The subjects a capability is in use on right now: exercised and not yet released.
    pub fn in_use(&self, capability: Capability) -> Vec<String> {
        let mut subjects: Vec<String> = Vec::new();
        for entry in self.lock().iter().filter(|entry| entry.capability == capability) {
            match entry.event {
                Event::Exercised => subjects.push(entry.subject.clone()),
                Event::Released => {
                    if let Some(index) = subjects.iter().position(|subject| *subject == entry.subject) {
                        subjects.remove(index);
                    }
                }
                Event::Declared | Event::Granted | Event::Refused => {}
            }
        }
        subjects
    }

    pub(crate) fn append(&self, event: Event, capability: Capability, subject: impl Into<String>) {
        let mut entries = self.lock();
        let at = self.clock.map(|now| now());
        let sequence = entries.len() as u64;
        entries.push(Entry { sequence, at, event, capability, subject: subject.into() });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        // An entry is pushed whole or not at all, so a panic elsewhere leaves the record intact.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("entries", &self.lock().len()).finish_non_exhaustive()
    }
}
