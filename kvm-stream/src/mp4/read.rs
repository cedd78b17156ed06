//! Reading a recording back, whole or cut short.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use bytes::Bytes;

use super::description::{Description, parse_description};
use super::fragment::{
    DATA_OFFSET, DEFAULT_BASE_IS_MOOF, DURATION_IS_EMPTY, DURATIONS, FIRST_FLAGS, MDAT_HEADER, SIZES,
};
use super::init::{INPUT_TRACK_ID, SYNC_SAMPLE, TRACK_ID};
use super::inputs::{InputTally, MAX_SAMPLE_BYTES, QUIET};
use super::parse::Parser;
use super::track::{Coding, MAX_PICTURE_BYTES, Track};
use crate::Codec;

/// Reads a recording of a [`Recorder`](crate::Recorder), whole or cut short, fragment by fragment.
///
/// It reads what that recorder writes and nothing more: a fragmented file of another program is refused. The bytes
/// may hold anything; memory is bounded by one fragment's table of pictures (1 MiB) and one picture.
///
/// ```no_run
/// let mut recording = kvm_stream::mp4::RecordingReader::open(std::fs::File::open("session.mp4")?)?;
/// let mut pictures = 0;
/// while let Some(fragment) = recording.next_fragment()? {
///     pictures += fragment.pictures.len();
/// }
/// println!("{pictures} pictures, ending: {:?}", recording.ending());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RecordingReader<R> {
    reader: R,
    len: u64,
    position: u64,
    // The ticks at which the pictures and the inputs read so far end.
    end: u64,
    inputs_end: u64,
    description: Description,
    ending: Option<Ending>,
}

/// A complete fragment of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fragment {
    /// When it starts, from the start of the recording. If that is later than the end of the pictures before, the
    /// last of them is shown until then. A fragment of inputs starts where the pictures before end.
    pub start: Duration,
    /// Its pictures, in order. None in a fragment of inputs, and in one that only states where the recording ends.
    pub pictures: Vec<Picture>,
    /// The classes of input of seconds in which there was any. A fragment that has some has no pictures.
    pub inputs: Vec<InputSpan>,
}

/// One picture of a recording: where it is and when it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Picture {
    /// When it is shown, from the start of the recording.
    pub start: Duration,
    /// How long it is shown, as far as was known when it was written.
    pub duration: Duration,
    /// Whether decoding can start here.
    pub is_keyframe: bool,
    /// Where its bytes are in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub len_bytes: u32,
}

/// What input was made in a time of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputSpan {
    /// When it begins, from the start of the recording.
    pub start: Duration,
    /// How long it is: a second, or what was left of the recording.
    pub duration: Duration,
    /// How much of which class.
    pub tally: InputTally,
}

/// How a recording ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// With its index: the recorder finished it.
    Finished,
    /// Without an index, after a complete fragment: the recorder did not come to finish it.
    Unfinished,
    /// Within a fragment, which is lost: it starts at this byte.
    Cut {
        /// Where the complete fragments end.
        offset: u64,
    },
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Reading failed.
    #[error("reading the recording failed")]
    Io(#[from] io::Error),
    /// The file ends before any picture could have come.
    #[error("the recording ends before its first fragment")]
    Empty,
    /// The file is not what a recorder writes.
    #[error("not a recording at byte {offset}: {reason}")]
    Malformed {
        /// Where, from the start of the file.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
}

impl<R: Read + Seek> RecordingReader<R> {
    /// Reads what the recording starts with.
    ///
    /// # Errors
    ///
    /// Reading failed, the file ends before its first fragment, or it is not a recording.
    pub fn open(mut reader: R) -> Result<Self, ReadError> {
        let len = reader.seek(SeekFrom::End(0))?;
        let pictures = Track { width_px: 0, height_px: 0, coding: Coding::Jpeg };
        let description = Description { pictures, has_inputs: false };
        let mut this = Self { reader, len, position: 0, end: 0, inputs_end: 0, description, ending: None };
        let ftyp = this.next_header()?.ok_or(ReadError::Empty)?;
        if ftyp.kind != *b"ftyp" {
            return Err(ftyp.error("it does not start as an MP4 file does"));
        }
        this.position = ftyp.end;
        let moov = this.next_header()?.ok_or(ReadError::Empty)?;
        if moov.kind != *b"moov" {
            return Err(moov.error("the stream is not described"));
        }
        let contents = this.contents(&moov)?;
        this.description = parse_description(Parser::new(&contents, moov.contents()))?;
        this.position = moov.end;
        Ok(this)
    }

    /// Reads where the pictures of the next complete fragment are; `None` after the last one.
    ///
    /// # Errors
    ///
    /// Reading failed, or there is something that no recorder wrote. After an error there is nothing more to be had.
    pub fn next_fragment(&mut self) -> Result<Option<Fragment>, ReadError> {
        if self.ending.is_some() {
            return Ok(None);
        }
        let passed = self.pass_links();
        let start = self.position;
        let fragment = passed.and_then(|()| self.read_fragment());
        match &fragment {
            Ok(Some(_)) => {}
            Ok(None) if self.ending.is_none() && start == self.len => self.ending = Some(Ending::Unfinished),
            _ => {
                self.ending.get_or_insert(Ending::Cut { offset: start });
            }
        }
        fragment
    }

    /// Reads the bytes of a picture: a JPEG, or units of H.264 with their lengths before them.
    ///
    /// # Errors
    ///
    /// Reading failed.
    pub fn read_picture(&mut self, picture: &Picture) -> Result<Vec<u8>, ReadError> {
        let len = u64::from(picture.len_bytes);
        if picture.offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(ReadError::Malformed {
                offset: picture.offset,
                reason: "a picture outside the file",
            });
        }
        self.read_at(picture.offset, picture.len_bytes as usize)
    }
}

