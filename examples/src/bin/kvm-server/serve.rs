//! A KVM from its start to its end.

use std::future::IntoFuture as _;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::serve::ListenerExt;
use kvm_examples::input::Input;
use kvm_examples::report::{complain, say};
use kvm_examples::start;
use kvm_examples::told_to_end::told_to_end;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::app::{App, ended};
use crate::channels::Channels;
use crate::input::{self, TypingDesk};
use crate::input_classes::InputClasses;
use crate::options::Options;
use crate::origin::Site;
use crate::parts::{Parts, StartError};
#[cfg(feature = "webrtc")]
use crate::peers::Peers;
use crate::photon::Photons;
use crate::picture::Picture;
use crate::recording::{RecordingError, Recordings};
use crate::session::Door;
use crate::tracks::Tracks;
use crate::web::{Web, routes};

/// Assembles the KVM and serves it until the program is told to end.
pub(crate) async fn serve(options: &Options) -> Result<(), StartError> {
    // Before anything is opened, so that whatever is open is closed in order.
    let told_to_end =
        told_to_end().map_err(|source| start::StartError::System { what: "waiting for signals", source })?;
    let parts = Parts::assemble(options)?;
    let channels = Channels::new(options.codec);
    let started = |source| start::StartError::System { what: "a thread", source };
    let tracks = Tracks::new(parts.source, channels.encoders(options.quality));
    let picture = Picture::start(tracks).map_err(started)?;
    let classes = InputClasses::default();
    let (typing_desk, input_state) = TypingDesk::new(classes.clone());
    let input = Input::start(parts.seat, typing_desk).map_err(started)?;
    let newest = picture.newest.clone();
    let tape = channels.tape().clone();
    let recordings =
        Arc::new(Recordings::new(parts.recordings, tape, newest, classes, parts.recording_grants));
    if let Some(file) = &options.record {
        recordings.start_into(file)?;
    }

    let mut door = Door::default();
    let token = door.first_token()?;
    let end = watch::Sender::new(false);
    #[cfg(feature = "webrtc")]
    let peers = match (parts.datagrams, channels.h264()) {
        (Some(datagrams), Some((viewers, paces))) => {
            let (picture, input) = (picture.commands.clone(), input.orders.clone());
            Some(Peers::start(datagrams, viewers.clone(), paces.clone(), picture, input, end.subscribe())?)
        }
        (Some(_), None) => return Err(StartError::NoH264),
        (None, _) => None,
    };
    let app = Arc::new(App {
        door: Mutex::new(door),
        manifest: parts.manifest,
        ledger: parts.ledger,
        channels,
        picture: picture.commands.clone(),
        picture_state: picture.state.clone(),
        input: input.orders.clone(),
        input_state,
        recordings: Arc::clone(&recordings),
        recording_changed: watch::Sender::new(()),
        photons: Photons::default(),
        quality: options.quality,
        target_text: parts.target.map(|target| Box::new(move || target.text()) as Box<_>),
        #[cfg(feature = "webrtc")]
        peers,
        end: end.subscribe(),
        holders: AtomicU64::new(1),
    });
    let address = parts.listener.address().map_err(started)?;
    let site = Arc::new(Site::new(address, options.origin.clone()));
    say(app.manifest.to_string().trim_end());
    say(format_args!("open {}", site.first_link(&token)));

    let routes = routes(Web { app, site });
    let socket = parts.listener.in_runtime().map_err(started)?.tap_io(|connection| {
        // Without it a key's answer waits for more; that it cannot be set delays and breaks nothing.
        let _ = connection.set_nodelay(true);
    });
    let mut closing = end.subscribe();
    let server = axum::serve(socket, routes).with_graceful_shutdown(async move { ended(&mut closing).await });
    let server = tokio::spawn(server.into_future());
    told_to_end.await;
    end.send_replace(true);
    // Whoever has not gone by then is cut off when the program ends.
    let _ = timeout(GOODBYE, server).await;
    close(input, &recordings, picture)
}

/// Releases the keys, finishes the recording, closes the devices.
fn close(input: Input<input::Command>, recordings: &Recordings, picture: Picture) -> Result<(), StartError> {
    let released = input.wait_end();
    let recorded = match recordings.wait_stop() {
        Err(RecordingError::NotRunning) => Ok(()),
        outcome => outcome,
    };
    if !released || !picture.wait_end() {
        complain("end", "a thread broke off");
    }
    Ok(recorded?)
}

/// How long viewers get to hear that the server ends.
const GOODBYE: Duration = Duration::from_secs(1);
