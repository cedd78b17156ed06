//! From a recording to a plain, seekable MP4.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use ::mp4::{AvcConfig, MediaConfig, Mp4Config, Mp4Sample, Mp4Writer, TrackConfig, TrackType};

use super::read::{Ending, Picture, ReadError, RecordingReader};
use crate::Codec;

/// What a plain file was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finalised {
    /// Pictures in the plain file: those of all complete fragments.
    pub pictures: u64,
    /// How long they are shown.
    pub duration: Duration,
    /// How the recording ended.
    pub ending: Ending,
}

/// Copies an H.264 recording of a [`Recorder`](crate::Recorder), whole or cut short, into a plain MP4 file with one index.
///
/// Only the pictures are copied: the classes of input stay in the recording, which is worth keeping where they matter. Pictures
/// are not decoded; every time is kept, to the microsecond unless a picture was shown for longer than
/// 35 minutes, when all are rounded down to milliseconds. Memory: the pictures of one second, and some 20 bytes
/// for each picture of the recording, because the plain file's index is written last.
///
/// The recording is read twice from its start, and `plain` is written from where it stands.
///
/// # Errors
///
/// The recording cannot be read, is not H.264, or holds more than a plain file can; or writing failed. What was
/// written by then is not playable.
pub fn finalise(
    mut fragmented: impl Read + Seek,
    plain: impl Write + Seek,
) -> Result<Finalised, FinaliseError> {
    let mut longest = Duration::ZERO;
    let mut pictures = Pictures::of(&mut fragmented)?;
    while let Some(picture) = pictures.next()? {
        longest = longest.max(picture.duration);
    }
    if longest.is_zero() {
        return Err(FinaliseError::Empty);
    }
    let timescale = timescale_for(longest)?;

    let mut pictures = Pictures::of(&mut fragmented)?;
    let mut writer = Mp4Writer::write_start(plain, &file_config(timescale)).map_err(write_error)?;
    writer.add_track(&track_config(&pictures.recording, timescale)?).map_err(write_error)?;
    let mut finalised = Finalised { pictures: 0, duration: Duration::ZERO, ending: Ending::Unfinished };
    let mut second = OpenSecond::default();
    while let Some(picture) = pictures.next()? {
        let tick = |time: Duration| ticks(time) / u64::from(TICKS_PER_SECOND / timescale);
        finalised.pictures += 1;
        finalised.duration = picture.start.saturating_add(picture.duration);
        let duration = tick(finalised.duration) - tick(picture.start);
        let duration = u32::try_from(duration).map_err(|_| FinaliseError::TooLong)?;
        second.add(picture.len_bytes, duration, timescale)?;
        let sample = Mp4Sample {
            start_time: tick(picture.start),
            duration,
            rendering_offset: 0,
            is_sync: picture.is_keyframe,
            bytes: pictures.recording.read_picture(&picture)?.into(),
        };
        writer.write_sample(1, &sample).map_err(write_error)?;
    }
    writer.write_end().map_err(write_error)?;
    finalised.ending = pictures.recording.ending().unwrap_or(Ending::Unfinished);
    Ok(finalised)
}

/// Why no plain file was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FinaliseError {
    /// The recording cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The recording has no complete fragment.
    #[error("the recording holds no complete picture")]
    Empty,
    /// The library that writes the plain file cannot hold this codec.
    #[error("a plain file cannot be made of {codec:?} pictures, only of H264 ones")]
    Codec {
        /// The recording's codec.
        codec: Codec,
    },
    /// The library that writes the plain file takes one sequence and one picture parameter set.
    #[error("a plain file cannot be made of a stream with several parameter sets")]
    ParameterSets,
    /// A picture is shown for longer than a plain file can state, 24 days.
    #[error("a picture is shown for longer than a plain file can hold")]
    TooLong,
    /// The pictures of one second are more than is held in memory.
    #[error("the pictures of one second exceed {MAX_SECOND_BYTES} bytes")]
    TooLarge,
    /// Writing failed.
    #[error("writing the plain file failed")]
    Write(#[source] io::Error),
}

