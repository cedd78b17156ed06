//! A device that is set up for frames of one format, from formats to buffers to what is in flight.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::coded_queue::{CodedQueue, Taken};
use super::device::Coded;
use super::node::Node;
use super::raw_queue::RawQueue;
use super::{EncoderOptions, M2mError, controls};
use crate::v4l2::abi::codec::{self, EncoderCommand, Selection, StreamParameters};
use crate::v4l2::abi::{S_FMT, TimeVal};
use crate::v4l2::format::{self, Arrangement, PixelLayout};
use crate::v4l2::queue::MAX_BUFFERS;
use crate::{FourCc, Frame, FrameFormat, ImageView, PixelFormat, Timestamp};

/// Both queues of a device, running, for frames of one format.
#[derive(Debug)]
pub(super) struct Session {
    // Dropped in this order: the queues stop before the node is closed.
    raw: RawQueue,
    coded: CodedQueue,
    node: Arc<Node>,
    format: FrameFormat,
    phase: Phase,
    flight: Flight,
    /// Whether a picture was taken since the stream began, so that the next one builds on it.
    pub(super) has_begun: bool,
}

/// What a session is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It takes pictures.
    Running,
    /// It was told to stop and gives out what is in flight.
    Draining,
    /// It has given out everything and takes pictures again when it is restarted.
    Drained,
}

impl Session {
    /// Sets the device up for frames like this one: "Initialization", in the order of the interface's document.
    pub(super) fn start(
        node: Arc<Node>,
        code: FourCc,
        frame: &Frame,
        options: &EncoderOptions,
        may_import: bool,
    ) -> Result<Self, M2mError> {
        let refused = M2mError::Format { format: frame.format() };
        let Some(image) = frame.image() else { return Err(refused) };
        let preferred = options.raw.clone().unwrap_or_else(|| preferred(frame.format().pixel));
        let arrangement = negotiate(&node, code, &preferred, &image)?;
        let mut rate = StreamParameters::output_rate(node.raw, options.frames_per_second);
        // A hint; drivers without rate control do not know it.
        let _ = node.try_call(&codec::S_PARM, &mut rate);
        controls::prepare(&node, options);
        if let Some(rate) = options.rate {
            controls::set_rate(&node, code, rate)?;
        }
        let imports = may_import && can_import(&arrangement, frame, &image);
        let raw_buffers = controls::min_raw_buffers(&node).saturating_add(1).min(MAX_BUFFERS);
        let raw = RawQueue::start(Arc::clone(&node), raw_buffers, arrangement, imports)?;
        let coded = CodedQueue::start(Arc::clone(&node))?;
        let format = frame.format();
        let (phase, flight) = (Phase::Running, Flight::default());
        Ok(Self { raw, coded, node, format, phase, flight, has_begun: false })
    }

    /// Whether it is set up for this frame.
    pub(super) fn fits(&self, frame: &Frame, may_import: bool) -> bool {
        let imports = may_import
            && frame.image().is_some_and(|image| can_import(self.raw.arrangement(), frame, &image));
        self.format == frame.format() && self.raw.imports() == imports
    }

    /// Whether the device reads frames where they are.
    pub(super) fn imports(&self) -> bool {
        self.raw.imports()
    }

    /// Pictures that were taken and have not come out.
    pub(super) fn in_flight(&self) -> usize {
        self.flight.sent.len()
    }

    /// Takes back what the driver has read, and says whether there is room for a picture.
    pub(super) fn has_room(&mut self) -> Result<bool, M2mError> {
        self.raw.reclaim()?;
        Ok(self.phase == Phase::Running && self.raw.has_room())
    }

