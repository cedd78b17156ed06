//! A chain of hashes over a recording, so that a cut or an edit shows.

use std::fmt;

use sha2::{Digest, Sha256};

use super::boxes::BoxWriter;

/// Where the chain of a recording stands: so many fragments, and the hash over all of them.
///
/// # Format
///
/// Behind each fragment (`moof` and, if it has pictures, `mdat`) stands a *link*: a `uuid` box (ISO/IEC 14496-12, section
/// 4.2), which players pass over. All of a link is big-endian:
///
/// | bytes | what |
/// | --- | --- |
/// | 4 | size of the box, 68 |
/// | 4 | `uuid` |
/// | 16 | the type, `d936e64a-2e9b-4b9e-9e9f-01bbf64cc2ca` |
/// | 4 | version 0 and flags: 0 for a link, 1 for the end |
/// | 8 | the fragment's number, from 1; in the end, how many there are |
/// | 32 | SHA-256 |
///
/// The hash of link *n* is that of the hash before it followed by the fragment, every byte of it. The first one continues
/// the hash of what the file starts with, `ftyp` and `moov`. A finished recording has one more such box before its
/// index, the *end*: its hash is that of the last link's hash, the number of fragments in 8 bytes, and the index (`mfra`).
///
/// # What it shows, and what not
///
/// Any byte that was changed, and any fragment that was left out, put in, repeated or moved, by somebody who did not
/// compute the chain anew. Everybody can compute it, there is no key in it; so whoever has to know keeps the
/// head apart from the file, for instance in the ledger or signed, and compares. Of a file that ends without an end,
/// nobody can tell whether the recorder was stopped or the rest was cut off.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ChainHead {
    /// Fragments so far.
    pub fragments: u64,
    /// The SHA-256 over them.
    pub hash: [u8; 32],
}

impl fmt::Display for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, " after {} fragments", self.fragments)
    }
}

impl fmt::Debug for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainHead({self})")
    }
}

/// Computes the chain while a recording is written or read.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    head: ChainHead,
    hasher: Sha256,
}

impl Chain {
    /// A chain that has seen nothing of the file.
    pub(super) fn new() -> Self {
        Self { head: ChainHead { fragments: 0, hash: [0; 32] }, hasher: Sha256::new() }
    }

    /// Takes in bytes of what the next hash is over.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// Ends what the file starts with.
    pub(super) fn start(&mut self) {
        self.head.hash = self.hasher.finalize_reset().into();
        self.hasher.update(self.head.hash);
    }

    /// Ends a fragment.
    pub(super) fn link(&mut self) -> ChainHead {
        self.head.fragments += 1;
        self.start();
        self.head
    }

    /// The hash of the end, whose index has been taken in after [`begin_end`](Self::begin_end).
    pub(super) fn end(&mut self) -> ChainHead {
        ChainHead { fragments: self.head.fragments, hash: self.hasher.finalize_reset().into() }
    }

    /// Begins the end; the index is to follow.
    pub(super) fn begin_end(&mut self) {
        self.hasher.update(self.head.fragments.to_be_bytes());
    }

    pub(super) fn head(&self) -> ChainHead {
        self.head
    }
}

/// Writes a link or an end.
pub(super) fn write_link(out: &mut BoxWriter, head: ChainHead, is_end: bool) {
    out.write_box(b"uuid", |out| {
        out.put(&USER_TYPE);
        out.u32(u32::from(is_end));
        out.u64(head.fragments);
        out.put(&head.hash);
    });
}

/// The type of links.
pub(super) const USER_TYPE: [u8; 16] =
    [0xD9, 0x36, 0xE6, 0x4A, 0x2E, 0x9B, 0x4B, 0x9E, 0x9E, 0x9F, 0x01, 0xBB, 0xF6, 0x4C, 0xC2, 0xCA];
/// Bytes of a link behind its size and name.
pub(super) const LINK_CONTENTS: usize = 60;
