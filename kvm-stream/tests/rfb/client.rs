//! A scripted client that understands Raw and CopyRect.

use bytes::Bytes;
use kvm_capture::{Frame, FrameFormat, PixelFormat};
use kvm_stream::rfb::{Event, Permits, RfbError, Security, Server};

pub(crate) const RAW: i32 = 0;
pub(crate) const COPY_RECT: i32 = 1;
pub(crate) const DESKTOP_SIZE: i32 = -223;
pub(crate) const QEMU_KEYS: i32 = -258;
pub(crate) const QEMU_LIGHTS: i32 = -261;
pub(crate) const DESKTOP_NAME: i32 = -307;
pub(crate) const EXTENDED_DESKTOP_SIZE: i32 = -308;
pub(crate) const FENCE: i32 = -312;
pub(crate) const CONTINUOUS_UPDATES: i32 = -313;
pub(crate) const EXTENDED_BUTTONS: i32 = -316;

/// A client and its server.
pub(crate) struct Client {
    pub(crate) server: Server,
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// Blue, green and red of each pixel, and whatever fills it up.
    pub(crate) picture: Vec<[u8; 4]>,
    pub(crate) name: String,
}

/// What the server says, as far as the client does not keep it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Rectangles of an update: encoding and corner.
    Update(Vec<(i32, u16, u16)>),
    Fence {
        flags: u32,
        payload: Vec<u8>,
    },
    EndOfContinuousUpdates,
    ColourMap(Vec<[u16; 3]>),
}

impl Client {
    /// A client of RFB 3.8 that came in without authentication and may type and point.
    pub(crate) fn connected(width: u16, height: u16) -> Self {
        Self::of(
            Server::new(Security::with_no_authentication(), width, height)
                .with_name("target")
                .with_permits(Permits::INPUT),
        )
    }

