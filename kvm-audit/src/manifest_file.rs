//! A manifest as a TOML file, for the people who run the device.
//!
//! ```toml
//! vocabulary = 1
//! name = "bench-kvm"
//!
//! [[capability]]
//! word = "video-capture"
//! scope = "/dev/video*"
//! reason = "shows the target's screen"
//! justification = "grabbers are numbered as they are plugged in"
//! ```

use std::fmt::{self, Write as _};
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use crate::capability::VOCABULARY;
use crate::{Capability, Declaration, DeclareError, Manifest, Scope, UnknownWord};

/// The longest manifest file that is read, in bytes; one with every word takes about two thousand.
pub const MAX_MANIFEST_BYTES: usize = 64 * 1024;

impl Manifest {
    /// Reads a manifest from the text of a TOML file.
    ///
    /// `vocabulary` and `name` stand at the top. Each `[[capability]]` has a `word`, a `scope` (one subject
    /// or a list) and a `reason`, and a `justification` when a `*` stands in the scope: in a file, a `*` is
    /// always a wildcard.
    ///
    /// ```
    /// let error = kvm_audit::Manifest::from_toml(r#"
    /// vocabulary = 1
    /// name = "bench-kvm"
    /// [[capability]]
    /// word = "microphone"
    /// scope = "hw:0"
    /// reason = "no reason at all"
    /// "#).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "line 5, column 8: `microphone` is not a word of the capability vocabulary (version 2)",
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// The text is too long, is not TOML, has other fields than these or lacks one, is written against a
    /// newer vocabulary than this crate knows, or declares what [`Manifest::declare`] refuses.
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLong { bytes: text.len() });
        }
        let file: File = toml::from_str(text).map_err(|error| ManifestError::Toml {
            at: Position::of(text, error.span()),
            message: error.message().trim_end().to_owned(),
        })?;
        let vocabulary = *file.vocabulary.get_ref();
        if vocabulary > VOCABULARY {
            let at = Position::of(text, Some(file.vocabulary.span()));
            return Err(ManifestError::Vocabulary { at, vocabulary });
        }
        file.capability.into_iter().try_fold(Self::against(vocabulary, file.name), |manifest, entry| {
            entry.declare_in(manifest, text)
        })
    }

    /// Prints the manifest as a TOML file that [`from_toml`](Self::from_toml) reads back the same, as long
    /// as it stays within [`MAX_MANIFEST_BYTES`].
    pub fn to_toml(&self) -> String {
        let mut text = format!("vocabulary = {}\nname = {}\n", self.vocabulary(), quoted(self.name()));
        for Declaration { capability, scope, reason } in self.declarations() {
            text.push_str("\n[[capability]]\n");
            let mut line = |key: &str, value: String| text.extend([key, " = ", &value, "\n"]);
            line("word", quoted(capability.word()));
            line("scope", subjects_of(scope));
            line("reason", quoted(reason));
            if let Some(justification) = scope.justification() {
                line("justification", quoted(justification));
            }
        }
        text
    }
}

/// A place in a manifest file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// Where the span begins; the beginning of the text when something is missing from all of it.
    fn of(text: &str, span: Option<Range<usize>>) -> Self {
        let start = span.map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or(text);
        let in_line = before.rsplit('\n').next().unwrap_or(before);
        Self { line: before.matches('\n').count() + 1, column: in_line.chars().count() + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a manifest file was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file is longer than any honest manifest.
    #[error("a manifest of {bytes} bytes is refused, {MAX_MANIFEST_BYTES} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is not TOML, has a field no manifest has, or lacks one that every manifest has.
    #[error("{at}: {message}")]
    Toml {
        /// Where.
        at: Position,
        /// What the reader of the format says.
        message: String,
    },
    /// It was written against a vocabulary this crate does not know yet.
    #[error("{at}: vocabulary {vocabulary} is newer than {VOCABULARY}, the newest known here")]
    Vocabulary {
        /// Where.
        at: Position,
        /// The file's vocabulary.
        vocabulary: u16,
    },
    /// A word is not in the vocabulary.
    #[error("{at}: {unknown}")]
    Word {
        /// Where.
        at: Position,
        /// The word.
        unknown: UnknownWord,
    },
    /// A declaration is refused.
    #[error("{at}: {refusal}")]
    Declaration {
        /// Where: at the word, or at the value that is the matter.
        at: Position,
        /// Why.
        refusal: DeclareError,
    },
}

/// The file as it is written, before its words are judged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    vocabulary: Spanned<u16>,
    name: String,
    #[serde(default)]
    capability: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    word: Spanned<String>,
    scope: Option<Spanned<Subjects>>,
    reason: Option<Spanned<String>>,
    justification: Option<String>,
}

