//! Recordings: started and stopped by a page, written by a thread of their own, so that a slow disk delays no
//! viewer.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use kvm_audit::{Grant, OutOfScope, Recording};
use kvm_examples::report::{chain, complain};
use kvm_stream::{FanOut, PacketSink, Recorder, SinkError, Viewer};

use crate::input_classes::{InputClasses, Made};
use crate::picture::{Newest, micros};
use crate::state::Running;

/// All recordings of this start of the program.
#[derive(Debug)]
pub(crate) struct Recordings {
    folder: PathBuf,
    packets: FanOut,
    newest: Newest,
    classes: InputClasses,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// Each recording spends one. They were minted before the process was sealed, so there are so many.
    grants: Vec<Grant<Recording>>,
    /// Finished and running ones, by name.
    files: BTreeMap<String, PathBuf>,
    running: Option<Tape>,
}

/// A recording that is being written.
#[derive(Debug)]
struct Tape {
    name: String,
    progress: Arc<Progress>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Progress {
    stop: AtomicBool,
    bytes: AtomicU64,
    micros: AtomicU64,
}

impl Recordings {
    /// Recordings into a folder, one for each grant.
    pub(crate) fn new(
        folder: PathBuf,
        packets: FanOut,
        newest: Newest,
        classes: InputClasses,
        grants: Vec<Grant<Recording>>,
    ) -> Self {
        Self { folder, packets, newest, classes, shelf: Mutex::new(Shelf { grants, ..Shelf::default() }) }
    }

    /// Starts one under the next free name.
    pub(crate) fn start(&self) -> Result<(), RecordingError> {
        let mut shelf = self.shelf();
        shelf.expect_free()?;
        let open = |source| RecordingError::Open { path: self.folder.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(open)?;
        let (name, path, file) = (1_u32..)
            .find_map(|number| {
                let name = format!("kvm-{number}.mp4");
                let path = self.folder.join(&name);
                match create(&path) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                    created => Some(created.map(|file| (name, path, file))),
                }
            })
            .ok_or(RecordingError::NoName)?
            .map_err(open)?;
        self.roll(&mut shelf, name, path, file)
    }

    /// Starts one into this file.
    pub(crate) fn start_into(&self, path: &Path) -> Result<(), RecordingError> {
        let mut shelf = self.shelf();
        shelf.expect_free()?;
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(RecordingError::NoName)?;
        let file = create(path).map_err(|source| RecordingError::Open { path: path.to_owned(), source })?;
        self.roll(&mut shelf, name.to_owned(), path.to_owned(), file)
    }

    /// Ends the one that is running and waits until its file is whole.
    pub(crate) fn wait_stop(&self) -> Result<(), RecordingError> {
        let tape = self.shelf().running.take().ok_or(RecordingError::NotRunning)?;
        tape.progress.stop.store(true, Ordering::Release);
        tape.thread.thread().unpark();
        tape.thread.join().map_err(|_| RecordingError::Broken)
    }

    /// The one that is running.
    pub(crate) fn running(&self) -> Option<Running> {
        self.shelf().running.as_ref().filter(|tape| !tape.thread.is_finished()).map(|tape| Running {
            name: tape.name.clone(),
            seconds: tape.progress.micros.load(Ordering::Relaxed) / 1_000_000,
            bytes: tape.progress.bytes.load(Ordering::Relaxed),
        })
    }

    /// The names that can be downloaded.
    pub(crate) fn names(&self) -> Vec<String> {
        self.shelf().files.keys().cloned().collect()
    }

    /// Where the file of that name is. Only names given out here lead to a file.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.shelf().files.get(name).cloned()
    }

    fn roll(&self, shelf: &mut Shelf, name: String, path: PathBuf, file: File) -> Result<(), RecordingError> {
        let grant = shelf.grants.pop().ok_or(RecordingError::NoGrant)?;
        let recorder =
            Recorder::new(&path.to_string_lossy(), BufWriter::new(file), grant)?.with_input_classes();
        let progress = Arc::new(Progress::default());
        let reel = Reel {
            recorder,
            packets: self.packets.join(),
            newest: self.newest.clone(),
            classes: self.classes.clone(),
            progress: Arc::clone(&progress),
        };
        self.classes.begin();
        let thread = thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || reel.run())
            .map_err(|source| RecordingError::Open { path: path.clone(), source })?;
        shelf.files.insert(name.clone(), path);
        shelf.running = Some(Tape { name, progress, thread });
        Ok(())
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Every change is whole before anything else can fail.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn expect_free(&self) -> Result<(), RecordingError> {
        if self.running.as_ref().is_some_and(|tape| !tape.thread.is_finished()) {
            return Err(RecordingError::Running);
        }
        if self.grants.is_empty() { Err(RecordingError::NoGrant) } else { Ok(()) }
    }
}

/// Why nothing is recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordingError {
    #[error("a recording is running already")]
    Running,
    #[error("no recording is running")]
    NotRunning,
    #[error("no grant for a recording is left: the manifest declares none, or all of this start are spent")]
    NoGrant,
    #[error("cannot create a file in {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("the recording has no name")]
    NoName,
    #[error("the recording broke off")]
    Broken,
    #[error(transparent)]
    OutOfScope(#[from] OutOfScope),
}

/// The recording thread's own state.
struct Reel {
    recorder: Recorder<BufWriter<File>>,
    packets: Viewer,
    newest: Newest,
    classes: InputClasses,
    progress: Arc<Progress>,
}

impl Reel {
    fn run(mut self) {
        let outcome = self.record();
        note(&mut self.recorder, self.classes.end());
        let finished = self.recorder.finish(self.newest.timestamp()).and_then(|(file, recorded)| {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            self.progress.bytes.store(recorded.bytes, Ordering::Relaxed);
            Ok(())
        });
        if let Err(error) = outcome.and(finished) {
            complain("recording", chain(&error));
        }
    }

    fn record(&mut self) -> Result<(), SinkError> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut flushed = Instant::now();
        loop {
            note(&mut self.recorder, self.classes.take());
            match self.packets.poll_packet(&mut context) {
                Poll::Ready(Some(packet)) => self.recorder.push(packet)?,
                Poll::Ready(None) => return Ok(()),
                Poll::Pending if self.progress.stop.load(Ordering::Acquire) => return Ok(()),
                Poll::Pending => {
                    thread::park_timeout(FLUSH);
                    if flushed.elapsed() >= FLUSH {
                        self.recorder.flush(self.newest.timestamp())?;
                        flushed = Instant::now();
                    }
                }
            }
            let recorded = self.recorder.recorded();
            self.progress.bytes.store(recorded.bytes, Ordering::Relaxed);
            self.progress.micros.store(micros(recorded.duration), Ordering::Relaxed);
        }
    }
}

/// Has the recorder tell of input.
fn note(recorder: &mut Recorder<BufWriter<File>>, made: Vec<Made>) {
    made.into_iter().for_each(|made| recorder.note_input(made.class, made.count, made.at));
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Creates a file that only this user reads, and never overwrites one.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// How much of a still screen's recording a crash can lose.
const FLUSH: Duration = Duration::from_secs(1);
