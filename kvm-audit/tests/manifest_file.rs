//! Manifests as files: what is read, what is refused and where, and that printing and reading agree.
#![cfg(feature = "toml")]

use kvm_audit::{Capability, MAX_MANIFEST_BYTES, Manifest, ManifestError, Scope};
use proptest::prelude::*;

const WHOLE: &str = r#"
# What the KVM on the bench may do.
vocabulary = 2
name = "bench-kvm"

[[capability]]
word = "video-capture"
scope = "/dev/video*"
reason = "shows the target's screen"
justification = "grabbers are numbered as they are plugged in"

[[capability]]
word = "network-listen"
scope = ["127.0.0.1:8080", "[::1]:8080"]
reason = "serves the page"
"#;

#[test]
fn a_file_says_what_code_says() {
    let in_code = Manifest::new("bench-kvm")
        .declare(
            Capability::VideoCapture,
            Scope::matching("/dev/video*", "grabbers are numbered as they are plugged in"),
            "shows the target's screen",
        )
        .and_then(|manifest| {
            let scope = Scope::from("127.0.0.1:8080").and("[::1]:8080");
            manifest.declare(Capability::NetworkListen, scope, "serves the page")
        })
        .unwrap();
    assert_eq!(Manifest::from_toml(WHOLE), Ok(in_code));
}

/// Each file is refused at the place, with the words.
#[test]
fn refusals_name_the_place_and_the_words() {
    let head = "vocabulary = 1\nname = \"k\"\n";
    let entry = |body: &str| format!("{head}[[capability]]\n{body}\n");
    for (text, at, words) in [
        // Not TOML, or not these fields.
        (format!("{head}[[capability]\n"), "line 3, column 14", "`]`"),
        (format!("{head}power = true\n"), "line 3, column 1", "unknown field `power`"),
        (entry("word = \"keyboard\"\nscopes = \"x\""), "line 5, column 1", "unknown field `scopes`"),
        (entry("word = \"keyboard\"\nscope = 7"), "line 5, column 9", "a subject or a list of subjects"),
        (entry("word = \"keyboard\"\nscope = [\"x\", 7]"), "line 5, column 15", "expected a string"),
        (entry("scope = \"x\"\nreason = \"y\""), "line 3, column 1", "missing field `word`"),
        ("vocabulary = 1\n".to_owned(), "line 1, column 1", "missing field `name`"),
        ("name = \"k\"\n".to_owned(), "line 1, column 1", "missing field `vocabulary`"),
        ("vocabulary = -1\nname = \"k\"\n".to_owned(), "line 1, column 14", "-1"),
        (format!("{head}name = \"l\"\n"), "line 3, column 1", "duplicate key"),
        // The vocabulary.
        (
            "\nname = \"k\"\nvocabulary = 3\n".to_owned(),
            "line 3, column 14",
            "vocabulary 3 is newer than 2, the newest known here",
        ),
        (entry("word = \"microphone\""), "line 4, column 8", "`microphone` is not a word"),
        (
            entry("word = \"ambient-microphone\"\nscope = \"hw:0\"\nreason = \"y\""),
            "line 4, column 8",
            "ambient-microphone can only be reported",
        ),
        (
            "name = \"k\"\nvocabulary = 0\n[[capability]]\nword = \"keyboard\"\nscope = \"x\"\nreason = \"y\"".to_owned(),
            "line 4, column 8",
            "keyboard is newer than vocabulary 0",
        ),
        // A word that came later never slips into an older manifest.
        (
            entry("word = \"video-codec\"\nscope = \"/dev/video11\"\nreason = \"y\""),
            "line 4, column 8",
            "video-codec is newer than vocabulary 1",
        ),
        (
            entry(
                "word = \"keyboard\"\nscope = \"x\"\nreason = \"y\"\n\n\
                 [[capability]]\nreason = \"é\"\nscope = \"z\"\nword = \"keyboard\"",
            ),
            "line 11, column 8",
            "keyboard is declared twice",
        ),
        // What goes with a word.
        (entry("word = \"keyboard\"\nscope = \"x\""), "line 4, column 8", "keyboard is declared without a reason"),
        (
            entry("word = \"keyboard\"\nscope = \"x\"\nreason = \" \""),
            "line 6, column 10",
            "keyboard is declared without a reason",
        ),
        (entry("word = \"keyboard\"\nreason = \"y\""), "line 4, column 8", "keyboard is declared without a scope"),
        (
            entry("word = \"keyboard\"\nreason = \"y\"\nscope = []"),
            "line 6, column 9",
            "keyboard is declared without a scope",
        ),
        (
            entry("word = \"keyboard\"\nreason = \"y\"\nscope = \"/dev/hidg*\""),
            "line 6, column 9",
            "keyboard is declared for `/dev/hidg*`, a wildcard, without a justification",
        ),
        (
            // Columns count characters, not bytes.
            entry("word = \"keyboard\"\nreason = \"y\"\nscope = [\"ä\", \"/dev/hidg*\"]"),
            "line 6, column 15",
            "`/dev/hidg*`",
        ),
        (
            entry("word = \"keyboard\"\nreason = \"y\"\njustification = \"\"\nscope = \"*\""),
            "line 7, column 9",
            "without a justification",
        ),
    ] {
        let message = Manifest::from_toml(&text).expect_err(&text).to_string();
        let rest = message.strip_prefix(at).unwrap_or_else(|| panic!("{text}\n{message}\nnot at {at}"));
        assert!(rest.contains(words), "{text}\n{message}\ndoes not say: {words}");
        assert!(!message.contains('\n') && !message.ends_with('.'), "{message}");
    }
}

