//! What one contender did with every frame.

use std::time::Duration;

use kvm_benches::quality::Quality;

use crate::table::{Row, Shown};

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) sent: Vec<Sent>,
    /// Empty for those who send nothing.
    pub(crate) quality: Vec<Quality>,
}

pub(crate) struct Sent {
    pub(crate) bytes: usize,
    pub(crate) conversion: Duration,
    pub(crate) coding: Duration,
}

impl Sent {
    fn total_ms(&self) -> f64 {
        ms(self.conversion + self.coding)
    }

    fn kb(&self) -> f64 {
        self.bytes as f64 / 1e3
    }
}

impl Record {
    /// The numbers of all frames. The first frame, for which everybody has to send everything, stands apart.
    pub(crate) fn row(&self, name: &str) -> Row {
        let (first, rest) =
            self.sent.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
        let times = sorted(rest.iter().map(Sent::total_ms));
        let sizes = sorted(rest.iter().map(Sent::kb));
        Row {
            name: name.to_owned(),
            mean_ms: mean(&times),
            median_ms: quantile(&times, 50),
            p99_ms: quantile(&times, 99),
            coding_ms: mean(&rest.iter().map(|sent| ms(sent.coding)).collect::<Vec<_>>()),
            first_ms: first.map_or(0.0, Sent::total_ms),
            shown: (!self.quality.is_empty()).then(|| Shown {
                mean_kb: mean(&sizes),
                p95_kb: quantile(&sizes, 95),
                first_kb: first.map_or(0.0, Sent::kb),
                rgb_error: self.mean_of(|quality| quality.rgb_error),
                luma_error: self.mean_of(|quality| quality.luma_error),
                ssim: self.mean_of(|quality| quality.ssim),
                exact: self.mean_of(|quality| f64::from(u8::from(quality.rgb_error == 0.0))),
            }),
        }
    }

    #[expect(clippy::print_stdout, reason = "the program's output")]
    pub(crate) fn print(&self, name: &str) {
        for (number, sent) in self.sent.iter().enumerate() {
            let exact = match self.quality.get(number) {
                Some(quality) if quality.rgb_error == 0.0 => "exact",
                Some(_) => "close",
                None => "-",
            };
            println!("{name}\t{number}\t{}\t{:.0}\t{exact}", sent.bytes, sent.total_ms() * 1e3);
        }
    }

    fn mean_of(&self, number: impl Fn(&Quality) -> f64) -> f64 {
        mean(&self.quality.iter().map(number).collect::<Vec<_>>())
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

/// The number that so many of a hundred do not exceed.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(0.0)
}