impl<R> RecordingReader<R> {
    /// How the pictures are coded.
    pub fn codec(&self) -> Codec {
        match self.description.pictures.coding {
            Coding::Jpeg => Codec::Jpeg,
            Coding::H264(_) => Codec::H264,
        }
    }

    /// Width of the pictures in pixels.
    pub fn width_px(&self) -> u32 {
        self.description.pictures.width_px.into()
    }

    /// Height of the pictures in pixels.
    pub fn height_px(&self) -> u32 {
        self.description.pictures.height_px.into()
    }

    /// Whether it has a track of [input classes](crate::Recorder::with_input_classes).
    pub fn has_input_classes(&self) -> bool {
        self.description.has_inputs
    }

    /// The sequence and picture parameter sets of H.264; empty for other codecs.
    pub fn parameter_sets(&self) -> (&[Bytes], &[Bytes]) {
        match &self.description.pictures.coding {
            Coding::Jpeg => (&[], &[]),
            Coding::H264(sets) => (&sets.sequence, &sets.picture),
        }
    }

    #[cfg(feature = "mp4")]
    pub(super) fn track(&self) -> &Track {
        &self.description.pictures
    }

    /// How the recording ends; `None` until [`next_fragment`](Self::next_fragment) came to its end.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }
}

/// The first bytes of a box, whose contents are all in the file.
#[derive(Debug)]
struct Header {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

impl Header {
    fn contents(&self) -> u64 {
        self.start + HEADER_BYTES
    }

    fn error(&self, reason: &'static str) -> ReadError {
        ReadError::Malformed { offset: self.start, reason }
    }
}

impl<R: Read + Seek> RecordingReader<R> {
    /// Moves behind the links of a chain, which is for `verify` to read.
    fn pass_links(&mut self) -> Result<(), ReadError> {
        while let Some(link) = self.next_header()?.filter(|header| header.kind == *b"uuid") {
            self.position = link.end;
        }
        Ok(())
    }

    /// Reads a fragment and moves behind it; `None` where the file ends before the fragment does.
    fn read_fragment(&mut self) -> Result<Option<Fragment>, ReadError> {
        let Some(moof) = self.next_header()? else { return Ok(None) };
        if moof.kind == *b"mfra" {
            self.ending = Some(Ending::Finished);
            return Ok(None);
        }
        if moof.kind != *b"moof" {
            return Err(moof.error("neither a fragment nor the index"));
        }
        let contents = self.contents(&moof)?;
        let mut traf =
            Parser::new(&contents, moof.contents()).expect_box(b"traf", "a fragment without a track")?;
        let mut tfhd = traf.expect_box(b"tfhd", "a track fragment without a header")?;
        let (_, flags) = tfhd.version_and_flags()?;
        let is_known = flags & !DURATION_IS_EMPTY == DEFAULT_BASE_IS_MOOF;
        let (is_of_inputs, end) = match tfhd.u32()? {
            TRACK_ID if is_known => (false, self.end),
            INPUT_TRACK_ID if is_known && self.description.has_inputs => (true, self.inputs_end),
            _ => return Err(tfhd.error("a track fragment that no recorder writes")),
        };
        let mut tfdt = traf.expect_box(b"tfdt", "a track fragment without a time")?;
        let (version, _) = tfdt.version_and_flags()?;
        let start = tfdt.u64()?;
        if version != 1 || start < end {
            return Err(tfdt.error("a track fragment that does not come after the one before"));
        }
        self.position = moof.end;
        let run = traf.find_box(b"trun")?;
        let Some(run) = run else {
            if is_of_inputs {
                return Err(traf.error("inputs without a table"));
            }
            self.end = start;
            return Ok(Some(self.fragment(start)));
        };
        let Some(mdat) = self.next_header()? else { return Ok(None) };
        if mdat.kind != *b"mdat" {
            return Err(mdat.error("a fragment without its data"));
        }
        let samples = Samples::parse(run, start, &moof, &mdat)?;
        let fragment = if is_of_inputs {
            let inputs = self.read_inputs(&samples)?;
            self.inputs_end = samples.end;
            Fragment { inputs, ..self.fragment(self.end) }
        } else {
            self.end = samples.end;
            let fragment = self.fragment(start);
            let pictures = samples.rows.into_iter().enumerate();
            let is_keyframe = |index| match index {
                0 => samples.first_is_sync,
                _ => self.description.pictures.coding == Coding::Jpeg,
            };
            let pictures = pictures.map(|(index, row)| Picture {
                start: Duration::from_micros(row.tick),
                duration: Duration::from_micros(row.duration.into()),
                is_keyframe: is_keyframe(index),
                offset: row.offset,
                len_bytes: row.len_bytes,
            });
            Fragment { pictures: pictures.collect(), ..fragment }
        };
        self.position = mdat.end;
        Ok(Some(fragment))
    }

