//! A kvm-server as a process, and clients of it: HTTP/1.1 by hand, and a page's WebSocket.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may panic as the test may")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, Message, WebSocket};

/// A running kvm-server. What it says is kept, for a look at whether it said too much.
pub(crate) struct Server {
    child: Child,
    said: Arc<Mutex<String>>,
    readers: Vec<thread::JoinHandle<()>>,
    /// Host and port.
    pub(crate) address: String,
    /// The one-time token that it printed.
    pub(crate) token: String,
}

impl Server {
    /// Starts one on a free port.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kvm-server"))
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers = vec![keep(out, &said), keep(err, &said)];
        let mut link = None;
        until("kvm-server prints its link", || {
            link = said
                .lock()
                .unwrap()
                .lines()
                .find_map(|line| Some(line.strip_prefix("open http://")?.to_owned()));
            assert!(link.is_some() || child.try_wait().unwrap().is_none(), "{}", said.lock().unwrap());
            link.is_some()
        });
        let link = link.unwrap();
        let (address, token) = link.split_once("/?token=").unwrap();
        Self { child, readers, address: address.to_owned(), token: token.to_owned(), said }
    }

    /// Spends the printed token.
    pub(crate) fn log_in(&self) -> String {
        self.spend(&self.token)
    }

    /// Spends a token and answers the cookie.
    pub(crate) fn spend(&self, token: &str) -> String {
        let answer = self.get(&format!("/?token={token}"), "");
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
        let cookie = answer.header("set-cookie").unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
        cookie.split(';').next().unwrap().to_owned()
    }

    /// Asks for something with this cookie.
    pub(crate) fn get(&self, path: &str, cookie: &str) -> Answer {
        self.request("GET", path, &[("Cookie", cookie)])
    }

    /// Asks for something with these headers, and with the right `Host` unless they name one.
    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let (head, mut body) = self.open(method, path, headers);
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).unwrap();
        Answer { body: if head.is_chunked() { unchunk(&bytes) } else { bytes }, ..head }
    }

    /// Asks for something and leaves the body to be read.
    pub(crate) fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (Answer, BufReader<TcpStream>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let host = [("Host", self.address.as_str())];
        let host = if headers.iter().any(|(name, _)| *name == "Host") { &[][..] } else { &host };
        for (name, value) in host.iter().chain(headers) {
            request += &format!("{name}: {value}\r\n");
        }
        stream.write_all((request + "\r\n").as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        (Answer { status, lines, body: Vec::new() }, stream)
    }

    /// The target's text screen.
    pub(crate) fn text(&self, cookie: &str) -> String {
        String::from_utf8(self.get("/target/text", cookie).body).unwrap()
    }

    /// The state, as nobody in particular sees it.
    pub(crate) fn state(&self, cookie: &str) -> Value {
        serde_json::from_slice(&self.get("/state", cookie).body).unwrap()
    }

    /// Ends it as a service manager does; answers how it ended and everything it ever said.
    pub(crate) fn terminate(mut self) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let mut status = None;
        until("kvm-server ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        let said = self.said.lock().unwrap().clone();
        (status.unwrap(), said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After a failed test nobody else would; after a passed one it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer: its head, and its body if that was read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    lines: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.lines.iter().skip(1).find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.header(name).unwrap().parse().unwrap()
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding") == Some("chunked")
    }
}

/// A page that is connected.
pub(crate) struct Page {
    socket: WebSocket<TcpStream>,
    /// The header of the picture whose payload comes next.
    header: Option<Vec<u8>>,
    /// Whether it tells what it has painted, as every page does.
    pub(crate) acknowledges: bool,
    /// How many pictures came, and the number of the newest.
    pub(crate) pictures: usize,
    pub(crate) newest: u64,
    /// What was told of probed keys: the page's number, and when the key went to the target.
    pub(crate) probed: Vec<(u64, u64)>,
    /// The newest state.
    pub(crate) state: Value,
    pub(crate) refused: Vec<String>,
}

/// A picture as the page gets it.
pub(crate) struct Picture {
    pub(crate) codec: u8,
    pub(crate) is_keyframe: bool,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) sequence: u64,
    pub(crate) captured_us: u64,
    pub(crate) sent_us: u64,
    pub(crate) payload: Vec<u8>,
}

impl Page {
    /// Connects as the server's own page does that wants JPEG pictures.
    pub(crate) fn open(server: &Server, cookie: &str) -> Self {
        Self::open_at(&server.address, cookie)
    }

    /// The same, knowing no more than its address.
    pub(crate) fn open_at(address: &str, cookie: &str) -> Self {
        Self::open_with(address, cookie, "?codec=jpeg")
    }

    /// As [`open_at`](Self::open_at), with another query, such as for pictures of another codec.
    pub(crate) fn open_with(address: &str, cookie: &str, query: &str) -> Self {
        let origin = format!("http://{address}");
        Self::try_open(address, cookie, &origin, query)
            .unwrap_or_else(|status| panic!("refused with {status}"))
    }

