//! Recording packets into a file that survives a crash.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use kvm_audit::{CapabilitySet, Declare, Grant, InUse, OutOfScope, Recording};
use kvm_capture::Timestamp;

use crate::mp4::{Fragments, Of, Sample, Track, init_segment};
use crate::{Codec, InputClass, Lacking, Packet, PacketSink, SinkError};

mod input_log;
mod media_clock;

use input_log::InputLog;
use media_clock::MediaClock;

/// Records packets as fragmented MP4 (ISO/IEC 14496-12, section 8.8), JPEG or H.264.
///
/// Wherever the file is cut, by a crash, a full disk or a pulled plug, it plays up to its last complete fragment. Where the
/// cut is in the header of a fragment, its first hundred bytes, ffmpeg plays it only without that piece, which begins
/// where [`Ending::Cut`](crate::mp4::Ending::Cut) says.
/// Pictures wait in memory for their fragment; one is written when
///
/// * its pictures span [`with_fragment_length`](Self::with_fragment_length), a second unless told otherwise,
/// * a key picture of H.264 starts the next, or it has become large, or
/// * [`flush`](Self::flush) is called.
///
/// A screen that does not change sends no packet, so how long a picture is shown is only known at the next one.
/// Without `flush`, the last picture before a long pause would therefore exist in memory only. *Called at least
/// once per fragment length, `flush` bounds what a crash loses to the pictures of one fragment length* (a
/// [`Pipeline`](crate::Pipeline) that has the recorder for a sink does that), and
/// it costs nothing while nothing is waiting. A picture that was flushed and is still shown
/// is prolonged by the time the next fragment states (`tfdt`, section 8.8.12), without being written again.
///
/// The times in the file are the packets' own, in microseconds from the first picture.
///
/// # What it leaves to the caller
///
/// * *Opening the file and getting it to the disk.* After each fragment the recorder flushes the writer, which
///   brings bytes from a `BufWriter` to the operating system, and that is enough to survive a crash of the
///   process. To survive a loss of power, call `sync_data` on the [`writer`](Self::writer), as often as the medium likes.
/// * *Writing that does not block.* The recorder writes in [`push`](PacketSink::push); where the medium may stall
///   for longer than a picture may wait, it belongs behind a queue, on a thread of its own.
/// * *The next file.* A stream whose size, codec or parameter sets change cannot go on in this one:
///   `push` answers [`SinkError::StreamChanged`], what was recorded is kept, and the caller finishes the file and
///   starts another with the packet that did not fit (for H.264, with the next key picture).
///
/// Pictures are stored in the order they come and shown in that order; a stream of H.264 with reordered pictures
/// cannot be recorded truthfully, and no encoder of this crate makes one.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use kvm_audit::{Capability, Ledger, Manifest};
/// use kvm_capture::{Frame, FrameFormat, PixelFormat, Timestamp};
/// use kvm_stream::{Codec, Packet, PacketSink, Recorder};
///
/// let manifest =
///     Manifest::new("bench").declare(Capability::Recording, "session.mp4", "the operator can record a session")?;
/// let grant = manifest.grant(&Ledger::new())?;
/// let mut recorder = Recorder::new("session.mp4", Vec::new(), grant)?;
///
/// # let picture = Bytes::from_static(b"\xFF\xD8 a picture \xFF\xD9");
/// let frame = Frame::packed(FrameFormat::new(PixelFormat::Mjpeg, 1280, 720), picture.clone())?;
/// recorder.push(Packet::of(&frame, Codec::Jpeg, picture, true))?;
/// let (file, recorded) = recorder.finish(Timestamp::from_micros(2_000_000))?;
/// assert_eq!(recorded.pictures, 1);
/// assert_eq!(recorded.bytes, file.len() as u64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Recorder<W> {
    writer: W,
    in_use: InUse<Recording>,
    fragment_length: Duration,
    // None until the first picture that decoding can start at.
    track: Option<Track>,
    ended: Option<Ended>,
    wants_keyframe: bool,
    clock: MediaClock,
    // None without a track of input classes.
    inputs: Option<InputLog>,
    fragments: Fragments,
    waiting: Vec<Sample>,
    waiting_bytes: usize,
    // The ticks at which the first and the last waiting picture start.
    waiting_since: u64,
    newest_since: u64,
    // The last picture written, where it can be written once more to fill the time up to the end.
    still: Option<Bytes>,
    recorded: Recorded,
}

