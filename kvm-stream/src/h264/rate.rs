//! How many bits a picture may have where a line carries no more, and how much coarser that makes films and photos.

use std::time::Duration;

use kvm_capture::Timestamp;

/// What a line carries: a constant rate, with a buffer before the decoder (VBV).
///
/// Of the pictures in any stretch of time, by the timestamps of their frames, the bytes are at most those of the buffer and what
/// the rate gives in that time. An encoder that is told so makes films and photos coarser first. What still does
/// not fit stays as it was and comes with the next pictures; of a key picture, where nothing can stay, it is blurred first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct H264Rate {
    /// Bytes a second.
    pub bytes_per_second: u32,
    /// Bytes that may come at once. Below two for each macroblock of 16 by 16 pixels, key pictures take more
    /// than that.
    pub buffer_bytes: u32,
}

impl H264Rate {
    /// So many bytes a second, with a buffer of what comes in a time: half a second keeps delay low and lets a screen full
    /// of text through.
    pub fn new(bytes_per_second: u32, buffer: Duration) -> Self {
        let bytes = u128::from(bytes_per_second) * buffer.as_micros() / 1_000_000;
        Self { bytes_per_second, buffer_bytes: u32::try_from(bytes).unwrap_or(u32::MAX) }
    }
}

/// Shares out bits to pictures, and within a picture to its macroblocks.
///
/// Two quantities steer. What a picture may have at most is a bound that nothing exceeds: the buffer's room. What it should
/// have is less where pictures come one after the other, so that half of the buffer stays for text; the offset of
/// quantisers follows from that and from what macroblocks took so far.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    limit: Option<H264Rate>,
    /// Bits that an encoder should not exceed in a picture, from outside.
    budget: u64,
    /// Bits that the buffer has room for.
    room: u64,
    /// Of that, what came since the picture before.
    earned: u64,
    last: Option<Timestamp>,
    /// What macroblocks took in the pictures before.
    known: Needs,
    /// What they take in this one, after as much of that before as [`MEMORY`](Self::MEMORY) tells.
    needs: Needs,
    bound: u64,
    target: u64,
    is_key: bool,
    /// What quantisers are raised by in this picture, once it is known.
    offset: Option<u8>,
}

impl Rate {
    /// The most that quantisers of films and photos are raised by: to an eighth of the bits.
    pub(super) const MAX_OFFSET: u8 = 18;
    /// Macroblocks that the pictures before count for.
    const MEMORY: u64 = 64;
    /// Bits that the end of a slice may take: skips, a macroblock with the longest vector, more skips, the trailing
    /// bits, and what keeps start codes out of these.
    const END_BITS: u64 = 256;
    /// Bits that a picture takes at least: headers, and that end.
    const LEAST_BITS: u64 = 1024;
    /// Bits of a macroblock of a key picture without coefficients, at most.
    pub(super) const FLAT_BITS: u64 = 16;

    pub(super) fn new(limit: Option<H264Rate>) -> Self {
        let room = limit.map_or(u64::MAX, |limit| u64::from(limit.buffer_bytes) * 8);
        Self {
            limit,
            budget: u64::MAX,
            room,
            earned: 0,
            last: None,
            known: Needs::NONE,
            needs: Needs::NONE,
            bound: u64::MAX,
            target: u64::MAX,
            is_key: false,
            offset: None,
        }
    }

    /// Sets what each of the next pictures should not exceed, if text allows.
    pub(super) fn set_budget(&mut self, bytes: usize) {
        self.budget = (bytes as u64).saturating_mul(8);
    }

    /// Whether there is room for a picture of a frame that was captured at that time; for a key picture of so many
    /// macroblocks there also is when the buffer is empty.
    pub(super) fn has_room(&mut self, at: Timestamp, key_macroblocks: Option<usize>) -> bool {
        self.earn(at);
        let full = self.limit.map_or(0, |limit| u64::from(limit.buffer_bytes) * 8);
        match key_macroblocks {
            Some(count) => self.room >= (Self::LEAST_BITS + Self::FLAT_BITS * count as u64).min(full),
            None => self.room >= Self::LEAST_BITS,
        }
    }

