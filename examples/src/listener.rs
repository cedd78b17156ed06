//! The socket that viewers connect to.

use std::io;
use std::net::SocketAddr;

use kvm_audit::{CapabilitySet, Declare, Grant, InUse, NetworkListen};
use rustix::net::sockopt;
use tokio::net::TcpListener;

use crate::start::StartError;

/// A socket that listens, by a grant.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    in_use: InUse<NetworkListen>,
}

impl Listener {
    /// Listens on an address; port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// The manifest's scope does not name the address, or the system refuses it.
    pub fn bind(address: SocketAddr, grant: Grant<NetworkListen>) -> Result<Self, StartError> {
        let in_use = grant.exercise(&address.to_string())?;
        let listen = || {
            let socket = std::net::TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            // What waits in the kernel for a slow viewer is old when it arrives. Connections inherit this.
            sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER)?;
            Ok(socket)
        };
        let socket = listen().map_err(|source| StartError::Listen { address, source })?;
        Ok(Self { socket, in_use })
    }

    /// The socket, to be waited for in a runtime of tokio. To be called within it.
    ///
    /// # Errors
    ///
    /// The system has no descriptor left.
    pub fn in_runtime(&self) -> io::Result<TcpListener> {
        self.socket.try_clone().and_then(TcpListener::from_std)
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl Declare for Listener {
    fn capabilities(&self) -> CapabilitySet {
        self.in_use.capabilities()
    }
}

/// Some pictures' worth of bytes.
const SEND_BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use kvm_audit::{Capability, Ledger, Manifest};

    use super::*;

    #[test]
    fn it_listens_where_the_grant_says() {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let declare = |address: &str| {
            Manifest::new("test").declare(Capability::NetworkListen, address.to_owned(), "a test")
        };
        let grant = |manifest: &Manifest| manifest.grant(&Ledger::new()).unwrap();
        let manifest = declare("127.0.0.1:0").unwrap();
        let listener = Listener::bind(address, grant(&manifest)).unwrap();
        let there = listener.address().unwrap();
        assert!(std::net::TcpStream::connect(there).is_ok());
        assert!(listener.capabilities().contains(Capability::NetworkListen));

        let taken = Listener::bind(there, grant(&declare(&there.to_string()).unwrap())).unwrap_err();
        assert!(taken.advice().is_some_and(|advice| advice.contains(&there.port().to_string())), "{taken}");
        let elsewhere = Listener::bind(address, grant(&declare("127.0.0.1:1").unwrap()));
        assert!(matches!(elsewhere, Err(StartError::OutOfScope(_))));
    }
}
