//! Those who look: what each of them still has to be shown.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kvm_capture::{Frame, SignalLoss};
use kvm_stream::Damage;
use kvm_stream::rfb::{LockLights, Pending};
use rustix::event::{EventfdFlags, eventfd};

/// Everybody who looks at one screen. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience {
    stage: Arc<Mutex<Stage>>,
    is_watched: Arc<AtomicBool>,
    has_ended: Arc<AtomicBool>,
    /// Something is to be seen for the first time.
    has_begun: Arc<Condvar>,
}

/// What everybody sees, and who they are.
#[derive(Debug, Default)]
struct Stage {
    frame: Option<Frame>,
    lost: Option<(SignalLoss, Frame)>,
    lights: LockLights,
    places: Vec<Arc<Place>>,
}

impl Audience {
    /// Whether somebody looks, for sources that wait for that.
    pub(crate) fn is_watched(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_watched)
    }

    /// Shows a frame that differs by `damage` from the one before.
    pub(crate) fn show(&self, frame: &Frame, damage: &Damage) {
        let mut stage = self.stage();
        let is_back = stage.lost.take().is_some();
        for place in &stage.places {
            place.add(frame, damage);
            if is_back || !damage.is_empty() || place.wants_every_frame.load(Ordering::Relaxed) {
                place.ring();
            }
        }
        stage.frame = Some(frame.clone());
        self.has_begun.notify_all();
    }

    /// Shows a sign in place of a picture.
    pub(crate) fn show_loss(&self, loss: SignalLoss, sign: Frame) {
        let mut stage = self.stage();
        stage.lost = Some((loss, sign));
        // The buffer goes back to the driver.
        stage.frame = None;
        stage.ring();
        self.has_begun.notify_all();
    }

    /// The lights of the target's keyboard.
    pub(crate) fn set_lights(&self, lights: LockLights) {
        let mut stage = self.stage();
        if stage.lights != lights {
            stage.lights = lights;
            stage.ring();
        }
    }

    /// The size of the picture, as far as there is one.
    pub(crate) fn size_px(&self) -> Option<(u32, u32)> {
        self.stage().size_px()
    }

    /// The size of the picture, for which it waits if nothing was ever there.
    pub(crate) fn wait_size_px(&self, timeout: Duration) -> Option<(u32, u32)> {
        let is_empty = |stage: &mut Stage| stage.size_px().is_none();
        let waited = self.has_begun.wait_timeout_while(self.stage(), timeout, is_empty);
        waited.map_or_else(|poisoned| poisoned.into_inner().0.size_px(), |(stage, _)| stage.size_px())
    }

    /// Whether nobody looks.
    pub(crate) fn is_empty(&self) -> bool {
        self.stage().places.is_empty()
    }

    /// A place for somebody who has seen nothing yet.
    pub(crate) fn join(&self) -> io::Result<Watcher> {
        let bell = eventfd(1, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        let mut stage = self.stage();
        let size = stage.frame.as_ref().map(Frame::format);
        let pending = size.map_or(Pending::everything(1, 1), |format| {
            Pending::everything(format.width_px, format.height_px)
        });
        let place =
            Arc::new(Place { pending: Mutex::new(pending), bell, wants_every_frame: AtomicBool::new(false) });
        stage.places.push(Arc::clone(&place));
        self.is_watched.store(true, Ordering::Relaxed);
        Ok(Watcher { audience: self.clone(), place })
    }

    /// It is over; everybody hears of it.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
        self.stage().ring();
    }

    /// Whether it is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    fn size_px(&self) -> Option<(u32, u32)> {
        let shown = self.frame.as_ref().or(self.lost.as_ref().map(|(_, sign)| sign));
        shown.map(Frame::format).map(|format| (format.width_px, format.height_px))
    }

    fn ring(&self) {
        for place in &self.places {
            place.ring();
        }
    }
}

/// One of those who look.
#[derive(Debug)]
struct Place {
    pending: Mutex<Pending>,
    bell: OwnedFd,
    wants_every_frame: AtomicBool,
}

impl Place {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, frame: &Frame, damage: &Damage) {
        let (mut pending, format) = (self.pending(), frame.format());
        if pending.size_px() == (format.width_px, format.height_px) {
            pending.add(damage);
        } else {
            *pending = Pending::everything(format.width_px, format.height_px);
        }
    }

    fn ring(&self) {
        // It fails only if the counter is at its limit, and then the bell rings anyway.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

/// Somebody's place; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Watcher {
    audience: Audience,
    place: Arc<Place>,
}

/// What somebody sees who looks up.
#[derive(Debug)]
pub(crate) struct Glance {
    /// The newest frame, and what changed since the last glance.
    pub(crate) frame: Option<(Frame, Damage)>,
    /// Why there is none, and what is shown instead.
    pub(crate) lost: Option<(SignalLoss, Frame)>,
    pub(crate) lights: LockLights,
}

impl Watcher {
    /// What is to be seen now.
    pub(crate) fn glance(&self) -> Glance {
        let stage = self.audience.stage();
        let frame = stage.frame.clone().map(|frame| (frame, self.place.pending().take()));
        Glance { frame, lost: stage.lost.clone(), lights: stage.lights }
    }

    /// Whether the bell is to ring for frames in which nothing changed, too.
    pub(crate) fn want_every_frame(&self, wants: bool) {
        self.place.wants_every_frame.store(wants, Ordering::Relaxed);
    }

    /// Readable when there is something new to see.
    pub(crate) fn bell(&self) -> BorrowedFd<'_> {
        self.place.bell.as_fd()
    }

    /// Has heard the bell.
    pub(crate) fn hush(&self) {
        let mut count = [0; 8];
        // Whoever rings next makes it readable again.
        let _ = rustix::io::read(&self.place.bell, &mut count);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.audience.stage().places.retain(|place| !Arc::ptr_eq(place, &self.place));
    }
}