/// What a recorder has recorded so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recorded {
    /// Pictures taken, those still waiting for their fragment included.
    pub pictures: u64,
    /// Packets left out because no key picture had come yet.
    pub skipped: u64,
    /// Fragments written.
    pub fragments: u32,
    /// Bytes written.
    pub bytes: u64,
    /// How long the pictures that are written are shown.
    pub duration: Duration,
    /// Where the chain of hashes stands; `None` without one.
    #[cfg(feature = "chain")]
    pub chain: Option<crate::mp4::ChainHead>,
}

/// Why a recorder takes no more packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The stream went where the file cannot follow. What waits can still be written.
    Stream,
    /// Writing failed. Where in a fragment is unknown, so nothing can follow.
    Writer,
}

impl<W: Write> Recorder<W> {
    /// Creates a recorder that writes to `writer` from its start. Nothing is written before the first picture.
    ///
    /// `subject` is what is recorded to, as the manifest's scope names it: the file's name.
    ///
    /// # Errors
    ///
    /// The manifest's scope does not name the subject.
    pub fn new(subject: &str, writer: W, grant: Grant<Recording>) -> Result<Self, OutOfScope> {
        Ok(Self {
            writer,
            in_use: grant.exercise(subject)?,
            fragment_length: DEFAULT_FRAGMENT_LENGTH,
            track: None,
            ended: None,
            wants_keyframe: true,
            clock: MediaClock::default(),
            inputs: None,
            fragments: Fragments::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            waiting_since: 0,
            newest_since: 0,
            still: None,
            recorded: Recorded::default(),
        })
    }

    /// The same recorder with another length of its fragments. A shorter one loses less in a crash; each fragment
    /// costs 100 bytes. With zero, each picture is written as soon as the next one comes; more than an hour is
    /// an hour.
    #[must_use]
    pub fn with_fragment_length(mut self, length: Duration) -> Self {
        self.fragment_length = length.min(MAX_FRAGMENT_LENGTH);
        self
    }

    /// The same recorder with a chain of hashes over its fragments, by which [`verify`](crate::mp4::verify) finds cuts and
    /// edits. Players pass it over; each fragment costs 68 bytes more.
    ///
    /// Behind each fragment stands a `uuid` box with its number and the SHA-256 of the hash before it and all of the
    /// fragment; the last one states how many there are. There is no key in it: keep the
    /// [head](Recorded::chain) where whoever could change the file cannot change it.
    #[cfg(feature = "chain")]
    #[must_use]
    pub fn with_chain(mut self) -> Self {
        if self.fragments.written() == 0 {
            self.fragments.begin_chain();
        }
        self
    }

    /// The same recorder with a track of timed metadata that tells in which seconds input of which
    /// [class](InputClass) was made, and about how much: what [`note_input`](Self::note_input) is told, and nothing that
    /// could tell what was typed. Told of before anything is written, else there is no such track.
    ///
    /// The track has the handler `meta` and the sample entry `mett` (ISO/IEC 14496-12, section 12.3), its samples are
    /// [text](crate::mp4::InputTally). Players of video pass it over; ffprobe and
    /// [`RecordingReader`](crate::mp4::RecordingReader) show it. A chain of hashes (feature `chain`) covers it as it
    /// covers pictures, and `mp4::finalise` leaves it out. Seconds without input cost nothing, those with input
    /// 140 bytes at the most.
    #[must_use]
    pub fn with_input_classes(mut self) -> Self {
        if self.fragments.written() == 0 {
            self.inputs.get_or_insert_default();
        }
        self
    }

    /// Notes that input of a class was made, so many times, at a moment on the clock of the packets. Without
    /// [`with_input_classes`](Self::with_input_classes) nothing is noted.
    ///
    /// It waits in memory until its second is over and pictures are written or [`flush`](Self::flush) is called. What was
    /// made before the first picture counts in the first second, what comes late in the next that is not written.
    pub fn note_input(&mut self, class: InputClass, count: u32, at: Timestamp) {
        if let Some(inputs) = &mut self.inputs {
            inputs.note(class, count, self.clock.at(at));
        }
    }

