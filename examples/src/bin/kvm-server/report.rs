//! What the program says on its terminal. No key, no text and no secret passes through here, but for the one link.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};

/// Says one line on standard output. That it is closed is no reason to end.
pub(crate) fn say(line: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Says on standard error what went wrong.
pub(crate) fn complain(what: &str, why: impl Display) {
    let _ = writeln!(io::stderr().lock(), "kvm-server: {what}: {why}");
}

/// An error with everything that caused it, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // A transparent error says what its source says.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
