//! The numbers of a running KVM, in the text format of Prometheus.

use std::fmt::{Display, Write};

use crate::app::App;

/// The version of the format (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// All of them, now.
pub(crate) fn of(app: &App) -> String {
    let picture = app.picture_state.borrow().clone();
    let stats = picture.stats;
    let mut text = String::new();
    gauge(&mut text, "kvm_signal_live", "Whether there is a picture.", u8::from(picture.signal.live));
    gauge(&mut text, "kvm_viewers", "Pages and programs that get pictures.", app.channels.viewers());
    gauge(&mut text, "kvm_captured_fps", "Frames of the last second.", stats.captured_fps);
    gauge(
        &mut text,
        "kvm_sent_fps",
        "Pictures of the last second that changed and were encoded.",
        stats.sent_fps,
    );
    gauge(
        &mut text,
        "kvm_sent_bytes_per_second",
        "Bytes of the pictures of the last second.",
        stats.bytes_per_s,
    );
    gauge(&mut text, "kvm_diff_seconds", "Mean time of comparing, last second.", seconds(stats.diff_us));
    gauge(&mut text, "kvm_encode_seconds", "Mean time of encoding, last second.", seconds(stats.encode_us));
    counter(&mut text, "kvm_unchanged_total", "Frames as the one before, not sent.", stats.unchanged);
    counter(&mut text, "kvm_starved_total", "Times that every buffer was in use.", stats.starved);
    app.photons.write_metrics(&mut text);
    text
}

fn gauge(text: &mut String, name: &str, help: &str, value: impl Display) {
    write(text, name, help, "gauge", value);
}

fn counter(text: &mut String, name: &str, help: &str, value: impl Display) {
    write(text, name, help, "counter", value);
}

fn write(text: &mut String, name: &str, help: &str, kind: &str, value: impl Display) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}

#[expect(clippy::cast_precision_loss, reason = "a mean of one second is small")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