#[test]
fn a_file_without_end_is_not_even_read() {
    let text = format!("{WHOLE}#{}", "x".repeat(MAX_MANIFEST_BYTES));
    assert_eq!(Manifest::from_toml(&text), Err(ManifestError::TooLong { bytes: text.len() }));
}

#[test]
fn deep_nesting_is_an_error() {
    let text = format!("vocabulary = {}", "[".repeat(MAX_MANIFEST_BYTES / 2));
    assert!(matches!(Manifest::from_toml(&text), Err(ManifestError::Toml { .. })));
}

/// A justification is needed exactly when a wildcard occurs, in code as in files.
#[test]
fn code_needs_a_justification_too() {
    for scope in [Scope::from("/dev/video*"), Scope::any(" "), Scope::from("a").and("b*")] {
        assert!(Manifest::new("k").declare(Capability::Recording, scope, "y").is_err());
    }
    assert!(Manifest::new("k").declare(Capability::Recording, Scope::any("because"), "y").is_ok());
}

/// Text with what TOML has to escape, never blank.
fn text() -> impl Strategy<Value = String> {
    "[ -~]{0,6}[a-z\"\\\\\u{0}-\u{1f}\u{7f}-\u{ff}*😀]{0,8}[a-z]"
}

fn scope() -> impl Strategy<Value = Scope> {
    (prop::collection::vec(text(), 1..4), prop::option::of(text())).prop_map(|(subjects, justification)| {
        let broad = subjects.iter().any(|subject| subject.contains('*'));
        let (first, more) = subjects.split_first().expect("at least one");
        let scope = match justification {
            Some(justification) => Scope::matching(first, justification),
            None if broad => Scope::matching(first, "because"),
            None => Scope::from(first.as_str()),
        };
        more.iter().fold(scope, Scope::and)
    })
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let declarable: Vec<Capability> =
        Capability::ALL.into_iter().filter(|capability| !capability.is_report_only()).collect();
    let most = declarable.len();
    let words = prop::sample::subsequence(declarable, 0..=most).prop_shuffle();
    (text(), words, prop::collection::vec((scope(), text()), most)).prop_map(|(name, words, details)| {
        words.into_iter().zip(details).fold(Manifest::new(name), |manifest, (capability, (scope, reason))| {
            manifest.declare(capability, scope, reason).expect("a declarable word, once")
        })
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(manifest in manifest()) {
        let text = manifest.to_toml();
        prop_assert_eq!(Manifest::from_toml(&text), Ok(manifest), "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = Manifest::from_toml(&text);
    }

    /// Damage to a good file is refused or harmless, and the place lies within the file.
    #[test]
    fn a_damaged_file_is_refused_within_itself(
        at in 0..WHOLE.len(), length in 0..40_usize, put in "[a-z*\"\\[\\]=\n ]{0,4}",
    ) {
        let mut text = WHOLE.to_owned();
        text.replace_range(at..(at + length).min(WHOLE.len()), &put);
        match Manifest::from_toml(&text) {
            Ok(manifest) => prop_assert_eq!(Manifest::from_toml(&manifest.to_toml()), Ok(manifest)),
            Err(
                ManifestError::Toml { at, .. }
                | ManifestError::Vocabulary { at, .. }
                | ManifestError::Word { at, .. }
                | ManifestError::Declaration { at, .. },
            ) => {
                let line = text.split('\n').nth(at.line - 1).expect("a line of the file");
                prop_assert!(at.column >= 1 && at.column <= line.chars().count() + 1);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
