//! Tells whether a recording with a chain of hashes is as it was written.
//!
//!     cargo run -p kvm-examples --features chain --bin verify-recording -- session.mp4 [HEAD]
//!
//! HEAD is the hash that was kept apart from the file, 64 hexadecimal digits: without it, whoever edited the file may have
//! computed the chain anew. Ends with 0 if the recording is intact, 1 if it is cut or edited, 2 if nothing can be said.
//!
//! Needs: the feature `chain`.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use kvm_stream::mp4::{ChainHead, Verdict, verify};

/// Tells whether a recording with a chain of hashes is as it was written.
#[derive(Parser)]
struct Options {
    /// The recording.
    recording: PathBuf,
    /// The hash of its last fragment, as it was kept elsewhere.
    head: Option<String>,
}

fn main() -> io::Result<ExitCode> {
    let options = Options::parse();
    let verdict = verify(BufReader::new(File::open(&options.recording)?))?;
    let is_wanted = |head: ChainHead| {
        let hash = head.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        options.head.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&hash))
    };
    let (text, code) = match verdict {
        Verdict::Intact(head) if is_wanted(head) => (format!("intact: {head}"), 0),
        Verdict::Intact(head) => (format!("another recording, or its chain was computed anew: {head}"), 1),
        Verdict::CutAfter(head) => (format!("not finished, or cut off: as written up to {head}"), 1),
        Verdict::Edited { fragment } => (format!("edited at fragment {fragment}"), 1),
        Verdict::Unchained => ("not chained: nothing can be said".to_owned(), 2),
        _ => ("a verdict that this program does not know".to_owned(), 2),
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(ExitCode::from(code))
}
