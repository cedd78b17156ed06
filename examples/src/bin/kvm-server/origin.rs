//! The names this server goes by, against pages from elsewhere that talk to it.

use std::net::{IpAddr, SocketAddr};

use crate::options::Origin;
use crate::session::Secret;

/// Where the server is reached: on this machine, and by the address of a proxy if one was named.
#[derive(Debug)]
pub(crate) struct Site {
    address: SocketAddr,
    public: Option<Origin>,
}

impl Site {
    /// A site that listens here.
    pub(crate) fn new(address: SocketAddr, public: Option<Origin>) -> Self {
        Self { address, public }
    }

    /// Whether a `Host` header names this server. Any port of this machine does, because a tunnel may start at
    /// another than it ends; a name that a foreign page was loaded from never is one of these.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
            _ => host,
        };
        let is_local = name.eq_ignore_ascii_case("localhost")
            || name.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        is_local || self.public.as_ref().is_some_and(|public| public.authority().eq_ignore_ascii_case(host))
    }

    /// Whether an `Origin` header is that of this server's own pages, for a request to this host.
    pub(crate) fn is_own(&self, origin: &str, host: &str) -> bool {
        match &self.public {
            Some(public) if public.authority().eq_ignore_ascii_case(host) => {
                public.as_str().eq_ignore_ascii_case(origin)
            }
            _ => origin.strip_prefix("http://").is_some_and(|authority| authority.eq_ignore_ascii_case(host)),
        }
    }

    /// Whether browsers reach it by TLS, so that the cookie is for TLS only.
    pub(crate) fn is_https(&self) -> bool {
        self.public.as_ref().is_some_and(Origin::is_https)
    }

    /// The link that spends a token, by the name the asking page used.
    pub(crate) fn link(&self, host: &str, token: &Secret) -> String {
        let token = token.reveal();
        match &self.public {
            Some(public) => format!("{}/?token={token}", public.as_str()),
            None => format!("http://{host}/?token={token}"),
        }
    }

    /// The first link.
    pub(crate) fn first_link(&self, token: &Secret) -> String {
        self.link(&self.address.to_string(), token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(public: Option<&str>) -> Site {
        Site::new(([127, 0, 0, 1], 8080).into(), public.map(|public| public.parse().unwrap()))
    }

    #[test]
    fn only_this_machine_and_the_proxy_are_hosts() {
        let site = site(Some("https://kvm.example.org"));
        for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:9000", "[::1]:8080", "kvm.example.org"] {
            assert!(site.is_host(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "kvm.example.org:81",
            "127.0.0.1.evil.example:8080",
            "10.0.0.1",
            "localhost:x",
        ] {
            assert!(!site.is_host(host), "{host}");
        }
    }

    #[test]
    fn only_its_own_pages_have_its_origin() {
        let plain = site(None);
        assert!(plain.is_own("http://localhost:8080", "localhost:8080"));
        for origin in ["null", "http://localhost:8081", "https://localhost:8080", "http://evil.example"] {
            assert!(!plain.is_own(origin, "localhost:8080"), "{origin}");
        }
        let proxied = site(Some("https://kvm.example.org"));
        assert!(proxied.is_own("https://kvm.example.org", "kvm.example.org"));
        assert!(!proxied.is_own("http://kvm.example.org", "kvm.example.org"));
    }
}
