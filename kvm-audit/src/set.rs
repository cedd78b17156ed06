//! A set of capabilities.

use std::fmt;

use crate::Capability;

/// A set of [`Capability`] words; iterates in the vocabulary's order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CapabilitySet {
    bits: u32,
}

impl CapabilitySet {
    /// The empty set.
    pub const EMPTY: Self = Self { bits: 0 };

    /// The set of one word.
    pub const fn of(capability: Capability) -> Self {
        Self::EMPTY.with(capability)
    }

    /// This set and one word more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self { bits: self.bits | 1 << capability as u8 }
    }

    /// The words that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits }
    }

    /// The words of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self { bits: self.bits & !other.bits }
    }

    /// Whether the word is in the set.
    pub const fn contains(self, capability: Capability) -> bool {
        self.bits & 1 << capability as u8 != 0
    }

    /// Whether no word is in the set.
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// The words, in the vocabulary's order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |&capability| self.contains(capability))
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        capabilities.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, capability) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(capability.word())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_algebra() {
        let keyboard = CapabilitySet::of(Capability::Keyboard);
        let both = keyboard.with(Capability::VideoCapture);
        assert!(both.contains(Capability::Keyboard) && !keyboard.contains(Capability::VideoCapture));
        assert_eq!(both.without(keyboard), CapabilitySet::of(Capability::VideoCapture));
        assert_eq!(both.iter().collect::<CapabilitySet>(), both);
        assert_eq!(both.to_string(), "video-capture, keyboard");
        assert!(CapabilitySet::EMPTY.is_empty());
    }
}
