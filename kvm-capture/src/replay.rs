//! Frames from a file.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use kvm_audit::{CapabilitySet, Declare};

use crate::y4m::{self, Chroma, Fault};
use crate::{CaptureError, Captured, Frame, FrameFormat, FrameSource, Provenance, SignalLoss, Timestamp};

/// Frames from a file of raw frames or a YUV4MPEG2 (`.y4m`) file.
///
/// Nothing paces it: each poll reads the next frame, dated by the frame rate. A read waits for the disk and for
/// nothing else, so what is read should be a file and not a pipe. Files with separate full-height chroma
/// planes (4:2:2 and 4:4:4) become [`Nv16`](crate::PixelFormat::Nv16) and [`Nv24`](crate::PixelFormat::Nv24).
///
/// It takes no grant and declares no capability: reading a file that the integrator names is none of the
/// vocabulary's abilities. Its frames say that they are [replayed](Provenance::Replay).
///
/// ```
/// use kvm_capture::{Captured, FrameSource, Replay};
///
/// let file = b"YUV4MPEG2 W2 H2 F30:1 Cmono\nFRAME\n\x01\x02\x03\x04FRAME\n\x05\x06\x07\x08";
/// let mut replay = Replay::y4m(&file[..])?;
/// assert!(matches!(replay.poll_capture()?, Some(Captured::SignalChanged(_))));
/// let Some(Captured::Frame(frame)) = replay.poll_capture()? else { panic!("no frame") };
/// assert_eq!(frame.image().unwrap().plane(0).row(1), [3, 4]);
/// # Ok::<(), kvm_capture::CaptureError>(())
/// ```
pub struct Replay<R> {
    reader: R,
    format: FrameFormat,
    rate: FrameRate,
    layout: Layout,
    /// Bytes read, from where the reader stood at first.
    offset: u64,
    /// Where the first frame begins, and how to get there, if the file is to begin anew at its end.
    again: Option<(u64, Rewind<R>)>,
    sequence: u64,
    frames_this_time: u64,
    state: State,
}

type Rewind<R> = fn(&mut R, u64) -> io::Result<()>;

impl<R: Read> Replay<R> {
    /// Replays raw frames that stand one after the other, each with its planes packed.
    ///
    /// # Errors
    ///
    /// The format is compressed or of an impossible size.
    pub fn raw(reader: R, format: FrameFormat, rate: FrameRate) -> Result<Self, CaptureError> {
        let sides = 1..=FrameFormat::MAX_SIDE_PX;
        let is_raw = !format.pixel.is_compressed();
        if !is_raw || !sides.contains(&format.width_px) || !sides.contains(&format.height_px) {
            return Err(CaptureError::Malformed {
                offset: 0,
                reason: "a file of raw frames is not of this format",
            });
        }
        Ok(Self::new(reader, format, rate, Layout::Raw))
    }

    /// Replays a YUV4MPEG2 file: 4:2:0, 4:2:2, 4:4:4 or mono, 8 bits.
    ///
    /// Headers are read byte by byte, so an unbuffered reader should be wrapped in a [`BufReader`].
    ///
    /// # Errors
    ///
    /// The header is malformed or of a chroma format that is not known here, or cannot be read.
    pub fn y4m(reader: R) -> Result<Self, CaptureError> {
        let placeholder = FrameFormat::new(crate::PixelFormat::I420, 1, 1);
        let mut replay = Self::new(reader, placeholder, FrameRate::DEFAULT, Layout::Raw);
        let line = replay.line()?;
        let line = line.ok_or(CaptureError::Malformed { offset: 0, reason: "the file is empty" })?;
        let header = y4m::header(&line).map_err(|fault| at(0, fault))?;
        replay.format = header.format;
        replay.rate = header.rate;
        replay.layout = Layout::Y4m(header.chroma);
        Ok(replay)
    }

