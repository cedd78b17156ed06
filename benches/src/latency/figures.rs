//! The times of all pictures, stage by stage.

use std::fmt::Write as _;
use std::time::Duration;

use kvm_stream::StageTimes;

use crate::Failure;
use crate::wire::Arrival;

/// Times in microseconds, of every picture that arrived but the first, for which everything warms up.
#[derive(Default)]
pub(crate) struct Figures {
    is_warm: bool,
    stages: [Vec<u64>; STAGES.len()],
}

const STAGES: [&str; 7] = [
    "difference",
    "encode",
    "queue",
    "socket",
    "all: dequeued to arrived",
    "beyond difference and encode",
    "beyond encode",
];

impl Figures {
    pub(crate) fn add(&mut self, times: StageTimes, arrival: &Arrival) {
        if !std::mem::replace(&mut self.is_warm, true) {
            return;
        }
        let all = micros(arrival.arrived.saturating_since(arrival.captured));
        let (diff, encode) = (micros(times.diff), micros(times.encode));
        let socket = micros(arrival.arrived.saturating_since(arrival.taken));
        let beyond = all.saturating_sub(diff + encode);
        // From the end of the encoding until the sender has it: pushed, woken, taken.
        let queue = beyond.saturating_sub(socket);
        let values = [diff, encode, queue, socket, all, beyond, all.saturating_sub(encode)];
        for (stage, value) in self.stages.iter_mut().zip(values) {
            stage.push(value);
        }
    }

    pub(crate) fn table(mut self) -> Result<String, Failure> {
        if self.stages[0].is_empty() {
            return Err("no two pictures arrived".into());
        }
        let mut text = format!("{:<30}{:>10}{:>10}{:>10}\n", "microseconds", "p50", "p99", "max");
        for (name, stage) in STAGES.iter().zip(&mut self.stages) {
            stage.sort_unstable();
            let [p50, p99, max] = [50, 99, 100].map(|percent| quantile(stage, percent));
            writeln!(text, "{name:<30}{p50:>10}{p99:>10}{max:>10}")?;
        }
        for index in [5, 6] {
            let verdict = if quantile(&self.stages[index], 99) <= 1_000 { "yes" } else { "no" };
            writeln!(text, "p99 {} ≤ 1 ms: {verdict}", STAGES[index])?;
        }
        Ok(text)
    }
}

fn quantile(sorted: &[u64], percent: usize) -> u64 {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