    /// A fragment that starts at this tick, still without anything in it.
    fn fragment(&self, start: u64) -> Fragment {
        Fragment { start: Duration::from_micros(start), pictures: Vec::new(), inputs: Vec::new() }
    }

    fn read_inputs(&mut self, samples: &Samples) -> Result<Vec<InputSpan>, ReadError> {
        let mut inputs = Vec::new();
        for row in &samples.rows {
            let malformed = |reason| ReadError::Malformed { offset: row.offset, reason };
            if row.len_bytes > MAX_SAMPLE_BYTES {
                return Err(malformed("inputs of an impossible size"));
            }
            let text = self.read_at(row.offset, row.len_bytes as usize)?;
            if text == QUIET {
                continue;
            }
            let tally = InputTally::from_text(&text);
            inputs.push(InputSpan {
                start: Duration::from_micros(row.tick),
                duration: Duration::from_micros(row.duration.into()),
                tally: tally.ok_or_else(|| malformed("inputs that no recorder writes"))?,
            });
        }
        Ok(inputs)
    }

    /// The header of the next box; `None` if the file ends before the box does.
    ///
    /// A file system may have made a file longer without having written what is in it, so zeros are an end too.
    fn next_header(&mut self) -> Result<Option<Header>, ReadError> {
        let left = self.len.saturating_sub(self.position);
        if left < HEADER_BYTES {
            return Ok(None);
        }
        let first = self.read_at(self.position, MDAT_HEADER)?;
        if first.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let mut parser = Parser::new(&first, self.position);
        let (size, kind) = (u64::from(parser.u32()?), parser.array()?);
        let header = Header { kind, start: self.position, end: self.position.saturating_add(size) };
        if !KINDS.contains(&kind) || size < HEADER_BYTES {
            return Err(header.error("no box that a recorder writes"));
        }
        Ok((size <= left).then_some(header))
    }

    /// The contents of a box that describes something.
    fn contents(&mut self, header: &Header) -> Result<Vec<u8>, ReadError> {
        let len = usize::try_from(header.end - header.contents()).ok().filter(|len| *len <= MAX_TABLE_BYTES);
        self.read_at(header.contents(), len.ok_or_else(|| header.error("a table of an impossible size"))?)
    }

    fn read_at(&mut self, offset: u64, len: usize) -> Result<Vec<u8>, ReadError> {
        self.reader.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; len];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// The table of a fragment's samples, which fill its data from end to end.
struct Samples {
    rows: Vec<Row>,
    first_is_sync: bool,
    /// The tick at which the last one ends.
    end: u64,
}

struct Row {
    tick: u64,
    duration: u32,
    offset: u64,
    len_bytes: u32,
}

impl Samples {
    fn parse(mut run: Parser<'_>, start: u64, moof: &Header, mdat: &Header) -> Result<Self, ReadError> {
        let (_, flags) = run.version_and_flags()?;
        let count = run.u32()?;
        let data = moof.start.checked_add(run.u32()?.into());
        let first_is_sync = run.u32()? == SYNC_SAMPLE;
        if flags != DATA_OFFSET | FIRST_FLAGS | DURATIONS | SIZES || data != Some(mdat.contents()) {
            return Err(run.error("a table of samples that no recorder writes"));
        }
        let (mut offset, mut tick) = (mdat.contents(), start);
        let mut rows = Vec::new();
        for _ in 0..count {
            let (duration, len_bytes) = (run.u32()?, run.u32()?);
            let ends = (tick.checked_add(duration.into()), offset.checked_add(len_bytes.into()));
            let is_sound = duration > 0 && len_bytes > 0 && len_bytes as usize <= MAX_PICTURE_BYTES;
            let (Some(until), Some(end), true) = (ends.0, ends.1, is_sound) else {
                return Err(run.error("a sample of an impossible size or duration"));
            };
            rows.push(Row { tick, duration, offset, len_bytes });
            (tick, offset) = (until, end);
        }
        if offset != mdat.end {
            return Err(mdat.error("samples that do not fill their fragment"));
        }
        Ok(Self { rows, first_is_sync, end: tick })
    }
}

const HEADER_BYTES: u64 = 8;
/// The boxes a recording is made of, from the outside.
const KINDS: [[u8; 4]; 6] = [*b"ftyp", *b"moov", *b"moof", *b"mdat", *b"uuid", *b"mfra"];
/// Ten times what the recorder's longest fragment needs.
const MAX_TABLE_BYTES: usize = 1 << 20;