    /// Size, pixel layout and colour of the frames.
    pub fn format(&self) -> FrameFormat {
        self.format
    }

    /// Frames in a time.
    pub fn rate(&self) -> FrameRate {
        self.rate
    }

    fn new(reader: R, format: FrameFormat, rate: FrameRate, layout: Layout) -> Self {
        Self {
            reader,
            format,
            rate,
            layout,
            offset: 0,
            again: None,
            sequence: 0,
            frames_this_time: 0,
            state: State::Begun,
        }
    }

    /// Reads the next frame; `None` at the end.
    fn frame(&mut self) -> Result<Option<Frame>, CaptureError> {
        let begin = self.offset;
        if let Layout::Y4m(_) = self.layout {
            let Some(line) = self.line()? else { return Ok(None) };
            y4m::frame(&line).map_err(|fault| at(begin, fault))?;
        }
        let len = self.format.len_bytes();
        // What a header claims is believed once a frame of it has come.
        let expected = if self.sequence == 0 { len.min(1 << 20) } else { len };
        let mut bytes = Vec::with_capacity(expected);
        let read = (&mut self.reader).take(len as u64).read_to_end(&mut bytes);
        read.map_err(|source| CaptureError::Read { offset: self.offset, source })?;
        self.offset += bytes.len() as u64;
        if bytes.is_empty() && self.layout == Layout::Raw {
            return Ok(None);
        }
        if bytes.len() < len {
            return Err(CaptureError::Malformed {
                offset: self.offset,
                reason: "the file ends within a frame",
            });
        }
        let bytes = match self.layout {
            Layout::Y4m(Chroma::Paired) => {
                let luma_len = self.format.width_px as usize * self.format.height_px as usize;
                y4m::pair_chroma(&bytes, luma_len)
            }
            Layout::Y4m(Chroma::Kept) | Layout::Raw => bytes,
        };
        let frame = Frame::packed(self.format, Bytes::from(bytes))?
            .with_timestamp(self.rate.timestamp(self.sequence))
            .with_sequence(self.sequence)
            .with_provenance(Provenance::Replay);
        self.sequence += 1;
        self.frames_this_time += 1;
        Ok(Some(frame))
    }

    /// Reads to the next line feed, which it leaves out; `None` at the end of the file.
    fn line(&mut self) -> Result<Option<Vec<u8>>, CaptureError> {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            let read = match self.reader.read(&mut byte) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|source| CaptureError::Read { offset: self.offset, source })?,
            };
            if read == 0 && line.is_empty() {
                return Ok(None);
            }
            if read == 0 || line.len() == y4m::MAX_LINE {
                let reason = "a header line does not end";
                return Err(CaptureError::Malformed { offset: self.offset, reason });
            }
            self.offset += 1;
            match byte {
                [b'\n'] => return Ok(Some(line)),
                [byte] => line.push(byte),
            }
        }
    }

    /// Goes to the first frame again; whether there is one.
    fn begin_anew(&mut self) -> Result<bool, CaptureError> {
        let Some((first, rewind)) = self.again else { return Ok(false) };
        // A file without frames would begin anew for ever.
        if std::mem::take(&mut self.frames_this_time) == 0 {
            return Ok(false);
        }
        rewind(&mut self.reader, first)
            .map_err(|source| CaptureError::Read { offset: self.offset, source })?;
        Ok(true)
    }
}

impl<R: Read + Seek> Replay<R> {
    /// Begins anew at the end of the file, for ever. Numbers and times go on. To be called before the first
    /// poll.
    ///
    /// # Errors
    ///
    /// The reader does not know where it is.
    pub fn looping(mut self) -> Result<Self, CaptureError> {
        let first = self.reader.stream_position();
        let first = first.map_err(|source| CaptureError::Read { offset: self.offset, source })?;
        self.again = Some((first, |reader, first| reader.seek(SeekFrom::Start(first)).map(|_| ())));
        Ok(self)
    }
}

