#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod code;
mod code_table;
mod consumer;
mod descriptor;
mod desk;
mod error;
mod event;
#[cfg(feature = "gadget")]
pub mod gadget;
mod interface;
mod keyboard;
mod lane;
mod leds;
mod pointer;
mod queue;
mod recording;
mod report;
mod reports;
mod seat;
mod sink;
#[cfg(feature = "testing")]
pub mod testing;
mod typing;
mod usage;

pub use code::{code_of_usage, evdev_of_usage, known_usages, usage_of_code, usage_of_evdev};
pub use consumer::Controls;
pub use error::HidError;
pub use event::{Button, InputEvent};
pub use interface::Interface;
pub use keyboard::Keyboard;
pub use lane::LinkState;
pub use leds::Leds;
pub use pointer::Pointer;
pub use queue::ReportQueue;
pub use recording::RecordingSink;
pub use report::Report;
pub use reports::Reports;
pub use seat::{Handled, Holder, Readiness, Seat, SeatState, Taken};
pub use sink::{ReportSink, Sent};
pub use typing::{Typist, Untypable};
pub use usage::Usage;
