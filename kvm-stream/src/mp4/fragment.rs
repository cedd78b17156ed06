//! Fragments of a recording, and the index of them at its end.

use std::io::{self, Write};

use bytes::Bytes;

use super::boxes::BoxWriter;
#[cfg(feature = "chain")]
use super::chain::{Chain, ChainHead, write_link};
use super::init::{INPUT_TRACK_ID, SYNC_SAMPLE, TRACK_ID};

/// A picture, or a second's input, on its way into a fragment.
#[derive(Debug)]
pub(crate) struct Sample {
    /// It as it is stored.
    pub(crate) payload: Bytes,
    /// How long it lasts, in ticks.
    pub(crate) duration: u32,
    /// Whether decoding can start at it. In a fragment only the first may differ from the track's default.
    pub(crate) is_sync: bool,
}

/// What a fragment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Pictures,
    Inputs,
}

impl Of {
    fn track_id(self) -> u32 {
        match self {
            Self::Pictures => TRACK_ID,
            Self::Inputs => INPUT_TRACK_ID,
        }
    }
}

/// Writes fragments one after the other and remembers where they are.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    header: BoxWriter,
    written: u64,
    count: u32,
    index: Index,
    #[cfg(feature = "chain")]
    chain: Option<Chain>,
}

impl Fragments {
    /// Writes what the file starts with.
    pub(crate) fn start(&mut self, writer: &mut impl Write, init: &[u8]) -> io::Result<()> {
        writer.write_all(init)?;
        self.written += init.len() as u64;
        #[cfg(feature = "chain")]
        if let Some(chain) = &mut self.chain {
            chain.update(init);
            chain.start();
        }
        Ok(())
    }

    /// Writes one fragment, `moof` and `mdat` (ISO/IEC 14496-12, section 8.8), that starts at this tick.
    ///
    /// A fragment without samples is the place up to which the last picture before it lasts.
    pub(crate) fn write(
        &mut self,
        writer: &mut impl Write,
        of: Of,
        start: u64,
        samples: &[Sample],
    ) -> io::Result<()> {
        self.count = self.count.wrapping_add(1);
        self.header.clear();
        let mut data_offset_at = None;
        self.header.write_box(b"moof", |out| {
            out.write_full_box(b"mfhd", 0, 0, |out| out.u32(self.count));
            out.write_box(b"traf", |out| {
                let empty = if samples.is_empty() { DURATION_IS_EMPTY } else { 0 };
                out.write_full_box(b"tfhd", 0, DEFAULT_BASE_IS_MOOF | empty, |out| out.u32(of.track_id()));
                out.write_full_box(b"tfdt", 1, 0, |out| out.u64(start));
                if !samples.is_empty() {
                    data_offset_at = Some(write_run(out, samples));
                }
            });
        });
        if let Some(at) = data_offset_at {
            let to_data = self.header.len() + MDAT_HEADER;
            self.header.patch_u32(at, u32::try_from(to_data).map_err(|_| too_long())?);
            let payloads: u64 = samples.iter().map(|sample| sample.payload.len() as u64).sum();
            let mdat = u32::try_from(payloads + MDAT_HEADER as u64).map_err(|_| too_long())?;
            self.header.u32(mdat);
            self.header.put(b"mdat");
        }
        writer.write_all(self.header.as_bytes())?;
        for sample in samples {
            writer.write_all(&sample.payload)?;
        }
        #[cfg(feature = "chain")]
        let link = self.link(samples);
        #[cfg(feature = "chain")]
        writer.write_all(link.as_bytes())?;
        writer.flush()?;
        if of == Of::Pictures && samples.first().is_some_and(|sample| sample.is_sync) {
            self.index.push(start, self.written);
        }
        self.written += self.header.len() as u64;
        self.written += samples.iter().map(|sample| sample.payload.len() as u64).sum::<u64>();
        #[cfg(feature = "chain")]
        {
            self.written += link.len() as u64;
        }
        Ok(())
    }

    /// Begins a chain of hashes, before anything is written.
    #[cfg(feature = "chain")]
    pub(crate) fn begin_chain(&mut self) {
        self.chain = Some(Chain::new());
    }

    /// Where the chain of hashes stands.
    #[cfg(feature = "chain")]
    pub(crate) fn chain_head(&self) -> Option<ChainHead> {
        self.chain.as_ref().map(Chain::head)
    }

    /// The link behind the fragment at hand; nothing without a chain.
    #[cfg(feature = "chain")]
    fn link(&mut self, samples: &[Sample]) -> BoxWriter {
        let mut out = BoxWriter::default();
        if let Some(chain) = &mut self.chain {
            chain.update(self.header.as_bytes());
            samples.iter().for_each(|sample| chain.update(&sample.payload));
            write_link(&mut out, chain.link(), false);
        }
        out
    }

