//! The numbers of a comparison as tables: Markdown to read, tab-separated to go on with.

use std::fmt::Write;

use kvm_benches::quality::psnr;

/// How one contender fared on one workload, or on the mean of some. Times are processor time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Of the frames after the first, conversion included.
    pub(crate) mean_ms: f64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    /// The mean without the conversion.
    pub(crate) coding_ms: f64,
    /// Of the first frame, conversion included.
    pub(crate) first_ms: f64,
    /// `None` for those who send nothing.
    pub(crate) shown: Option<Shown>,
}

/// What was sent and how it looked; sizes in 1,000 bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shown {
    pub(crate) mean_kb: f64,
    pub(crate) p95_kb: f64,
    pub(crate) first_kb: f64,
    /// Mean squared errors, over all frames.
    pub(crate) rgb_error: f64,
    pub(crate) luma_error: f64,
    pub(crate) ssim: f64,
    /// The share of the frames that were shown without any error.
    pub(crate) exact: f64,
}

pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut out = String::from(
        "| | ms mean | median | p99 | without conversion | kB mean | p95 | first frame ms / kB | PSNR luma / RGB | SSIM | exact |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in rows {
        let Row { name, mean_ms, median_ms, p99_ms, coding_ms, first_ms, shown } = row;
        let times = format!("{mean_ms:.2} | {median_ms:.2} | {p99_ms:.2} | {coding_ms:.2}");
        // Writing to a string does not fail.
        let _ = match shown {
            None => writeln!(out, "| {name} | {times} | | | {first_ms:.1} | | | |"),
            Some(shown) => writeln!(
                out,
                "| {name} | {times} | {} | {} | {first_ms:.1} / {} | {} / {} | {} | {:.0} % |",
                kilobytes(shown.mean_kb),
                kilobytes(shown.p95_kb),
                kilobytes(shown.first_kb),
                decibels(shown.luma_error),
                decibels(shown.rgb_error),
                similarity(shown.ssim),
                (shown.exact * 100.0).floor(),
            ),
        };
    }
    out
}

/// Of each contender and each workload the mean time and, where something is sent, the mean size. The workloads all had
/// the same contenders.
pub(crate) fn overview(workloads: &[(String, Vec<Row>)]) -> String {
    let names: Vec<&str> = workloads.iter().map(|(name, _)| name.as_str()).collect();
    let mut out = format!("| | {} |\n|{}\n", names.join(" | "), " --- |".repeat(names.len() + 1));
    for (index, row) in workloads.first().map_or(&[][..], |(_, rows)| rows).iter().enumerate() {
        out += &format!("| {} |", row.name);
        for row in workloads.iter().filter_map(|(_, rows)| rows.get(index)) {
            let size = row.shown.map_or(String::new(), |shown| format!(" / {}", kilobytes(shown.mean_kb)));
            out += &format!(" {:.2}{size} |", row.mean_ms);
        }
        out.push('\n');
    }
    out
}

/// Rows as lines of numbers, readable by [`from_tsv`].
pub(crate) fn to_tsv(rows: &[Row]) -> String {
    rows.iter()
        .map(|row| {
            let mut line = row.name.clone();
            for number in row.numbers() {
                // Shortest digits that read back as the same number.
                let _ = write!(line, "\t{number:?}");
            }
            line + "\n"
        })
        .collect()
}

pub(crate) fn from_tsv(text: &str) -> Result<Vec<Row>, String> {
    text.lines()
        .map(|line| {
            let (name, numbers) = line.split_once('\t').ok_or(format!("no numbers in {line:?}"))?;
            let numbers: Result<Vec<f64>, _> = numbers.split('\t').map(str::parse).collect();
            let numbers = numbers.map_err(|error| format!("{error} in {line:?}"))?;
            Row::of(name, &numbers).ok_or(format!("not a row: {line:?}"))
        })
        .collect()
}