    /// Whether the next picture can only be coded by a stream that begins anew.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Drained
    }

    /// Gives the device a picture, for which there must be room.
    pub(super) fn send(&mut self, frame: &Frame) -> Result<(), M2mError> {
        let sent = self.flight.stamp(frame);
        self.raw.send(frame, sent.stamp)?;
        self.flight.sent.push_back(sent);
        self.has_begun = true;
        Ok(())
    }

    /// Takes a coded picture, if there is one, and takes back what the driver has read.
    pub(super) fn poll(&mut self) -> Result<Option<Coded>, M2mError> {
        let coded = self.next_coded()?;
        // In this order, so that a frame is not held until the next one when its picture has come out.
        self.raw.reclaim()?;
        Ok(coded)
    }

    /// Tells the device that no more pictures come: "Drain".
    pub(super) fn begin_drain(&mut self) -> Result<(), M2mError> {
        if self.phase != Phase::Running {
            return Ok(());
        }
        if self.flight.sent.is_empty() {
            self.end();
            return Ok(());
        }
        self.phase = Phase::Draining;
        // A driver that does not know the command gives out what it has all the same.
        let _ = self.node.try_call(&codec::ENCODER_CMD, &mut EncoderCommand::STOP.clone());
        Ok(())
    }

    /// Begins a stream that is independent of the one before, when nothing is in flight: "Reset".
    pub(super) fn restart(&mut self) -> Result<(), M2mError> {
        self.coded.restart()?;
        self.phase = Phase::Running;
        self.has_begun = false;
        self.flight.newest = None;
        Ok(())
    }

    fn next_coded(&mut self) -> Result<Option<Coded>, M2mError> {
        loop {
            let answer = match self.coded.take()? {
                Taken::Answer(answer) => answer,
                Taken::Nothing if self.phase == Phase::Draining && self.flight.sent.is_empty() => {
                    self.end();
                    return Ok(None);
                }
                Taken::Nothing => return Ok(None),
                Taken::End => {
                    self.end();
                    return Ok(None);
                }
            };
            let sent = self.flight.landed(answer.stamp);
            if answer.is_last {
                self.end();
            }
            if answer.payload.is_empty() {
                // A mark of the end, or a picture that rate control left out.
                if answer.is_last {
                    return Ok(None);
                }
                continue;
            }
            let sent =
                sent.ok_or(M2mError::Misbehaved { what: "gave out a picture that it was not given" })?;
            return Ok(Some(Coded {
                payload: answer.payload,
                is_marked_key: answer.is_marked_key,
                width_px: self.format.width_px,
                height_px: self.format.height_px,
                timestamp: sent.timestamp,
                sequence: sent.sequence,
            }));
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Drained;
        self.flight.sent.clear();
    }
}

impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.node.as_fd()
    }
}

/// What is in flight, known again by the stamp that the driver copies from the picture to what it makes of it.
#[derive(Debug, Default)]
struct Flight {
    sent: VecDeque<Sent>,
    /// The one that came out last: a driver may give out several buffers for a picture.
    newest: Option<Sent>,
    last_micros: u64,
}

/// A picture that the device was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    stamp: TimeVal,
    timestamp: Timestamp,
    sequence: u64,
}

impl Flight {
    /// What the next picture will be known by: its time, or the next microsecond that no picture has had.
    fn stamp(&mut self, frame: &Frame) -> Sent {
        self.last_micros = frame.timestamp().as_micros().max(self.last_micros.saturating_add(1));
        let part = |micros: u64| i64::try_from(micros).unwrap_or(i64::MAX);
        let stamp = TimeVal {
            seconds: part(self.last_micros / 1_000_000),
            micros: part(self.last_micros % 1_000_000),
        };
        Sent { stamp, timestamp: frame.timestamp(), sequence: frame.sequence() }
    }

    /// Which picture came out. Those before it will not come any more: they were left out.
    fn landed(&mut self, stamp: TimeVal) -> Option<Sent> {
        if let Some(index) = self.sent.iter().position(|sent| sent.stamp == stamp) {
            self.newest = self.sent.drain(..=index).next_back();
        } else if self.newest.is_none_or(|newest| newest.stamp != stamp) {
            // A driver that does not copy stamps keeps the order at least.
            self.newest = self.sent.pop_front().or(self.newest);
        }
        self.newest
    }
}

/// Sets the formats of both queues and the part that is to be seen.
fn negotiate(
    node: &Node,
    code: FourCc,
    preferred: &[FourCc],
    image: &ImageView<'_>,
) -> Result<Arrangement, M2mError> {
    let picture = image.format();
    let refused = || M2mError::Format { format: picture };
    let mut coded = PixelLayout::request_coded(
        node.coded,
        code,
        picture,
        buffer_bytes(picture.width_px, picture.height_px),
    );
    node.call(&S_FMT, &mut coded)?;
    if PixelLayout::read(node.coded, &coded).fourcc != code {
        return Err(M2mError::Misbehaved { what: "does not give out the format it offers" });
    }
    // What it takes depends on what it shall give out ("Querying Capabilities").
    let raw_code = format::choose(&node.raw_codes(), preferred).ok_or_else(refused)?;
    let pixel = format::pixel_format(raw_code).ok_or_else(refused)?;
    let is_converted = pixel != picture.pixel;
    let strides: Vec<usize> =
        image.planes().iter().filter(|_| !is_converted).map(|plane| plane.stride()).collect();
    let mut raw = PixelLayout::request_of(node.raw, raw_code, as_given(picture, pixel), &strides);
    node.call(&S_FMT, &mut raw)?;
    let layout = PixelLayout::read(node.raw, &raw);
    let mut arrangement = layout.arrangement().filter(|got| got.format.pixel == pixel).ok_or_else(refused)?;
    if layout.width < picture.width_px || layout.height < picture.height_px {
        return Err(refused());
    }
    if (layout.width, layout.height) != (picture.width_px, picture.height_px) {
        let mut visible = Selection::visible(picture.width_px, picture.height_px);
        let is_cut = node.try_call(&codec::S_SELECTION, &mut visible).is_ok();
        if !is_cut || (visible.width, visible.height) != (picture.width_px, picture.height_px) {
            return Err(refused());
        }
    }
    arrangement.format = arrangement.format.with_colour(as_given(picture, pixel).colour);
    Ok(arrangement)
}

