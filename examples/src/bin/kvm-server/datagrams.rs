//! The socket for datagrams that WebRTC peers come to.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use kvm_audit::{CapabilitySet, Declare, Grant, InUse, NetworkListen};
use kvm_examples::start::StartError;

use crate::manifest;

/// A socket for datagrams, from its grant.
#[derive(Debug)]
pub(crate) struct Datagrams {
    pub(crate) socket: tokio::net::UdpSocket,
    /// Its address as peers see it.
    pub(crate) public: SocketAddr,
    in_use: InUse<NetworkListen>,
}

impl Datagrams {
    /// Binds the socket; `public` is its address as peers see it, if that is another.
    pub(crate) fn bind(
        address: SocketAddr,
        public: Option<SocketAddr>,
        grant: Grant<NetworkListen>,
    ) -> Result<Self, StartError> {
        let in_use = grant.exercise(&manifest::datagrams(address))?;
        let bind = || {
            let socket = UdpSocket::bind(address)?;
            // A key picture leaves within a few milliseconds, and what comes in waits for nothing else.
            rustix::net::sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER)?;
            rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER)?;
            socket.set_nonblocking(true)?;
            let public = public.map_or_else(|| socket.local_addr(), Ok)?;
            Ok((tokio::net::UdpSocket::from_std(socket)?, public))
        };
        let (socket, public) = bind().map_err(|source: io::Error| StartError::Listen { address, source })?;
        Ok(Self { socket, public, in_use })
    }
}

impl Declare for Datagrams {
    fn capabilities(&self) -> CapabilitySet {
        self.in_use.capabilities()
    }
}

const SOCKET_BUFFER: usize = 1 << 20;