    /// A client of this server, which has to let it in without authentication.
    pub(crate) fn of(mut server: Server) -> Self {
        let events = send(&mut server, b"RFB 003.008\n\x01\x01").unwrap();
        assert!(matches!(events[..], [Event::Ready { is_shared: true }]));
        let said = drain(&mut server);
        let init = said.strip_prefix(b"RFB 003.008\n\x01\x01\0\0\0\0").unwrap();
        let (width, height) = (be16(&init[0..]), be16(&init[2..]));
        assert_eq!(init[4..20], [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
        let name = String::from_utf8(init[24..].to_vec()).unwrap();
        let picture = vec![[0xEE; 4]; usize::from(width) * usize::from(height)];
        Self { server, width, height, picture, name }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Vec<Event> {
        send(&mut self.server, bytes).unwrap()
    }

    pub(crate) fn set_encodings(&mut self, encodings: &[i32]) {
        let mut message = vec![2, 0];
        message.extend_from_slice(&u16::try_from(encodings.len()).unwrap().to_be_bytes());
        message.extend(encodings.iter().flat_map(|encoding| encoding.to_be_bytes()));
        assert!(self.send(&message).is_empty());
    }

    pub(crate) fn request(&mut self, incremental: bool) {
        self.request_area(incremental, [0, 0, self.width, self.height]);
    }

    pub(crate) fn request_area(&mut self, incremental: bool, area: [u16; 4]) {
        let mut message = vec![3, u8::from(incremental)];
        message.extend(area.iter().flat_map(|number| number.to_be_bytes()));
        assert!(self.send(&message).is_empty());
    }

    /// Reads everything the server has to say.
    pub(crate) fn read(&mut self) -> Vec<Said> {
        let bytes = drain(&mut self.server);
        self.read_bytes(&bytes)
    }

    /// Reads bytes that the server sent.
    pub(crate) fn read_bytes(&mut self, mut rest: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        while let [number, ..] = rest {
            said.push(match number {
                0 => self.read_update(&mut rest),
                1 => {
                    let count = usize::from(be16(&rest[4..]));
                    assert_eq!(be16(&rest[2..]), 0);
                    let entries = rest[6..6 + 6 * count].chunks_exact(6);
                    let map =
                        entries.map(|entry| [be16(entry), be16(&entry[2..]), be16(&entry[4..])]).collect();
                    rest = &rest[6 + 6 * count..];
                    Said::ColourMap(map)
                }
                150 => {
                    rest = &rest[1..];
                    Said::EndOfContinuousUpdates
                }
                248 => {
                    let len = usize::from(rest[8]);
                    let flags = u32::from_be_bytes(rest[4..8].try_into().unwrap());
                    let payload = rest[9..9 + len].to_vec();
                    rest = &rest[9 + len..];
                    Said::Fence { flags, payload }
                }
                other => panic!("message {other}"),
            });
        }
        said
    }

    fn read_update(&mut self, rest: &mut &[u8]) -> Said {
        let count = be16(&rest[2..]);
        *rest = &rest[4..];
        let mut rects = Vec::new();
        for _ in 0..count {
            let [x, y, width, height] = [0, 2, 4, 6].map(|at| be16(&rest[at..]));
            let encoding = i32::from_be_bytes(rest[8..12].try_into().unwrap());
            *rest = &rest[12..];
            rects.push((encoding, x, y));
            self.read_rect(encoding, [x, y, width, height], rest);
        }
        Said::Update(rects)
    }

    fn read_rect(&mut self, encoding: i32, [x, y, width, height]: [u16; 4], rest: &mut &[u8]) {
        let places = |x: u16, y: u16| {
            (y..y + height).flat_map(move |y| (x..x + width).map(move |x| (usize::from(x), usize::from(y))))
        };
        let stride = usize::from(self.width);
        match encoding {
            RAW => {
                for (x, y) in places(x, y) {
                    self.picture[y * stride + x] = rest[..4].try_into().unwrap();
                    *rest = &rest[4..];
                }
            }
            COPY_RECT => {
                let (from_x, from_y) = (be16(rest), be16(&rest[2..]));
                *rest = &rest[4..];
                let before = self.picture.clone();
                for ((to_x, to_y), (x, y)) in places(x, y).zip(places(from_x, from_y)) {
                    self.picture[to_y * stride + to_x] = before[y * stride + x];
                }
            }
            DESKTOP_SIZE => self.resize(width, height),
            EXTENDED_DESKTOP_SIZE => {
                let screens = usize::from(rest[0]);
                assert_eq!(screens, 1);
                assert_eq!([8, 10, 12, 14].map(|at| be16(&rest[at..])), [0, 0, width, height]);
                *rest = &rest[4 + 16 * screens..];
                if (x, y) == (0, 0) {
                    self.resize(width, height);
                }
            }
            QEMU_KEYS | EXTENDED_BUTTONS => assert_eq!([x, y, width, height], [0; 4]),
            QEMU_LIGHTS => {
                self.name = format!("{}, lights {}", self.name, rest[0]);
                *rest = &rest[1..];
            }
            DESKTOP_NAME => {
                let len = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
                self.name = String::from_utf8(rest[4..4 + len].to_vec()).unwrap();
                *rest = &rest[4 + len..];
            }
            other => panic!("encoding {other} was not asked for"),
        }
    }

    fn resize(&mut self, width: u16, height: u16) {
        if (width, height) != (self.width, self.height) {
            (self.width, self.height) = (width, height);
            self.picture = vec![[0xEE; 4]; usize::from(width) * usize::from(height)];
        }
    }

    /// Whether the client sees this frame of BGRX, pixel by pixel.
    pub(crate) fn sees(&self, frame: &Frame) -> bool {
        let image = frame.image().unwrap();
        let format = frame.format();
        let pixels = image.plane(0).rows().flat_map(|row| row.chunks_exact(4));
        (u32::from(self.width), u32::from(self.height)) == (format.width_px, format.height_px)
            && self.picture.iter().zip(pixels).all(|(seen, pixel)| seen[..3] == pixel[..3])
    }
}

/// Sends bytes and collects what comes of them, answering nothing.
pub(crate) fn send(server: &mut Server, mut bytes: &[u8]) -> Result<Vec<Event>, RfbError> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let received = server.receive(bytes)?;
        bytes = &bytes[received.consumed..];
        events.extend(received.event);
        if !server.wants_input() {
            assert!(bytes.is_empty(), "{} bytes are not wanted", bytes.len());
        }
    }
    Ok(events)
}

/// Takes all output.
pub(crate) fn drain(server: &mut Server) -> Vec<u8> {
    let output = server.output().to_vec();
    server.consume_output(output.len());
    output
}

pub(crate) fn be16(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// A frame of BGRX in which every pixel has this colour.
pub(crate) fn plain(width: u32, height: u32, colour: u8) -> Frame {
    let format = FrameFormat::new(PixelFormat::Bgrx, width, height);
    Frame::packed(format, Bytes::from(vec![colour; format.len_bytes()])).unwrap()
}
