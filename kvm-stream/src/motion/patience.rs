//! When a search is worth its time.

/// Lets a search pause after it was in vain, longer each time, and at once be made again where something new happens.
///
/// A film and a page whose pixels are not the same after it was scrolled change all over in frame after frame, and
/// none of it is found elsewhere.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Searches in vain since one was not.
    vain: u32,
    /// How many frames are still to pass before the next one.
    pause: u32,
    /// How many tiles had changed when the search was in vain.
    changed: usize,
}

impl Patience {
    /// Whether to search a frame of which so many tiles changed.
    pub(super) fn allows(&mut self, changed: usize) -> bool {
        let is_other = changed.abs_diff(self.changed) * 4 > self.changed.max(changed);
        if self.pause == 0 || is_other {
            return true;
        }
        self.pause -= 1;
        false
    }

    /// Takes note of what came of a search.
    pub(super) fn learn(&mut self, changed: usize, was_in_vain: bool) {
        if !was_in_vain {
            *self = Self::default();
            return;
        }
        self.vain = (self.vain + 1).min(MOST_DOUBLINGS);
        self.pause = (1 << self.vain) - 1;
        self.changed = changed;
    }
}

/// No more than three frames in a row are left unsearched.
const MOST_DOUBLINGS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of so many frames are searched when all searches are in vain.
    fn searched(patience: &mut Patience, frames: u32, changed: usize) -> Vec<u32> {
        let mut searched = Vec::new();
        for frame in 0..frames {
            if patience.allows(changed) {
                patience.learn(changed, true);
                searched.push(frame);
            }
        }
        searched
    }

    #[test]
    fn pauses_get_longer_up_to_three_frames() {
        assert_eq!(searched(&mut Patience::default(), 16, 3000), [0, 2, 6, 10, 14]);
    }

    #[test]
    fn another_amount_of_change_is_searched_at_once() {
        let mut patience = Patience::default();
        searched(&mut patience, 15, 3000);
        assert!(!patience.allows(3500));
        assert!(patience.allows(6000));
    }

    #[test]
    fn what_was_found_ends_all_pauses() {
        let mut patience = Patience::default();
        searched(&mut patience, 15, 3000);
        patience.learn(3000, false);
        assert!(patience.allows(3000));
    }
}