/// The pictures of a recording, each with the time it is really shown: up to the next one.
struct Pictures<R> {
    recording: RecordingReader<R>,
    fragment: std::vec::IntoIter<Picture>,
    before: Option<Picture>,
}

impl<R: Read + Seek> Pictures<R> {
    fn of(mut reader: R) -> Result<Self, FinaliseError> {
        reader.seek(SeekFrom::Start(0)).map_err(ReadError::Io)?;
        let recording = RecordingReader::open(reader)?;
        match recording.codec() {
            Codec::H264 => {}
            codec => return Err(FinaliseError::Codec { codec }),
        }
        Ok(Self { recording, fragment: Vec::new().into_iter(), before: None })
    }

    fn next(&mut self) -> Result<Option<Picture>, ReadError> {
        loop {
            let picture = self.fragment.next();
            if let Some(picture) = picture {
                match self.before.replace(picture) {
                    Some(before) => return Ok(Some(shown_until(before, picture.start))),
                    None => continue,
                }
            }
            match self.recording.next_fragment()? {
                Some(fragment) => {
                    self.before = self.before.map(|before| shown_until(before, fragment.start));
                    self.fragment = fragment.pictures.into_iter();
                }
                None => return Ok(self.before.take()),
            }
        }
    }
}

/// The second that the writer of the plain file still holds in memory.
#[derive(Debug, Default)]
struct OpenSecond {
    bytes: u64,
    ticks: u64,
}

impl OpenSecond {
    fn add(&mut self, bytes: u32, ticks: u32, timescale: u32) -> Result<(), FinaliseError> {
        self.bytes += u64::from(bytes);
        self.ticks += u64::from(ticks);
        if self.bytes > MAX_SECOND_BYTES {
            return Err(FinaliseError::TooLarge);
        }
        if self.ticks >= u64::from(timescale) {
            *self = Self::default();
        }
        Ok(())
    }
}

fn shown_until(picture: Picture, end: Duration) -> Picture {
    Picture { duration: end.saturating_sub(picture.start), ..picture }
}

/// The finest of the two time scales in which this duration fits the 31 bits that are safe in the index.
fn timescale_for(longest: Duration) -> Result<u32, FinaliseError> {
    [TICKS_PER_SECOND, 1000]
        .into_iter()
        .find(|scale| ticks(longest) / u64::from(TICKS_PER_SECOND / scale) <= i32::MAX.unsigned_abs().into())
        .ok_or(FinaliseError::TooLong)
}

fn file_config(timescale: u32) -> Mp4Config {
    Mp4Config {
        major_brand: (*b"isom").into(),
        minor_version: 512,
        compatible_brands: [*b"isom", *b"iso2", *b"avc1", *b"mp41"].map(Into::into).into(),
        timescale,
    }
}

fn track_config<R>(recording: &RecordingReader<R>, timescale: u32) -> Result<TrackConfig, FinaliseError> {
    let ([sequence], [picture]) = recording.parameter_sets() else {
        return Err(FinaliseError::ParameterSets);
    };
    Ok(TrackConfig {
        track_type: TrackType::Video,
        timescale,
        language: "und".into(),
        media_conf: MediaConfig::AvcConfig(AvcConfig {
            width: recording.track().width_px,
            height: recording.track().height_px,
            seq_param_set: sequence.to_vec(),
            pic_param_set: picture.to_vec(),
        }),
    })
}

/// Ticks of a time, for what the file can hold: 584,000 years.
fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn write_error(error: ::mp4::Error) -> FinaliseError {
    FinaliseError::Write(match error {
        ::mp4::Error::IoError(error) => error,
        other => io::Error::other(other),
    })
}

const TICKS_PER_SECOND: u32 = super::init::TIMESCALE;
const MAX_SECOND_BYTES: u64 = 512 << 20;