    /// Connects as a page from somewhere does; the status if it is refused.
    pub(crate) fn try_open(address: &str, cookie: &str, origin: &str, query: &str) -> Result<Self, u16> {
        let mut request = format!("ws://{address}/stream{query}").into_client_request().unwrap();
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        request.headers_mut().insert("Cookie", cookie.parse().unwrap());
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => {
                socket.get_ref().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
                Ok(Self {
                    socket,
                    header: None,
                    acknowledges: true,
                    pictures: 0,
                    newest: 0,
                    probed: Vec::new(),
                    state: Value::Null,
                    refused: Vec::new(),
                })
            }
            Err(tungstenite::HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    pub(crate) fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string()));
    }

    pub(crate) fn send(&mut self, message: Message) {
        self.socket.send(message).unwrap();
    }

    pub(crate) fn key(&mut self, code: &str, down: bool) {
        self.say(&serde_json::json!({ "type": "key", "code": code, "down": down }));
    }

    pub(crate) fn stroke(&mut self, code: &str) {
        self.key(code, true);
        self.key(code, false);
    }

    /// Reads what comes next, if anything does within some milliseconds; a picture is answered, the rest is kept.
    pub(crate) fn listen(&mut self) -> Option<Picture> {
        match self.socket.read() {
            Ok(Message::Binary(bytes)) => match self.header.take() {
                Some(header) => {
                    let picture = Picture::parse(&header, &bytes);
                    self.pictures += 1;
                    self.newest = picture.sequence;
                    if self.acknowledges {
                        self.say(&serde_json::json!({ "type": "painted", "sequence": picture.sequence }));
                    }
                    return Some(picture);
                }
                None => self.header = Some(bytes.to_vec()),
            },
            Ok(Message::Text(text)) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                match message["type"].as_str() {
                    Some("state") => self.state = message,
                    Some("probed") => {
                        let number = |name: &str| message[name].as_u64().unwrap();
                        self.probed.push((number("probe"), number("at_us")));
                    }
                    Some("refused") => self.refused.push(message["reason"].as_str().unwrap().to_owned()),
                    other => panic!("a message of type {other:?}"),
                }
            }
            Ok(_) => {}
            Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("the line broke: {error}"),
        }
        None
    }

    /// Listens until the next picture.
    pub(crate) fn picture(&mut self) -> Picture {
        let mut picture = None;
        until("a picture comes", || {
            picture = self.listen();
            picture.is_some()
        });
        picture.unwrap()
    }

    /// Listens until no picture has come for a tenth of a second.
    pub(crate) fn listen_until_still(&mut self) {
        let mut last = Instant::now();
        until("the picture stands still", || {
            if self.listen().is_some() {
                last = Instant::now();
            }
            last.elapsed() > Duration::from_millis(100)
        });
    }

    /// Listens until the page knows something.
    pub(crate) fn listen_until(&mut self, what: &str, known: impl Fn(&Self) -> bool) {
        until(what, || {
            self.listen();
            known(self)
        });
    }

    pub(crate) fn listen_until_control(&mut self, control: &str) {
        self.listen_until(&format!("control is {control}"), |page| page.state["control"] == control);
    }

    /// The connection is gone, without a word.
    pub(crate) fn vanish(self) {
        self.socket.get_ref().shutdown(std::net::Shutdown::Both).unwrap();
    }
}

impl Picture {
    fn parse(header: &[u8], payload: &[u8]) -> Self {
        let long = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap());
        let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        assert_eq!((header.len(), header[0], header[3]), (32, 1, 0));
        Self {
            codec: header[1],
            is_keyframe: header[2] & 1 != 0,
            width: short(4),
            height: short(6),
            sequence: long(8),
            captured_us: long(16),
            sent_us: long(24),
            payload: payload.to_vec(),
        }
    }

    /// The pixels, by a decoder that is not ours.
    pub(crate) fn decode(&self) -> Vec<u8> {
        decode(&self.payload, (self.width.into(), self.height.into()))
    }
}

/// Decodes a JPEG and checks its size.
pub(crate) fn decode(jpeg: &[u8], size: (usize, usize)) -> Vec<u8> {
    use zune_jpeg::zune_core::bytestream::ZCursor;
    let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(jpeg));
    let pixels = decoder.decode().unwrap();
    assert_eq!(decoder.dimensions().unwrap(), size);
    pixels
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn keep(pipe: impl Read + Send + 'static, said: &Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let mut said = said.lock().unwrap();
            said.push_str(&line.unwrap());
            said.push('\n');
        }
    })
}

/// Takes the chunks of a body together (RFC 9112, section 7.1).
fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        bytes = &bytes[end + 2..];
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
}

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
