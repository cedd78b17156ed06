//! The server from its start to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kvm_examples::input::Input;
use kvm_examples::report::{chain, complain, say};
use kvm_examples::start;
use kvm_examples::told_to_end::told_to_end;
use kvm_hid::Holder;
use tokio::net::{TcpListener, TcpStream};

use crate::audience::Audience;
use crate::input::{SILENCE, Usher};
use crate::options::Options;
use crate::parts::{Parts, StartError};
use crate::picture::Picture;
use crate::viewer::{Gone, House, Viewer};

/// Assembles the server and serves viewers until the program is told to end.
pub(crate) fn serve(options: &Options) -> Result<(), StartError> {
    let system = |what| move |source| start::StartError::System { what, source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system("the network"))?;
    // Before anything is opened, so that whatever is open is closed in order.
    let _entered = runtime.enter();
    let told_to_end = told_to_end().map_err(system("waiting for signals"))?;

    let audience = Audience::default();
    let parts = Parts::assemble(options, &audience)?;
    let picture = Picture::start(parts.source, audience.clone(), parts.text).map_err(system("a thread"))?;
    let input = Input::start(parts.seat.with_silence(SILENCE), Usher(audience.clone()))
        .map_err(system("a thread"))?;
    let house = House {
        audience: audience.clone(),
        input: input.orders.clone(),
        door: parts.door,
        tls: parts.tls,
        name: options.name.clone(),
        is_view_only: options.view_only,
        is_exact: options.exact,
    };
    let address = parts.listener.address().map_err(system("the listener"))?;
    let listener = parts.listener.in_runtime().map_err(system("the listener"))?;
    say(parts.manifest.to_string().trim_end());
    say(format_args!("serving VNC on {address}"));
    runtime.block_on(async {
        tokio::select! {
            () = told_to_end => {}
            () = accept(&listener, &house) => {}
        }
    });
    audience.end();
    let (released, closed) = (input.wait_end(), picture.wait_end());
    if !released || !closed {
        complain("end", "a thread broke off");
    }
    Ok(())
}

/// Gives each viewer a thread of its own.
async fn accept(listener: &TcpListener, house: &House) {
    let inside = Arc::new(AtomicUsize::new(0));
    let mut number = 0;
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                complain("a viewer that came", error);
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        number += 1;
        let house = house.clone();
        let place = Inside::enter(&inside);
        if place.number > VIEWERS {
            complain("a viewer that came", "too many are there");
            continue;
        }
        let started = thread::Builder::new().name(format!("viewer {number}")).spawn(move || {
            let gone = serve_one(socket, house, Holder(number));
            if !matches!(gone, Gone::Left | Gone::End) {
                complain(&format!("viewer {number}"), chain(&gone));
            }
            drop(place);
        });
        if let Err(error) = started {
            complain("a viewer that came", error);
        }
    }
}

fn serve_one(socket: TcpStream, house: House, holder: Holder) -> Gone {
    let viewer = socket.into_std().map_err(Gone::from).and_then(|socket| Viewer::new(house, holder, socket));
    match viewer {
        Ok(viewer) => viewer.run(),
        Err(gone) => gone,
    }
}

/// One of those inside; dropping it leaves.
struct Inside {
    count: Arc<AtomicUsize>,
    number: usize,
}

impl Inside {
    fn enter(count: &Arc<AtomicUsize>) -> Self {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        Self { count: Arc::clone(count), number }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Viewers at once, those that are not in yet included.
const VIEWERS: usize = 32;
/// How soon is listened again after a failure.
const REST: std::time::Duration = std::time::Duration::from_millis(50);
