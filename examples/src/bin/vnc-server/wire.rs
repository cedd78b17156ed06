//! A viewer's connection, with TLS or without.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
#[cfg(feature = "tls")]
use rustls::{ServerConfig, ServerConnection};

/// A viewer's connection, which never blocks.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: TcpStream,
    #[cfg(feature = "tls")]
    tls: Option<Box<ServerConnection>>,
}

impl Wire {
    /// A connection without TLS, to begin with. Nothing waits in it for long, and it breaks soon after the viewer is gone
    /// without a word, so that its keys come up.
    pub(crate) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&socket, true)?;
        sockopt::set_tcp_keepidle(&socket, Duration::from_secs(2))?;
        sockopt::set_tcp_keepintvl(&socket, Duration::from_secs(1))?;
        sockopt::set_tcp_keepcnt(&socket, 3)?;
        Ok(Self {
            socket,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }

    /// Reads what has come. 0 is the end; nothing yet is an error of the kind `WouldBlock`.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            loop {
                match tls.reader().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => return read,
                }
                if tls.read_tls(&mut self.socket)? == 0 {
                    return Ok(0);
                }
                tls.process_new_packets().map_err(io::Error::other)?;
                if tls.is_handshaking() {
                    // Its answer goes out before anything more can come.
                    return Err(io::ErrorKind::WouldBlock.into());
                }
            }
        }
        self.socket.read(buffer)
    }

    /// Sends some of these bytes; how many.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            // What it holds is bounded, and 0 means full.
            return match tls.writer().write(bytes)? {
                0 if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
                written => Ok(written),
            };
        }
        self.socket.write(bytes)
    }

    /// Sends what TLS holds back.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            }
        }
        Ok(())
    }

    /// Whether something is still to be sent by [`flush`](Self::flush).
    pub(crate) fn holds_back(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Goes on with TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn start_tls(&mut self, config: Arc<ServerConfig>) -> io::Result<()> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(TLS_BUFFER));
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Whether TLS is established.
    pub(crate) fn is_protected(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.as_ref().is_some_and(|tls| !tls.is_handshaking());
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Ends TLS in order, so that the other side knows that nothing was cut off.
    pub(crate) fn close(&mut self) {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // Whether it gets through is no longer of interest.
            let _ = tls.write_tls(&mut self.socket);
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Bytes that TLS may hold back.
#[cfg(feature = "tls")]
const TLS_BUFFER: usize = 256 * 1024;