impl Entry {
    /// Declares the entry; what is missing from it is left blank, which no manifest takes.
    fn declare_in(self, manifest: Manifest, text: &str) -> Result<Manifest, ManifestError> {
        let capability: Capability = self.word.get_ref().parse().map_err(|unknown| ManifestError::Word {
            at: Position::of(text, Some(self.word.span())),
            unknown,
        })?;
        let subjects = self.scope.as_ref().map_or_else(Vec::new, |scope| scope.get_ref().names());
        let scope = Scope::new(subjects, self.justification.clone());
        let reason = self.reason.as_ref().map_or("", |reason| reason.get_ref());
        manifest.declare(capability, scope, reason).map_err(|refusal| ManifestError::Declaration {
            at: Position::of(text, Some(self.culprit(&refusal))),
            refusal,
        })
    }

    /// Where the cause of a refusal stands: the value that is the matter, or the word if it has none.
    fn culprit(&self, refusal: &DeclareError) -> Range<usize> {
        let value = match refusal {
            DeclareError::NoReason(_) => self.reason.as_ref().map(Spanned::span),
            DeclareError::NoScope(_) => self.scope.as_ref().map(Spanned::span),
            DeclareError::NoJustification { subject, .. } => self
                .scope
                .as_ref()
                .map(|scope| scope.get_ref().span_of(subject).unwrap_or_else(|| scope.span())),
            DeclareError::ReportOnly(_) | DeclareError::Duplicate(_) | DeclareError::Newer { .. } => None,
        };
        value.unwrap_or_else(|| self.word.span())
    }
}

/// The value of `scope`.
enum Subjects {
    One(String),
    Many(Vec<Spanned<String>>),
}

impl Subjects {
    fn names(&self) -> Vec<String> {
        match self {
            Self::One(subject) => vec![subject.clone()],
            Self::Many(subjects) => subjects.iter().map(|subject| subject.get_ref().clone()).collect(),
        }
    }

    /// Where a subject of a list stands.
    fn span_of(&self, subject: &str) -> Option<Range<usize>> {
        match self {
            Self::One(_) => None,
            Self::Many(subjects) => {
                subjects.iter().find(|listed| listed.get_ref() == subject).map(Spanned::span)
            }
        }
    }
}

// By hand, because an untagged enum would lose the positions and answer mistakes with "did not match any
// variant".
impl<'de> Deserialize<'de> for Subjects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Subjects;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a subject or a list of subjects")
            }

            fn visit_str<E>(self, subject: &str) -> Result<Subjects, E> {
                Ok(Subjects::One(subject.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Subjects, A::Error> {
                let mut subjects = Vec::new();
                while let Some(subject) = list.next_element()? {
                    subjects.push(subject);
                }
                Ok(Subjects::Many(subjects))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

/// Prints a scope as the value of `scope`.
fn subjects_of(scope: &Scope) -> String {
    let subjects: Vec<String> = scope.subjects().map(quoted).collect();
    match subjects.as_slice() {
        [subject] => subject.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// A basic string of TOML 1.0 ("String"): quotation mark, backslash and control characters escaped.
fn quoted(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_ascii_control() => {
                // Writing into a string cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(control));
            }
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}