impl Replay<BufReader<File>> {
    /// Replays a file of raw frames.
    ///
    /// # Errors
    ///
    /// The file cannot be opened; otherwise as for [`raw`](Self::raw).
    pub fn open_raw(
        path: impl AsRef<Path>,
        format: FrameFormat,
        rate: FrameRate,
    ) -> Result<Self, CaptureError> {
        Self::raw(open(path.as_ref())?, format, rate)
    }

    /// Replays a YUV4MPEG2 file.
    ///
    /// # Errors
    ///
    /// The file cannot be opened; otherwise as for [`y4m`](Self::y4m).
    pub fn open_y4m(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        Self::y4m(open(path.as_ref())?)
    }
}

impl<R> Declare for Replay<R> {
    fn capabilities(&self) -> CapabilitySet {
        CapabilitySet::EMPTY
    }
}

impl<R: Read + Send> FrameSource for Replay<R> {
    fn poll_capture(&mut self) -> Result<Option<Captured>, CaptureError> {
        match self.state {
            State::Begun => {
                self.state = State::Running;
                Ok(Some(Captured::SignalChanged(self.format)))
            }
            State::Running => {
                let mut frame = self.frame();
                if matches!(frame, Ok(None)) {
                    frame = self.begin_anew().and_then(|anew| if anew { self.frame() } else { Ok(None) });
                }
                match frame {
                    Ok(Some(frame)) => Ok(Some(Captured::Frame(frame))),
                    Ok(None) => {
                        self.state = State::Ended;
                        Ok(Some(Captured::SignalLost(SignalLoss::Ended)))
                    }
                    Err(CaptureError::Malformed { offset, reason }) => {
                        self.state = State::Malformed { offset, reason };
                        Err(CaptureError::Malformed { offset, reason })
                    }
                    Err(error) => {
                        // Part of a frame may be gone, and the next would begin in its middle.
                        let reason = "an earlier read failed here";
                        self.state = State::Malformed { offset: self.offset, reason };
                        Err(error)
                    }
                }
            }
            State::Ended => Ok(None),
            State::Malformed { offset, reason } => Err(CaptureError::Malformed { offset, reason }),
        }
    }
}

impl<R> fmt::Debug for Replay<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("format", &self.format)
            .field("rate", &self.rate)
            .field("offset", &self.offset)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// So many frames in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    // INVARIANT: neither is 0.
    frames: u32,
    seconds: u32,
}

impl FrameRate {
    /// 30 frames a second, for files that do not say.
    pub const DEFAULT: Self = Self { frames: 30, seconds: 1 };

    /// So many frames in so many seconds; `None` if either is 0.
    pub const fn new(frames: u32, seconds: u32) -> Option<Self> {
        if frames == 0 || seconds == 0 { None } else { Some(Self { frames, seconds }) }
    }

    /// When a frame comes, from the first one on.
    pub const fn timestamp(self, sequence: u64) -> Timestamp {
        let micros = sequence as u128 * self.seconds as u128 * 1_000_000 / self.frames as u128;
        // Beyond half a million years the clock stands.
        #[expect(clippy::cast_possible_truncation, reason = "compared just before")]
        Timestamp::from_micros(if micros > u64::MAX as u128 { u64::MAX } else { micros as u64 })
    }
}

/// How frames stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Raw,
    Y4m(Chroma),
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The format is still to be said.
    Begun,
    Running,
    Ended,
    /// Where the next frame begins is not known, so there is no way on.
    Malformed {
        offset: u64,
        reason: &'static str,
    },
}

fn open(path: &Path) -> Result<BufReader<File>, CaptureError> {
    let file = File::open(path);
    let file = file.map_err(|source| CaptureError::Open { path: path.to_owned(), source })?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

fn at(line_begin: u64, fault: Fault) -> CaptureError {
    CaptureError::Malformed { offset: line_begin + fault.at as u64, reason: fault.reason }
}