/// A picture in the pixels the device takes: of the same colour, unless that is none of luma and differences.
fn as_given(picture: FrameFormat, pixel: PixelFormat) -> FrameFormat {
    let given = FrameFormat::new(pixel, picture.width_px, picture.height_px);
    if picture.pixel == pixel || !(picture.pixel.is_rgb() || pixel.is_rgb() || pixel == PixelFormat::Grey) {
        given.with_colour(picture.colour)
    } else {
        given
    }
}

/// The picture's own pixels, then others: 4:2:0 first, which codecs make of them anyway.
fn preferred(pixel: PixelFormat) -> Vec<FourCc> {
    let others = [
        PixelFormat::Nv12,
        PixelFormat::I420,
        PixelFormat::Nv16,
        PixelFormat::Yuyv,
        PixelFormat::Uyvy,
        PixelFormat::Yvyu,
        PixelFormat::Vyuy,
        PixelFormat::Nv24,
        PixelFormat::Bgrx,
        PixelFormat::Xrgb,
        PixelFormat::Bgr24,
        PixelFormat::Rgb24,
        PixelFormat::Grey,
    ];
    [pixel].into_iter().chain(others).map(FourCc::from).collect()
}

/// Whether the device can read a frame where it is.
fn can_import(arrangement: &Arrangement, frame: &Frame, image: &ImageView<'_>) -> bool {
    let strides = image.planes().iter().map(|plane| plane.stride());
    frame
        .dmabuf()
        .is_some_and(|dmabuf| arrangement.is_that_of(frame.format(), strides, dmabuf.pieces().len()))
}

/// Four bits a pixel, which no picture of a screen needs at a quality somebody would watch; drivers know better and
/// say so.
fn buffer_bytes(width_px: u32, height_px: u32) -> u32 {
    (width_px.saturating_mul(height_px) / 2).max(256 * 1024)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frame(micros: u64, sequence: u64) -> Frame {
        let format = FrameFormat::new(PixelFormat::Grey, 1, 1);
        let frame = Frame::packed(format, Bytes::from_static(&[0])).unwrap();
        frame.with_timestamp(Timestamp::from_micros(micros)).with_sequence(sequence)
    }

    fn fly(frames: &[(u64, u64)]) -> Flight {
        let mut flight = Flight::default();
        for &(micros, sequence) in frames {
            let sent = flight.stamp(&frame(micros, sequence));
            flight.sent.push_back(sent);
        }
        flight
    }

    fn at(micros: i64) -> TimeVal {
        TimeVal { seconds: micros / 1_000_000, micros: micros % 1_000_000 }
    }

    #[test]
    fn pictures_are_known_by_their_stamps() {
        let mut flight = fly(&[(5_000_000, 1), (5_000_000, 2), (9_000_000, 3)]);
        assert_eq!(flight.landed(at(5_000_001)).unwrap().sequence, 2);
        assert_eq!(flight.sent.len(), 1, "the first was left out");
        assert_eq!(flight.landed(at(5_000_001)).unwrap().sequence, 2, "another buffer of the same");
        assert_eq!(flight.landed(at(9_000_000)).unwrap().timestamp, Timestamp::from_micros(9_000_000));
    }

    #[test]
    fn drivers_that_copy_no_stamp_keep_the_order() {
        let mut flight = fly(&[(5, 1), (6, 2)]);
        assert_eq!(flight.landed(at(0)).unwrap().sequence, 1);
        assert_eq!(flight.landed(at(77)).unwrap().sequence, 2);
        assert_eq!(flight.landed(at(78)).unwrap().sequence, 2);
        assert_eq!(fly(&[]).landed(at(1)), None);
    }

    #[test]
    fn a_picture_keeps_its_colour_where_it_has_one() {
        use crate::Colour;
        let of = |pixel| FrameFormat::new(pixel, 2, 2);
        let jpeg = of(PixelFormat::Yuyv).with_colour(Colour::JPEG);
        assert_eq!(as_given(jpeg, PixelFormat::Nv12).colour, Colour::JPEG);
        assert_eq!(as_given(of(PixelFormat::Bgrx), PixelFormat::Nv12).colour, Colour::VIDEO);
        assert_eq!(as_given(jpeg, PixelFormat::Rgb24).colour, Colour::RGB);
    }
}
