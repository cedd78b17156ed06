//! One of the C libraries, given every frame in the form it takes.

use kvm_benches::peers::{Coder, Converted, Layout, Pixels};
use kvm_capture::Frame;

use crate::contender::{Contender, Failure};

/// A codec of the C libraries that takes whole frames.
pub(crate) struct Library {
    coder: Coder,
    /// `None` if it takes the captured planes as they are.
    layout: Option<Layout>,
    converted: Converted,
}

impl Library {
    pub(crate) fn new(coder: Coder, layout: Option<Layout>) -> Self {
        Self { coder, layout, converted: Converted::default() }
    }
}

impl Contender for Library {
    fn convert(&mut self, frame: &Frame) -> Result<(), Failure> {
        if let Some(layout) = self.layout {
            self.converted.fill(&pixels(frame)?, layout)?;
        }
        Ok(())
    }

    fn code(&mut self, frame: &Frame) -> Result<(), Failure> {
        match self.layout {
            Some(_) => self.coder.code(&self.converted.pixels().ok_or("nothing was converted")?)?,
            None => self.coder.code(&pixels(frame)?)?,
        }
        Ok(())
    }

    fn messages(&self) -> Vec<&[u8]> {
        vec![self.coder.coded()]
    }
}

/// The pixels of a frame for the C libraries.
pub(crate) fn pixels(frame: &Frame) -> Result<Pixels<'_>, Failure> {
    let image = frame.image().ok_or("a raw frame has pixels")?;
    Pixels::of(&image).ok_or_else(|| format!("no peer takes {}", frame.format()).into())
}
