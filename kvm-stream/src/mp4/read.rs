//! Reading a recording back, whole or cut short.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use bytes::Bytes;

use super::avc::ParameterSets;
use super::fragment::{
    DATA_OFFSET, DEFAULT_BASE_IS_MOOF, DURATION_IS_EMPTY, DURATIONS, FIRST_FLAGS, MDAT_HEADER, SIZES,
};
use super::init::{OBJECT_TYPE_JPEG, SYNC_SAMPLE, TAG_DECODER_CONFIG, TAG_ES, TIMESCALE, TRACK_ID};
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
    // The tick at which the pictures read so far end.
    end: u64,
    track: Track,
    ending: Option<Ending>,
}

/// A complete fragment of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fragment {
    /// When it starts, from the start of the recording. If that is later than the end of the pictures before, the
    /// last of them is shown until then.
    pub start: Duration,
    /// Its pictures, in order. None in a fragment that only states where the recording ends.
    pub pictures: Vec<Picture>,
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
        let unknown = Track { width_px: 0, height_px: 0, coding: Coding::Jpeg };
        let mut this = Self { reader, len, position: 0, end: 0, track: unknown, ending: None };
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
        this.track = parse_track(Parser::new(&contents, moov.contents()))?;
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
        match self.track.coding {
            Coding::Jpeg => Codec::Jpeg,
            Coding::H264(_) => Codec::H264,
        }
    }

    /// Width of the pictures in pixels.
    pub fn width_px(&self) -> u32 {
        self.track.width_px.into()
    }

    /// Height of the pictures in pixels.
    pub fn height_px(&self) -> u32 {
        self.track.height_px.into()
    }

    /// The sequence and picture parameter sets of H.264; empty for other codecs.
    pub fn parameter_sets(&self) -> (&[Bytes], &[Bytes]) {
        match &self.track.coding {
            Coding::Jpeg => (&[], &[]),
            Coding::H264(sets) => (&sets.sequence, &sets.picture),
        }
    }

    #[cfg(feature = "mp4")]
    pub(super) fn track(&self) -> &Track {
        &self.track
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
        if flags & !DURATION_IS_EMPTY != DEFAULT_BASE_IS_MOOF || tfhd.u32()? != TRACK_ID {
            return Err(tfhd.error("a track fragment that no recorder writes"));
        }
        let mut tfdt = traf.expect_box(b"tfdt", "a track fragment without a time")?;
        let (version, _) = tfdt.version_and_flags()?;
        let start = tfdt.u64()?;
        if version != 1 || start < self.end {
            return Err(tfdt.error("a track fragment that does not come after the one before"));
        }
        self.position = moof.end;
        let Some(run) = traf.find_box(b"trun")? else {
            self.end = start;
            return Ok(Some(Fragment { start: Duration::from_micros(start), pictures: Vec::new() }));
        };
        let Some(mdat) = self.next_header()? else { return Ok(None) };
        if mdat.kind != *b"mdat" {
            return Err(mdat.error("a fragment without its pictures"));
        }
        let pictures = self.parse_run(run, start, &moof, &mdat)?;
        self.position = mdat.end;
        Ok(Some(Fragment { start: Duration::from_micros(start), pictures }))
    }

    /// Reads the table of a fragment's pictures. They fill its data from end to end.
    fn parse_run(
        &mut self,
        mut run: Parser<'_>,
        start: u64,
        moof: &Header,
        mdat: &Header,
    ) -> Result<Vec<Picture>, ReadError> {
        let (_, flags) = run.version_and_flags()?;
        let count = run.u32()?;
        let data = moof.start.checked_add(run.u32()?.into());
        let first_is_sync = run.u32()? == SYNC_SAMPLE;
        if flags != DATA_OFFSET | FIRST_FLAGS | DURATIONS | SIZES || data != Some(mdat.contents()) {
            return Err(run.error("a run of pictures that no recorder writes"));
        }
        let (mut offset, mut tick) = (mdat.contents(), start);
        let mut pictures = Vec::new();
        for index in 0..count {
            let (duration, len_bytes) = (run.u32()?, run.u32()?);
            let ends = (tick.checked_add(duration.into()), offset.checked_add(len_bytes.into()));
            let is_sound = duration > 0 && len_bytes > 0 && len_bytes as usize <= MAX_PICTURE_BYTES;
            let (Some(until), Some(end), true) = (ends.0, ends.1, is_sound) else {
                return Err(run.error("a picture of an impossible size or duration"));
            };
            pictures.push(Picture {
                start: Duration::from_micros(tick),
                duration: Duration::from_micros(duration.into()),
                is_keyframe: if index == 0 { first_is_sync } else { self.track.coding == Coding::Jpeg },
                offset,
                len_bytes,
            });
            (tick, offset) = (until, end);
        }
        if offset != mdat.end {
            return Err(mdat.error("pictures that do not fill their fragment"));
        }
        self.end = tick;
        Ok(pictures)
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

/// Reads the description of the one track out of the contents of `moov`.
fn parse_track(mut moov: Parser<'_>) -> Result<Track, ReadError> {
    let mut trak = moov.expect_box(b"trak", "no track")?;
    let mut mdia = trak.expect_box(b"mdia", "a track without media")?;
    let mut mdhd = mdia.expect_box(b"mdhd", "media without a header")?;
    let (version, _) = mdhd.version_and_flags()?;
    mdhd.take(8)?;
    if version != 0 || mdhd.u32()? != TIMESCALE {
        return Err(mdhd.error("times in other units than a recorder writes"));
    }
    let mut minf = mdia.expect_box(b"minf", "media without information")?;
    let mut stbl = minf.expect_box(b"stbl", "media without a sample table")?;
    let mut stsd = stbl.expect_box(b"stsd", "a sample table without a description")?;
    stsd.version_and_flags()?;
    if stsd.u32()? != 1 {
        return Err(stsd.error("more than one description of samples"));
    }
    let jpeg = { stsd }.find_box(b"mp4v")?;
    let mut entry = match jpeg {
        Some(entry) => entry,
        None => stsd.expect_box(b"avc1", "neither JPEG nor H.264")?,
    };
    entry.take(24)?;
    let (width_px, height_px) = (entry.u16()?, entry.u16()?);
    if width_px == 0 || height_px == 0 {
        return Err(entry.error("pictures without a size"));
    }
    entry.take(50)?;
    let coding = match jpeg {
        Some(_) => parse_esds(entry.expect_box(b"esds", "no elementary stream described")?)?,
        None => parse_avcc(entry.expect_box(b"avcC", "no decoder configuration")?)?,
    };
    Ok(Track { width_px, height_px, coding })
}

fn parse_esds(mut esds: Parser<'_>) -> Result<Coding, ReadError> {
    esds.version_and_flags()?;
    let mut stream = esds.expect_descriptor(TAG_ES)?;
    stream.take(3)?;
    let mut decoder = stream.expect_descriptor(TAG_DECODER_CONFIG)?;
    if decoder.u8()? != OBJECT_TYPE_JPEG {
        return Err(decoder.error("pictures that are not JPEG"));
    }
    Ok(Coding::Jpeg)
}

fn parse_avcc(mut avcc: Parser<'_>) -> Result<Coding, ReadError> {
    let version = avcc.u8()?;
    avcc.take(3)?;
    if version != 1 || avcc.u8()? & 3 != 3 {
        return Err(avcc.error("a decoder configuration that no recorder writes"));
    }
    let read_sets = |avcc: &mut Parser<'_>, count: u8| -> Result<Vec<Bytes>, ReadError> {
        (0..count)
            .map(|_| {
                let len = avcc.u16()?;
                Ok(Bytes::copy_from_slice(avcc.take(len.into())?.rest()))
            })
            .collect()
    };
    let count = avcc.u8()? & 0x1F;
    let sequence = read_sets(&mut avcc, count)?;
    let count = avcc.u8()?;
    let picture = read_sets(&mut avcc, count)?;
    let sets = ParameterSets { sequence, picture };
    sets.check().map_err(|not_avc| avcc.error(not_avc.reason))?;
    Ok(Coding::H264(sets))
}

const HEADER_BYTES: u64 = 8;
/// The boxes a recording is made of, from the outside.
const KINDS: [[u8; 4]; 6] = [*b"ftyp", *b"moov", *b"moof", *b"mdat", *b"uuid", *b"mfra"];
/// Ten times what the recorder's longest fragment needs.
const MAX_TABLE_BYTES: usize = 1 << 20;