/// The mean of every number, but the worst p99, over workloads that all had the same contenders.
pub(crate) fn mean(workloads: &[&[Row]]) -> Result<Vec<Row>, String> {
    let first = workloads.first().ok_or("no workloads")?;
    let mut means = Vec::new();
    for (index, row) in first.iter().enumerate() {
        let mut sums = vec![0.0; row.numbers().len()];
        let mut worst = 0.0_f64;
        for workload in workloads {
            let other = workload.get(index).filter(|other| other.name == row.name);
            let other = other.ok_or(format!("{} did not take part everywhere", row.name))?;
            worst = worst.max(other.p99_ms);
            for (sum, number) in sums.iter_mut().zip(other.numbers()) {
                *sum += number / workloads.len() as f64;
            }
        }
        let mean = Row::of(&row.name, &sums).ok_or(format!("{} is not a row", row.name))?;
        means.push(Row { p99_ms: worst, ..mean });
    }
    Ok(means)
}

impl Row {
    fn numbers(&self) -> Vec<f64> {
        let times = [self.mean_ms, self.median_ms, self.p99_ms, self.coding_ms, self.first_ms];
        let shown = self.shown.iter().flat_map(|shown| {
            let Shown { mean_kb, p95_kb, first_kb, rgb_error, luma_error, ssim, exact } = *shown;
            [mean_kb, p95_kb, first_kb, rgb_error, luma_error, ssim, exact]
        });
        times.into_iter().chain(shown).collect()
    }

    fn of(name: &str, numbers: &[f64]) -> Option<Self> {
        let (times, rest) = numbers.split_at_checked(5)?;
        let shown = match *rest {
            [] => None,
            [mean_kb, p95_kb, first_kb, rgb_error, luma_error, ssim, exact] => {
                Some(Shown { mean_kb, p95_kb, first_kb, rgb_error, luma_error, ssim, exact })
            }
            _ => return None,
        };
        let [mean_ms, median_ms, p99_ms, coding_ms, first_ms] = *times else { return None };
        Some(Self { name: name.to_owned(), mean_ms, median_ms, p99_ms, coding_ms, first_ms, shown })
    }
}

fn kilobytes(number: f64) -> String {
    match number {
        0.0 => "0".into(),
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

fn decibels(error: f64) -> String {
    if error == 0.0 { "∞".into() } else { format!("{:.1}", psnr(error)) }
}

/// Not rounded up to 1, which means that there is no difference.
fn similarity(ssim: f64) -> String {
    if ssim >= 1.0 { "1".into() } else { format!("{:.4}", ssim.min(0.9999)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, ms: f64, kb: Option<f64>) -> Row {
        let shown = kb.map(|kb| Shown {
            mean_kb: kb,
            p95_kb: kb,
            first_kb: kb * 3.0,
            rgb_error: 0.0,
            luma_error: 2.0,
            ssim: 0.99,
            exact: 0.5,
        });
        Row {
            name: name.into(),
            mean_ms: ms,
            median_ms: ms,
            p99_ms: ms,
            coding_ms: ms / 3.0,
            first_ms: ms,
            shown,
        }
    }

    #[test]
    fn numbers_are_read_back() {
        let rows = vec![row("one", 0.1, None), row("two", 7.0, Some(1.0 / 3.0))];
        assert_eq!(from_tsv(&to_tsv(&rows)).unwrap(), rows);
        assert!(from_tsv("one\t1\t2").is_err());
        assert!(from_tsv("one").is_err());
    }

    #[test]
    fn a_mean_weighs_workloads_alike_and_keeps_the_worst_frame() {
        let (first, second) = ([row("one", 1.0, Some(4.0))], [row("one", 3.0, Some(8.0))]);
        let mean = mean(&[&first, &second]).unwrap();
        assert_eq!((mean[0].mean_ms, mean[0].p99_ms), (2.0, 3.0));
        assert_eq!(mean[0].shown.unwrap().mean_kb, 6.0);
        assert!(super::mean(&[&first, &[row("two", 1.0, None)]]).is_err());
        let overview = overview(&[("a".into(), first.to_vec()), ("b".into(), second.to_vec())]);
        assert!(overview.ends_with("| one | 1.00 / 4.00 | 3.00 / 8.00 |\n"), "{overview}");
    }
}