    /// Writes all pictures that wait, and the input of seconds that are over. The last picture is shown until `now`, or longer if the next comes later.
    ///
    /// `now` is on the clock of the packets. The best one to give is the timestamp of the newest frame that was
    /// found unchanged: a picture that is older than `now` and comes after this call is shown from `now` on.
    ///
    /// # Errors
    ///
    /// Writing failed. The recorder takes no more.
    pub fn flush(&mut self, now: Timestamp) -> Result<(), SinkError> {
        if self.ended == Some(Ended::Writer) {
            return Err(after_the_end());
        }
        let tick = self.clock.at(now);
        if !self.waiting.is_empty() {
            self.end_newest(tick);
            self.write_fragment()?;
        }
        self.write_inputs(tick, tick)
    }

    /// Writes what waits and the index, and gives the writer back.
    ///
    /// The last picture is shown until `now`. If it was flushed before, the time since then is filled: with the
    /// same picture once more if it is a JPEG (and again after each 71 minutes, for a day), else with a fragment that
    /// only states the end (which [`RecordingReader`](crate::mp4::RecordingReader) follows; most players end earlier).
    ///
    /// Without any picture the file stays empty.
    ///
    /// # Errors
    ///
    /// Writing failed, now or before. What was written before that plays.
    pub fn finish(mut self, now: Timestamp) -> Result<(W, Recorded), SinkError> {
        self.flush(now)?;
        if self.fragments.count() > 0 {
            let end = self.clock.at(now);
            self.fill_until(end)?;
            self.write_inputs(u64::MAX, end)?;
            let done = self.fragments.finish(&mut self.writer);
            self.account(done)?;
        }
        Ok((self.writer, self.recorded))
    }

    /// What has been recorded so far.
    pub fn recorded(&self) -> Recorded {
        self.recorded
    }

    /// The writer, for instance to have a file synchronised. What is written to it past the recorder spoils the
    /// recording.
    pub fn writer(&self) -> &W {
        &self.writer
    }

    fn take(&mut self, packet: &Packet) -> Result<(), SinkError> {
        if self.ended.is_some() {
            return Err(after_the_end());
        }
        let track = match &mut self.track {
            // It repeats what the recording has.
            Some(_) if packet.is_refresh => return Ok(()),
            Some(track) => track,
            None if packet.codec == Codec::H264 && !packet.is_keyframe => {
                self.recorded.skipped += 1;
                self.wants_keyframe = true;
                return Ok(());
            }
            none => none.insert(Track::of(packet)?),
        };
        let sample = track.sample(packet)?;
        let starts_fragment = sample.is_sync && packet.codec == Codec::H264;
        let at = self.clock.place(packet.timestamp);
        self.end_newest(at);
        if !self.waiting.is_empty() && (starts_fragment || self.is_full(at, &sample)) {
            self.write_fragment()?;
            self.write_inputs(at, at)?;
        }
        if self.waiting.is_empty() {
            self.waiting_since = at;
        }
        self.newest_since = at;
        self.waiting_bytes += sample.payload.len();
        self.waiting.push(sample);
        self.recorded.pictures += 1;
        Ok(())
    }

    /// Whether what waits is to be a fragment of its own, now that this sample starts at this tick.
    fn is_full(&self, at: u64, sample: &Sample) -> bool {
        u128::from(at - self.waiting_since) >= self.fragment_length.as_micros()
            || self.waiting_bytes + sample.payload.len() > MAX_FRAGMENT_BYTES
            || self.waiting.len() >= MAX_FRAGMENT_PICTURES
    }

    /// Ends the newest waiting picture at this tick. What is longer than a file can hold, 71 minutes, is left to
    /// the start of the next fragment to state: a picture that long is always the last of its own.
    fn end_newest(&mut self, tick: u64) {
        if let Some(sample) = self.waiting.last_mut() {
            let ticks = tick.saturating_sub(self.newest_since).max(1);
            sample.duration = u32::try_from(ticks).unwrap_or(u32::MAX);
        }
    }

    /// Prolongs the last picture written up to this tick.
    fn fill_until(&mut self, tick: u64) -> Result<(), SinkError> {
        for _ in 0..MAX_REPETITIONS {
            if self.clock.written_until() >= tick {
                return Ok(());
            }
            let Some(payload) = self.still.take() else { break };
            self.waiting_since = self.clock.written_until();
            self.newest_since = self.waiting_since;
            self.waiting.push(Sample { payload, duration: 0, is_sync: true });
            self.end_newest(tick);
            self.write_fragment()?;
        }
        if self.clock.written_until() < tick {
            self.waiting_since = tick;
            self.write_fragment()?;
        }
        Ok(())
    }