    /// Writes the index of fragments that decoding can start at (section 8.8.9).
    pub(crate) fn finish(&mut self, writer: &mut impl Write) -> io::Result<()> {
        self.header.clear();
        self.index.write(&mut self.header);
        #[cfg(feature = "chain")]
        if let Some(chain) = &mut self.chain {
            let mut end = BoxWriter::default();
            chain.begin_end();
            chain.update(self.header.as_bytes());
            write_link(&mut end, chain.end(), true);
            writer.write_all(end.as_bytes())?;
            self.written += end.len() as u64;
        }
        writer.write_all(self.header.as_bytes())?;
        writer.flush()?;
        self.written += self.header.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Fragments written so far.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

/// Writes the run of samples and tells where in it the offset of the data is to go.
fn write_run(out: &mut BoxWriter, samples: &[Sample]) -> usize {
    let mut data_offset_at = 0;
    out.write_full_box(b"trun", 0, DATA_OFFSET | FIRST_FLAGS | DURATIONS | SIZES, |out| {
        out.u32(u32::try_from(samples.len()).expect("the recorder cuts long before"));
        data_offset_at = out.len();
        out.u32(0);
        let is_sync = samples.first().is_some_and(|sample| sample.is_sync);
        out.u32(if is_sync { SYNC_SAMPLE } else { super::init::DEPENDENT_SAMPLE });
        for sample in samples {
            out.u32(sample.duration);
            out.u32(u32::try_from(sample.payload.len()).expect("the recorder refuses longer ones"));
        }
    });
    data_offset_at
}

/// Where decoding can start: tick and place of a fragment.
///
/// Bounded: when it is full, every second entry goes, and from then on every second fragment is left out.
#[derive(Debug)]
struct Index {
    entries: Vec<(u64, u64)>,
    // Of how many fragments one is remembered, and how many have passed since the last that was.
    stride: u32,
    passed: u32,
}

impl Index {
    const MAX_ENTRIES: usize = 1 << 16;

    fn push(&mut self, start: u64, offset: u64) {
        if self.passed == 0 {
            if self.entries.len() == Self::MAX_ENTRIES {
                let mut keep = false;
                self.entries.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride = self.stride.saturating_mul(2);
            }
            self.entries.push((start, offset));
        }
        self.passed = (self.passed + 1) % self.stride;
    }

    fn write(&self, out: &mut BoxWriter) {
        let start = out.len();
        let mut size_at = start;
        out.write_box(b"mfra", |out| {
            out.write_full_box(b"tfra", 1, 0, |out| {
                out.u32(TRACK_ID);
                out.u32(0); // numbers of run and sample have one byte each
                out.u32(u32::try_from(self.entries.len()).expect("`push` bounds the entries"));
                for &(tick, offset) in &self.entries {
                    out.u64(tick);
                    out.u64(offset);
                    out.put(&[1, 1, 1]); // the first track fragment, run and sample
                }
            });
            out.write_full_box(b"mfro", 0, 0, |out| {
                size_at = out.len();
                out.u32(0);
            });
        });
        // The last bytes of the file say how far before its end the index starts.
        let len = u32::try_from(out.len() - start).expect("`push` bounds the entries");
        out.patch_u32(size_at, len);
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { entries: Vec::new(), stride: 1, passed: 0 }
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a fragment of 4 GiB or more")
}

pub(super) const MDAT_HEADER: usize = 8;

// Flags of `tfhd` (section 8.8.7.1) and `trun` (8.8.8.1).
pub(super) const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
pub(super) const DURATION_IS_EMPTY: u32 = 0x01_0000;
pub(super) const DATA_OFFSET: u32 = 0x1;
pub(super) const FIRST_FLAGS: u32 = 0x4;
pub(super) const DURATIONS: u32 = 0x100;
pub(super) const SIZES: u32 = 0x200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_index_thins_out_evenly() {
        let mut index = Index::default();
        for fragment in 0..Index::MAX_ENTRIES as u64 * 3 {
            index.push(fragment, fragment * 100);
        }
        assert!(index.entries.len() <= Index::MAX_ENTRIES);
        assert!(index.entries.windows(2).all(|pair| pair[1].0 - pair[0].0 == 4));
        assert_eq!(index.entries[0], (0, 0));
    }

    #[test]
    fn a_fragment_costs_a_hundred_bytes_and_eight_per_picture() {
        let sample = || Sample { payload: Bytes::from_static(b"picture"), duration: 1, is_sync: true };
        let mut file = Vec::new();
        let mut fragments = Fragments::default();
        fragments.write(&mut file, Of::Pictures, 0, &[sample(), sample(), sample()]).unwrap();
        assert_eq!(file.len(), 100 + 3 * (8 + 7));
        assert_eq!(fragments.written(), file.len() as u64);
    }
}
