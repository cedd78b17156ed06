//! Both ends of a connection on this machine: one that sends a viewer's packets, one that notes when they are there.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};

use kvm_capture::Timestamp;
use kvm_stream::Viewer;

use crate::{Failure, now, processors};

/// One picture that arrived, and what was said of it.
pub(crate) struct Arrival {
    pub(crate) sequence: u64,
    /// When its frame was captured.
    pub(crate) captured: Timestamp,
    /// When the sender took it out of the viewer's queue.
    pub(crate) taken: Timestamp,
    /// When its last byte was there.
    pub(crate) arrived: Timestamp,
}

/// The threads of the two ends.
pub(crate) struct Ends {
    sender: JoinHandle<Result<u64, Failure>>,
    reader: JoinHandle<io::Result<()>>,
}

impl Ends {
    /// Waits until everything is sent and read; returns how many packets the viewer dropped.
    pub(crate) fn join(self) -> Result<u64, Failure> {
        let dropped = self.sender.join().map_err(|_| "the sender panicked")??;
        self.reader.join().map_err(|_| "the reader panicked")??;
        Ok(dropped)
    }
}

/// Connects a viewer with somebody who tells of what arrives, both on this processor. It lasts as long as the fan-out.
pub(crate) fn connect(
    viewer: Viewer,
    arrivals: Sender<Arrival>,
    processor: Option<usize>,
) -> io::Result<Ends> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sending = TcpStream::connect(listener.local_addr()?)?;
    sending.set_nodelay(true)?;
    let (receiving, _) = listener.accept()?;
    let pin = move || processor.map_or(Ok(()), processors::pin);
    let reader = thread::spawn(move || {
        pin()?;
        read(receiving, &arrivals)
    });
    let sender = thread::spawn(move || {
        pin()?;
        send(viewer, sending)
    });
    Ok(Ends { sender, reader })
}

/// Length of the payload, sequence, capture and taking, each of eight bytes, before the payload.
const HEADER_BYTES: usize = 32;

fn send(mut viewer: Viewer, mut socket: TcpStream) -> Result<u64, Failure> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut message = Vec::new();
    loop {
        match viewer.poll_packet(&mut context) {
            Poll::Pending => thread::park(),
            Poll::Ready(None) => return Ok(viewer.dropped()),
            Poll::Ready(Some(packet)) => {
                let taken = now();
                message.clear();
                for number in [
                    packet.payload.len() as u64,
                    packet.sequence,
                    packet.timestamp.as_micros(),
                    taken.as_micros(),
                ] {
                    message.extend_from_slice(&number.to_be_bytes());
                }
                message.extend_from_slice(&packet.payload);
                socket.write_all(&message)?;
            }
        }
    }
}

fn read(socket: TcpStream, arrivals: &Sender<Arrival>) -> io::Result<()> {
    let mut socket = BufReader::with_capacity(1 << 16, socket);
    let mut payload = Vec::new();
    loop {
        let mut header = [0; HEADER_BYTES];
        match socket.read_exact(&mut header) {
            Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            result => result?,
        }
        let number = |index: usize| {
            let bytes = &header[index * 8..][..8];
            bytes.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
        };
        payload.resize(usize::try_from(number(0)).map_err(io::Error::other)?, 0);
        socket.read_exact(&mut payload)?;
        let arrived = now();
        let [captured, taken] = [2, 3].map(|index| Timestamp::from_micros(number(index)));
        // Nobody counts any more if the measurement failed.
        if arrivals.send(Arrival { sequence: number(1), captured, taken, arrived }).is_err() {
            return Ok(());
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
