//! Frame numbers that rise for as long as a source lives.

/// Makes rising 64-bit numbers of a driver's 32-bit ones, which wrap and begin anew with each stream.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    driver: Option<u32>,
    /// The number given last.
    last: Option<u64>,
}

impl Sequence {
    /// The number of a frame that has this one in its stream. Keeps the gaps of frames the driver dropped.
    pub(super) fn number(&mut self, driver: u32) -> u64 {
        let step = match self.driver {
            // Some drivers never count.
            Some(before) => u64::from(driver.wrapping_sub(before)).max(1),
            None => u64::from(driver) + u64::from(self.last.is_some()),
        };
        let number = self.last.unwrap_or(0) + step;
        (self.driver, self.last) = (Some(driver), Some(number));
        number
    }

    /// The driver begins anew.
    pub(super) fn restart(&mut self) {
        self.driver = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_over_gaps_wraps_and_restarts() {
        let mut sequence = Sequence::default();
        let first: Vec<u64> = [0, 1, 4].map(|driver| sequence.number(driver)).to_vec();
        assert_eq!(first, [0, 1, 4]);
        sequence.restart();
        assert_eq!([0, 1].map(|driver| sequence.number(driver)), [5, 6]);
        sequence.restart();
        assert_eq!([u32::MAX, 0].map(|driver| sequence.number(driver)), [4_294_967_302, 4_294_967_303]);
        assert_eq!(sequence.number(0), 4_294_967_304);
    }
}