    /// Whether what a picture takes is bounded.
    pub(super) fn is_bounded(&self) -> bool {
        self.bound < u64::MAX
    }

    /// Begins with a picture of a frame that was captured at that time.
    pub(super) fn begin(&mut self, at: Timestamp, is_key: bool) {
        self.earn(at);
        self.is_key = is_key;
        self.offset = None;
        self.needs = Needs::NONE;
        self.needs.count_in(&self.known, Self::MEMORY);
        let Some(limit) = self.limit else {
            (self.bound, self.target) = (u64::MAX, self.budget);
            return;
        };
        let buffer = u64::from(limit.buffer_bytes) * 8;
        let earned = std::mem::take(&mut self.earned);
        let before = self.room - earned;
        self.bound = self.room;
        // The picture should bring the room back to half of the buffer, by an eighth of the way.
        let (surplus, deficit) =
            (before.saturating_sub(buffer / 2) / 8, (buffer / 2).saturating_sub(before) / 8);
        let target = if is_key {
            self.room / 4 * 3
        } else {
            (earned + surplus).saturating_sub(deficit).max(earned / 4)
        };
        self.target = target.min(self.room).min(self.budget);
    }

    /// By how much the quantisers of films and photos are raised from here on, after so many bits of the picture
    /// and before so many macroblocks.
    ///
    /// Within a picture that does not become less, and more only where the target would clearly be missed, so that
    /// it is about the same everywhere.
    pub(super) fn offset(&mut self, bits: usize, left: usize) -> u8 {
        let available = self.target.saturating_sub(bits as u64);
        let tolerated =
            if self.offset.is_some() { available.saturating_add(self.target / 8) } else { available };
        let least = self.offset.unwrap_or(0);
        let is_enough = |offset: u8, bits: u64| self.needs.of(left as u64, offset) <= bits;
        let offset = if is_enough(least, tolerated) {
            least
        } else {
            (least..Self::MAX_OFFSET).find(|offset| is_enough(*offset, available)).unwrap_or(Self::MAX_OFFSET)
        };
        self.offset = Some(offset);
        offset
    }

    /// Learns what a macroblock took: one whose quantiser was raised by an offset, or one whose quantiser never is.
    pub(super) fn took(&mut self, bits: usize, offset: Option<u8>) {
        self.needs.count += 1;
        match offset {
            Some(offset) => self.needs.soft += refined(bits as u64, offset),
            None => self.needs.firm += bits as u64,
        }
    }

    /// Whether the picture may have so many bits before its last macroblocks.
    pub(super) fn allows(&self, bits: usize, left: usize) -> bool {
        let end = if self.is_key { Self::FLAT_BITS * left as u64 } else { 0 };
        (bits as u64).saturating_add(Self::END_BITS + end) <= self.bound
    }

    /// Gives the buffer the room that came with the time.
    fn earn(&mut self, at: Timestamp) {
        let since = self.last.map_or(Duration::ZERO, |last| at.saturating_since(last));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        if let Some(limit) = self.limit {
            let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
            let earned = micros.saturating_mul(u64::from(limit.bytes_per_second)) / 125_000;
            let earned = earned.min(u64::from(limit.buffer_bytes) * 8 - self.room);
            self.room += earned;
            self.earned += earned;
        }
    }

    /// Ends the picture, of so many bytes.
    pub(super) fn end(&mut self, bytes: usize) {
        if self.limit.is_some() {
            self.room = self.room.saturating_sub(bytes as u64 * 8);
        }
        self.known = self.needs;
    }
}

/// What macroblocks take.
#[derive(Debug, Clone, Copy)]
struct Needs {
    count: u64,
    /// Bits of those whose quantiser is raised, as if it were not.
    soft: u64,
    /// Bits of the others.
    firm: u64,
}

impl Needs {
    const NONE: Self = Self { count: 0, soft: 0, firm: 0 };

