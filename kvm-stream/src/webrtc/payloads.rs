//! Pictures of H.264 as payloads of RTP packets (RFC 6184, packetization mode 1).

/// Cuts the NAL units of a picture into payloads of at most `limit` bytes and calls `each` for every one, with whether
/// it is the last. What decoders skip anyway, delimiters and fill, is left out.
///
/// NAL units that fit together share a payload (STAP-A, section 5.7.1), so that parameter sets arrive with what needs
/// them; those that do not fit one are cut (FU-A, section 5.8). `payload` is memory to work in.
pub(super) fn payloads(
    annex_b: &[u8],
    limit: usize,
    payload: &mut Vec<u8>,
    mut each: impl FnMut(&[u8], bool),
) {
    let mut units = NalUnits::new(annex_b).filter(|unit| !matches!(kind(unit), DELIMITER | FILL)).peekable();
    while let Some(unit) = units.next() {
        if unit.len() > limit {
            let is_last = units.peek().is_none();
            cut(unit, limit, payload, |part, ends| each(part, ends && is_last));
            continue;
        }
        payload.clear();
        payload.push(STAP_A);
        let mut importance = 0;
        let mut together = 0;
        let mut next = Some(unit);
        while let Some(unit) = next {
            let length = u16::try_from(unit.len()).expect("payloads are shorter than 64 KiB");
            payload.extend_from_slice(&length.to_be_bytes());
            payload.extend_from_slice(unit);
            importance = importance.max(unit[0] & IMPORTANCE);
            together += 1;
            let room = limit.saturating_sub(payload.len());
            next = units.next_if(|unit| unit.len() + 2 <= room);
        }
        payload[0] |= importance;
        // Alone, a unit is its own payload.
        let alone = if together == 1 { 3 } else { 0 };
        each(&payload[alone..], units.peek().is_none());
    }
}

/// A unit in parts, each behind two bytes that say what it is part of.
fn cut(unit: &[u8], limit: usize, payload: &mut Vec<u8>, mut each: impl FnMut(&[u8], bool)) {
    let Some((header, body)) = unit.split_first() else { return };
    let mut parts = body.chunks(limit.saturating_sub(2).max(1)).peekable();
    let mut starts = STARTS;
    while let Some(part) = parts.next() {
        let ends = parts.peek().is_none();
        payload.clear();
        payload.push(FU_A | header & IMPORTANCE);
        payload.push(header & KIND | starts | if ends { ENDS } else { 0 });
        payload.extend_from_slice(part);
        each(payload, ends);
        starts = 0;
    }
}

/// The NAL units of a byte stream (ITU-T H.264, annex B), without start codes and the zeros around them.
struct NalUnits<'a> {
    rest: &'a [u8],
}

impl<'a> NalUnits<'a> {
    fn new(stream: &'a [u8]) -> Self {
        let rest = start_code(stream).map_or(&[][..], |at| &stream[at + 3..]);
        Self { rest }
    }
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let (mut unit, rest) = match start_code(self.rest) {
                Some(at) => (&self.rest[..at], &self.rest[at + 3..]),
                None => (self.rest, &[][..]),
            };
            self.rest = rest;
            // A unit never ends with a zero; those are of the next start code.
            while let [all_but_last @ .., 0] = unit {
                unit = all_but_last;
            }
            if !unit.is_empty() {
                return Some(unit);
            }
        }
    }
}

/// Where the first start code of three bytes begins.
fn start_code(stream: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        // The last of the three bytes is looked at first: most are neither 0 nor 1, which rules out three places.
        match *stream.get(at)? {
            1 if stream[at - 2..at] == [0, 0] => return Some(at - 2),
            0 => at += 1,
            _ => at += 3,
        }
    }
}

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |header| header & KIND)
}

const KIND: u8 = 0x1f;
const IMPORTANCE: u8 = 0x60;
const DELIMITER: u8 = 9;
const FILL: u8 = 12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const STARTS: u8 = 0x80;
const ENDS: u8 = 0x40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(stream: &[u8], limit: usize) -> Vec<Vec<u8>> {
        let (mut all, mut lasts) = (Vec::new(), Vec::new());
        payloads(stream, limit, &mut Vec::new(), |payload, is_last| {
            all.push(payload.to_vec());
            lasts.push(is_last);
        });
        let expected: Vec<bool> = (1..=all.len()).map(|number| number == all.len()).collect();
        assert_eq!(lasts, expected);
        all
    }

    #[test]
    fn units_that_fit_share_a_payload_and_long_ones_are_cut() {
        let stream = [
            &[0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65][..],
            &[7; 20],
            &[0, 0, 1, 0x41, 5],
        ]
        .concat();
        let seen = all(&stream, 12);
        assert_eq!(seen[0], [0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3]);
        assert_eq!(seen[1], [&[0x7c, 0x85][..], &[7; 10]].concat());
        assert_eq!(seen[2], [&[0x7c, 0x45][..], &[7; 10]].concat());
        assert_eq!(seen[3], [0x41, 5]);
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn what_has_no_start_code_has_no_units() {
        for nothing in [&[][..], &[0], &[0, 0], &[0, 0, 1], &[1, 2, 3, 4], &[0, 0, 0, 1], &[0, 0, 1, 0, 0, 1]]
        {
            assert!(all(nothing, 100).is_empty(), "{nothing:?}");
        }
    }

    /// Puts payloads together again as section 5 of RFC 6184 says.
    fn units_of(payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut units: Vec<Vec<u8>> = Vec::new();
        for payload in payloads {
            match payload[0] & 0x1f {
                24 => {
                    let mut rest = &payload[1..];
                    while let [high, low, after @ ..] = rest {
                        let (unit, after) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
                        units.push(unit.to_vec());
                        rest = after;
                    }
                }
                28 if payload[1] & 0x80 != 0 => {
                    units.push([&[payload[0] & 0xe0 | payload[1] & 0x1f], &payload[2..]].concat());
                }
                28 => units.last_mut().unwrap().extend_from_slice(&payload[2..]),
                _ => units.push(payload.clone()),
            }
        }
        units
    }

    proptest! {
        /// Whatever the units are, they come out as they went in, within the limit.
        #[test]
        fn units_arrive_whole(
            units in proptest::collection::vec((1_u8..9, proptest::collection::vec(2_u8.., 1..200)), 1..8),
            limit in 8_usize..120,
            long_codes in any::<bool>(),
        ) {
            let units: Vec<Vec<u8>> =
                units.into_iter().map(|(kind, body)| [&[0x60 | kind][..], &body].concat()).collect();
            let code = if long_codes { &[0, 0, 0, 1][..] } else { &[0, 0, 1] };
            let stream: Vec<u8> = units.iter().flat_map(|unit| [code, unit].concat()).collect();
            let seen = all(&stream, limit);
            prop_assert!(seen.iter().all(|payload| payload.len() <= limit));
            prop_assert_eq!(units_of(&seen), units);
        }

        /// Streams that are none end without a panic.
        #[test]
        fn nothing_panics(stream in proptest::collection::vec(0_u8..4, 0..300), limit in 1_usize..40) {
            all(&stream, limit);
        }
    }
}
