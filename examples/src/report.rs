//! What a program says on its terminal. No key, no text and no secret passes through here, but for the one link.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

/// Says one line on standard output. That it is closed is no reason to end.
pub fn say(line: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Says on standard error what went wrong.
pub fn complain(what: &str, why: impl Display) {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&name).file_name().unwrap_or_default().to_string_lossy();
    let _ = writeln!(io::stderr().lock(), "{name}: {what}: {why}");
}

/// An error with everything that caused it, in one line.
pub fn chain(error: &dyn Error) -> String {
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