    /// Counts in what others took, as if it had been so many.
    fn count_in(&mut self, others: &Self, count: u64) {
        let share = |needed: u64| (needed * count).checked_div(others.count);
        if let (Some(soft), Some(firm)) = (share(others.soft), share(others.firm)) {
            self.count += count;
            self.soft += soft;
            self.firm += firm;
        }
    }

    /// What so many would take at an offset.
    fn of(&self, macroblocks: u64, offset: u8) -> u64 {
        let each = |bits: u64| bits.saturating_mul(macroblocks) / self.count.max(1);
        each(self.firm) + coarsened(each(self.soft), offset)
    }
}

/// Bits as they would be at a quantiser finer by an offset: six steps double them.
fn refined(bits: u64, offset: u8) -> u64 {
    ((bits << (offset / 6)) * STEPS[usize::from(offset % 6)]) >> 10
}

/// Bits as they would be at a quantiser coarser by an offset.
fn coarsened(bits: u64, offset: u8) -> u64 {
    ((bits >> (offset / 6)) << 10) / STEPS[usize::from(offset % 6)]
}

/// Powers of two to sixths, times 1024.
const STEPS: [u64; 6] = [1024, 1149, 1290, 1448, 1625, 1825];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A picture that is not there: what each of its macroblocks takes without an offset.
    #[derive(Debug, Clone)]
    struct Scene {
        text: Vec<usize>,
        film: Vec<usize>,
    }

    /// What came of a picture.
    #[derive(Debug)]
    struct Made {
        bits: usize,
        offset: u8,
        left_out: usize,
        text_left_out: usize,
    }

    /// Codes as the encoder does, text first.
    fn code(rate: &mut Rate, at: Timestamp, is_key: bool, scene: &Scene) -> Made {
        rate.begin(at, is_key);
        let count = scene.text.len() + scene.film.len();
        let mut made = Made { bits: 60, offset: 0, left_out: 0, text_left_out: 0 };
        let text = scene.text.iter().map(|bits| (*bits, false));
        for (index, (bits, is_soft)) in text.chain(scene.film.iter().map(|bits| (*bits, true))).enumerate() {
            if index % 30 == 0 {
                made.offset = rate.offset(made.bits, count - index);
            }
            let bits =
                if is_soft { usize::try_from(coarsened(bits as u64, made.offset)).unwrap() } else { bits };
            if rate.allows(made.bits + bits, count - index - 1) {
                rate.took(bits, is_soft.then_some(made.offset));
                made.bits += bits;
            } else {
                made.left_out += 1;
                made.text_left_out += usize::from(!is_soft);
                if is_key {
                    made.bits += usize::try_from(Rate::FLAT_BITS).unwrap();
                }
            }
        }
        rate.end(made.bits.div_ceil(8));
        made
    }

    fn film(macroblocks: usize, bits: usize) -> Scene {
        let film = (0..macroblocks).map(|index| bits / 2 + index * 7919 % bits).collect();
        Scene { text: Vec::new(), film }
    }

    fn at(picture: u64) -> Timestamp {
        Timestamp::from_micros(1_000_000 + picture * 33_333)
    }

    const LINE: H264Rate = H264Rate { bytes_per_second: 250_000, buffer_bytes: 125_000 };

    #[test]
    fn a_film_takes_what_the_line_carries() {
        let mut rate = Rate::new(Some(LINE));
        let mut bits = 0;
        for picture in 0..300 {
            let made = code(&mut rate, at(picture), false, &film(1200, 120));
            if picture >= 60 {
                bits += made.bits;
                assert!((6..=8).contains(&made.offset), "{made:?}");
                assert_eq!(made.left_out, 0);
            }
        }
        let carried = 240 * 33_333 * 2;
        assert!(bits > carried * 97 / 100 && bits < carried * 103 / 100, "{bits} of {carried} bits");
        // Half of the buffer stays for what comes next.
        assert!(rate.room > 400_000, "{}", rate.room);
    }

    #[test]
    fn text_pays_nothing_for_a_film() {
        let mut rate = Rate::new(Some(LINE));
        for picture in 0..90 {
            code(&mut rate, at(picture), false, &film(1200, 120));
        }
        // A window full of text: 40 kB beside the film, where a picture of the film has 8 kB.
        let both = Scene { text: vec![160; 2000], ..film(1200, 120) };
        let made = code(&mut rate, at(90), false, &both);
        assert_eq!(made.text_left_out, 0);
        assert_eq!((made.offset, made.left_out), (Rate::MAX_OFFSET, 0));
    }

    #[test]
    fn what_does_not_fit_comes_in_the_next_pictures() {
        let mut rate = Rate::new(Some(LINE));
        let mut left = 20_000;
        let mut pictures = 0;
        while left > 0 {
            let made =
                code(&mut rate, at(pictures), false, &Scene { text: vec![160; left], film: Vec::new() });
            left = made.left_out;
            pictures += 1;
        }
        // 400 kB: 125 at once, 275 at 250 a second.
        assert!((33..=37).contains(&pictures), "{pictures}");
    }

    #[test]
    fn a_key_picture_fits_and_is_blurred_where_it_must() {
        let mut rate = Rate::new(Some(LINE));
        let made = code(&mut rate, at(0), true, &Scene { text: vec![400; 8160], film: Vec::new() });
        assert!(made.left_out > 0);
        assert!(made.bits.div_ceil(8) <= 125_000 && made.bits > 900_000, "{made:?}");
    }

    #[test]
    fn without_a_limit_the_budget_alone_makes_films_coarser() {
        let mut rate = Rate::new(None);
        assert_eq!(code(&mut rate, at(0), false, &film(1200, 120)).offset, 0);
        rate.set_budget(9_000);
        for picture in 1..20 {
            code(&mut rate, at(picture), false, &film(1200, 120));
        }
        let made = code(&mut rate, at(20), false, &film(1200, 120));
        assert!((6..=7).contains(&made.offset) && made.bits < 9_500 * 8, "{made:?}");
        let text = code(&mut rate, at(21), false, &Scene { text: vec![3000; 8160], film: Vec::new() });
        assert_eq!(text.left_out, 0);
    }

    #[test]
    fn a_rate_and_a_time_make_a_buffer() {
        assert_eq!(H264Rate::new(250_000, Duration::from_millis(500)), LINE);
        assert_eq!(H264Rate::new(u32::MAX, Duration::MAX).buffer_bytes, u32::MAX);
    }

    proptest! {
        #[test]
        fn no_stretch_of_pictures_has_more_than_the_line_carries(
            bytes_per_second in 0_u32..2_000_000,
            buffer_bytes in 3_000_u32..500_000,
            pictures in proptest::collection::vec(
                (0_u64..200_000, 0_usize..600, 1_usize..3200, 0_usize..600, 1_usize..3200, 0_u8..20),
                1..40,
            ),
            budget in proptest::option::of(0_usize..100_000),
        ) {
            let mut rate = Rate::new(Some(H264Rate { bytes_per_second, buffer_bytes }));
            if let Some(budget) = budget {
                rate.set_budget(budget);
            }
            let mut now = 7;
            let mut made = Vec::new();
            for (after, texts, text_bits, films, film_bits, kind) in pictures {
                now += after;
                let scene = Scene { text: vec![text_bits; texts], ..film(films, film_bits) };
                // Whatever goes before the room is there is not begun.
                if rate.room / 8 < 2_500 && kind == 0 {
                    continue;
                }
                let is_key = kind == 0;
                let bits = code(&mut rate, Timestamp::from_micros(now), is_key, &scene).bits;
                // A picture without room for its header is one all the same.
                made.push((now, if bits > 60 { bits.div_ceil(8) } else { 0 }));
                prop_assert!(rate.room <= u64::from(buffer_bytes) * 8);
            }
            for (first, (start, _)) in made.iter().enumerate() {
                let mut bytes = 0;
                for (end, more) in &made[first..] {
                    bytes += *more as u64;
                    let carried = u64::from(buffer_bytes) + (end - start) * u64::from(bytes_per_second) / 1_000_000;
                    prop_assert!(bytes <= carried + 1, "{bytes} bytes of {carried} from {start} to {end}");
                }
            }
        }
    }
}
