//! From input to light: how long it takes from a key pressed at a page until what it changed is on that page's screen.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// What pages measured.
#[derive(Debug, Default)]
pub(crate) struct Photons(Mutex<Measured>);

#[derive(Debug, Default)]
struct Measured {
    /// How many were within each bound and above the one before; the last one has no bound.
    counts: [u64; BOUNDS_MS.len() + 1],
    total: Duration,
    recent: VecDeque<Duration>,
}

/// The newest measurements, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct PhotonStats {
    /// Measurements since the start.
    pub(crate) count: u64,
    /// Of the newest ones.
    pub(crate) median_us: u64,
    pub(crate) worst_us: u64,
}

impl Photons {
    /// The longest time that counts; what takes longer was not caused by the key.
    pub(crate) const LONGEST: Duration = Duration::from_secs(10);

    /// Adds a measurement.
    pub(crate) fn add(&self, time: Duration) {
        let mut measured = self.measured();
        let bucket = BOUNDS_MS.iter().position(|&bound| time <= Duration::from_millis(bound));
        measured.counts[bucket.unwrap_or(BOUNDS_MS.len())] += 1;
        measured.total += time;
        if measured.recent.len() == RECENT {
            measured.recent.pop_front();
        }
        measured.recent.push_back(time);
    }

    /// The newest measurements, if there is any.
    pub(crate) fn stats(&self) -> Option<PhotonStats> {
        let measured = self.measured();
        let mut recent: Vec<u64> =
            measured.recent.iter().map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)).collect();
        recent.sort_unstable();
        Some(PhotonStats {
            count: measured.counts.iter().sum(),
            median_us: *recent.get(recent.len() / 2)?,
            worst_us: *recent.last()?,
        })
    }

    /// Writes them as a histogram in the text format of Prometheus.
    pub(crate) fn write_metrics(&self, text: &mut String) {
        let measured = self.measured();
        let name = "kvm_input_to_photon_seconds";
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} From a key pressed at a page to its effect painted there.");
        let _ = writeln!(text, "# TYPE {name} histogram");
        let mut up_to = 0;
        for (count, bound) in measured.counts.iter().zip(BOUNDS_MS) {
            up_to += count;
            let bound = Duration::from_millis(bound).as_secs_f64();
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {up_to}");
        }
        let all: u64 = measured.counts.iter().sum();
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {all}");
        let _ = writeln!(text, "{name}_sum {}", measured.total.as_secs_f64());
        let _ = writeln!(text, "{name}_count {all}");
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        // The numbers are only shown: half a measurement would do no harm.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Upper bounds of the histogram, about a frame of 60 Hz apart where it matters.
const BOUNDS_MS: [u64; 12] = [5, 10, 17, 25, 33, 50, 67, 100, 150, 250, 500, 1000];
/// Measurements that count as new.
const RECENT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_counted_where_they_belong() {
        let photons = Photons::default();
        assert!(photons.stats().is_none());
        for ms in [4, 5, 6, 17, 18, 2000] {
            photons.add(Duration::from_millis(ms));
        }
        let stats = photons.stats().unwrap();
        assert_eq!((stats.count, stats.median_us, stats.worst_us), (6, 17_000, 2_000_000));
        let mut text = String::new();
        photons.write_metrics(&mut text);
        for line in [
            "_bucket{le=\"0.005\"} 2",
            "_bucket{le=\"0.01\"} 3",
            "_bucket{le=\"0.017\"} 4",
            "_bucket{le=\"1\"} 5",
            "_bucket{le=\"+Inf\"} 6",
            "_sum 2.05",
            "_count 6",
        ] {
            assert!(text.lines().any(|found| found.ends_with(line)), "{line} in {text}");
        }
    }

    #[test]
    fn only_the_newest_are_shown() {
        let photons = Photons::default();
        photons.add(Photons::LONGEST);
        for _ in 0..RECENT {
            photons.add(Duration::from_millis(1));
        }
        assert_eq!(photons.stats().unwrap().worst_us, 1000);
    }
}