    /// Writes what waits as one fragment, and before the first one what the file starts with.
    fn write_fragment(&mut self) -> Result<(), SinkError> {
        let durations: u64 = self.waiting.iter().map(|sample| u64::from(sample.duration)).sum();
        self.clock.has_written(self.waiting_since.saturating_add(durations));
        let init = self.track.as_ref().filter(|_| self.fragments.written() == 0);
        let init = init.map(|track| init_segment(track, self.inputs.is_some()));
        let done = init.map_or(Ok(()), |init| self.fragments.start(&mut self.writer, &init)).and_then(|()| {
            self.fragments.write(&mut self.writer, Of::Pictures, self.waiting_since, &self.waiting)
        });
        let is_repeatable = self.track.as_ref().is_some_and(Track::is_repeatable);
        self.still = self.waiting.pop().filter(|_| is_repeatable).map(|sample| sample.payload);
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.account(done)
    }

    /// Writes the input of all seconds that are over at this tick, none of which lasts beyond `end`.
    fn write_inputs(&mut self, tick: u64, end: u64) -> Result<(), SinkError> {
        if self.fragments.count() == 0 {
            return Ok(());
        }
        while let Some((start, samples)) = self.inputs.as_mut().and_then(|inputs| inputs.take_due(tick, end))
        {
            let done = self.fragments.write(&mut self.writer, Of::Inputs, start, &samples);
            self.account(done)?;
        }
        Ok(())
    }

    /// Accounts for what was written; if that failed, nothing more will be.
    fn account(&mut self, done: io::Result<()>) -> Result<(), SinkError> {
        if let Err(error) = done {
            self.ended = Some(Ended::Writer);
            self.waiting.clear();
            return Err(error.into());
        }
        self.recorded.fragments = self.fragments.count();
        self.recorded.bytes = self.fragments.written();
        #[cfg(feature = "chain")]
        {
            self.recorded.chain = self.fragments.chain_head();
        }
        self.recorded.duration = Duration::from_micros(self.clock.written_until());
        Ok(())
    }
}

impl<W: Write + Send> PacketSink for Recorder<W> {
    /// Takes a packet into the recording.
    ///
    /// # Errors
    ///
    /// The stream changed, the packet is malformed, or writing failed. Said once; from then on every packet is
    /// refused with [`io::ErrorKind::BrokenPipe`]. Unless it was writing that failed, the file can be finished.
    fn push(&mut self, packet: Packet) -> Result<(), SinkError> {
        let taken = self.take(&packet);
        if taken.is_err() {
            self.ended.get_or_insert(Ended::Stream);
        }
        taken
    }

    /// Asks for the whole picture until the first has come: a stream is mostly joined in its middle.
    fn take_refresh_request(&mut self) -> Option<Lacking> {
        (self.track.is_none() && std::mem::take(&mut self.wants_keyframe)).then_some(Lacking::Everything)
    }

    /// [Flushes](Recorder::flush) what has waited for a fragment length.
    fn advance(&mut self, now: Timestamp) -> Result<(), SinkError> {
        let tick = self.clock.at(now);
        let is_due = if self.waiting.is_empty() {
            self.inputs.as_ref().is_some_and(|inputs| inputs.is_due(tick))
        } else {
            u128::from(tick.saturating_sub(self.waiting_since)) >= self.fragment_length.as_micros()
        };
        if is_due && self.ended.is_none() { self.flush(now) } else { Ok(()) }
    }
}

impl<W> Declare for Recorder<W> {
    fn capabilities(&self) -> CapabilitySet {
        self.in_use.capabilities()
    }
}

impl<W> fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("subject", &self.in_use.subject())
            .field("track", &self.track)
            .field("ended", &self.ended)
            .field("waiting", &self.waiting.len())
            .field("recorded", &self.recorded)
            .finish_non_exhaustive()
    }
}

fn after_the_end() -> SinkError {
    io::Error::new(io::ErrorKind::BrokenPipe, "the recording ended with an earlier error").into()
}

const DEFAULT_FRAGMENT_LENGTH: Duration = Duration::from_secs(1);
/// Short enough that the durations within a fragment fit the 32 bits they have.
const MAX_FRAGMENT_LENGTH: Duration = Duration::from_secs(3600);
/// What may wait in memory: large pictures make shorter fragments.
const MAX_FRAGMENT_BYTES: usize = 16 << 20;
/// How often a still picture is written again at the end: a day of it, so that no `now` makes a file without end.
const MAX_REPETITIONS: usize = 21;
const MAX_FRAGMENT_PICTURES: usize = 4096;
