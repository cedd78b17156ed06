//! The socket that viewers connect to.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use kvm_audit::{CapabilitySet, Declare, Grant, InUse, NetworkListen};
use rustix::net::sockopt;

use crate::parts::StartError;

/// The socket that viewers connect to.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    in_use: InUse<NetworkListen>,
}

impl Listener {
    pub(crate) fn bind(address: SocketAddr, grant: Grant<NetworkListen>) -> Result<Self, StartError> {
        let in_use = grant.exercise(&address.to_string())?;
        let socket = TcpListener::bind(address)
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
            .map_err(|source| StartError::Listen { address, source })?;
        Ok(Self { socket, in_use })
    }
}

impl Declare for Listener {
    fn capabilities(&self) -> CapabilitySet {
        self.in_use.capabilities()
    }
}

/// Sets a viewer's connection up: nothing waits in it for long, and it breaks soon after the viewer is gone without a
/// word, so that its keys come up.
pub(crate) fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    // What waits in the kernel for a slow viewer is old when it arrives.
    sockopt::set_socket_send_buffer_size(socket, SEND_BUFFER)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, Duration::from_secs(2))?;
    sockopt::set_tcp_keepintvl(socket, Duration::from_secs(1))?;
    sockopt::set_tcp_keepcnt(socket, 3)?;
    Ok(())
}

/// Some pictures' worth of bytes.
const SEND_BUFFER: usize = 256 * 1024;
