//! Where hashed parts of a picture were seen.

/// A table from hashes to the only place where each was seen.
///
/// It never grows: what finds no room within some steps is left out.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    // INVARIANT: empty, or `SLOTS` slots.
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Free,
    Only(u32),
    Several,
}

impl Sightings {
    /// How many places fit in well.
    pub(super) const ROOM: usize = SLOTS / 2;

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.slots.resize(SLOTS, Slot { tag: 0, place: Place::Free });
    }

    /// Takes note of a place.
    pub(super) fn insert(&mut self, hash: u64, place: u32) {
        let (start, tag) = start_and_tag(hash);
        for step in 0..LONGEST_WALK {
            let slot = &mut self.slots[(start + step) % SLOTS];
            match slot.place {
                Place::Free => {
                    *slot = Slot { tag, place: Place::Only(place) };
                    return;
                }
                _ if slot.tag == tag => {
                    slot.place = Place::Several;
                    return;
                }
                _ => {}
            }
        }
    }

    /// The only place where this was seen.
    pub(super) fn find(&self, hash: u64) -> Option<u32> {
        let (start, tag) = start_and_tag(hash);
        for step in 0..LONGEST_WALK {
            let slot = self.slots[(start + step) % SLOTS];
            match slot.place {
                Place::Free => return None,
                Place::Only(place) if slot.tag == tag => return Some(place),
                Place::Several if slot.tag == tag => return None,
                _ => {}
            }
        }
        None
    }
}

/// A hash of bytes: a sum of products that a processor computes side by side. Equal bytes have equal hashes; others
/// nearly never do, which costs only time, since all that is found is verified.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut sum = 0_u64;
    for part in bytes.chunks(8 * FACTORS.len()) {
        let words = part.chunks_exact(8);
        let tail = words.remainder().iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        for (word, factor) in words.zip(&FACTORS) {
            // A chunk has the eight bytes.
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            sum = sum.wrapping_add((word ^ word >> 32).wrapping_mul(*factor));
        }
        sum = (sum ^ sum >> 29).wrapping_add(tail).wrapping_mul(FACTORS[0]);
    }
    sum
}

/// The hash of several parts, from their hashes.
pub(super) fn combined(hashes: impl Iterator<Item = u64>) -> u64 {
    hashes.fold(0, |hash, next| (hash.rotate_left(23) ^ next).wrapping_mul(FACTORS[1]))
}

fn start_and_tag(hash: u64) -> (usize, u32) {
    let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
    (usize::from(u16::from_be_bytes([a, b])) % SLOTS, u32::from_be_bytes([c ^ g, d ^ h, e, f]))
}

const SLOTS: usize = 8192;
const LONGEST_WALK: usize = 16;

/// Odd numbers of well-mixed bits: steps of the generator splitmix64.
const FACTORS: [u64; 32] = {
    let mut factors = [0; 32];
    let mut state = 0_u64;
    let mut index = 0;
    while index < factors.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        factors[index] = (mixed ^ mixed >> 31) | 1;
        index += 1;
    }
    factors
};
