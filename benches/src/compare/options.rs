//! What the command line asks for.

use kvm_capture::{FrameFormat, PixelFormat};

pub(crate) struct Options {
    pub(crate) task: Task,
    /// Take no more than so many frames.
    pub(crate) frames: Option<u64>,
    /// Only contenders whose names contain one of these, with commas between them.
    pub(crate) only: Option<String>,
    /// Write the numbers here for a later mean.
    pub(crate) rows: Option<String>,
    /// Judge only this part of the pictures: left, top, width and height.
    pub(crate) part: Option<[usize; 4]>,
    /// Print every frame.
    pub(crate) each: bool,
}

pub(crate) enum Task {
    Compare { format: FrameFormat },
    Mix { files: Vec<String> },
}

impl Options {
    pub(crate) const USAGE: &str = "\
usage: compare uyvy|yuyv|nv12|i420|bgrx WIDTHxHEIGHT [--frames N] [--only TEXT] [--rows FILE] [--part X,Y,W,H] [--each] <raw frames
       compare --mix FILE...
  --frames N    take the first N frames only
  --only TEXT   only the contenders whose names contain TEXT, or one of several with commas between them
  --part X,Y,W,H  judge only this part of the pictures, as where a film plays
  --rows FILE   write the numbers to FILE, for --mix
  --each        print every frame: contender, number, bytes, microseconds, exact or not
  --mix FILE... print the mean of the numbers in these files";

    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            task: Task::Mix { files: Vec::new() },
            frames: None,
            only: None,
            rows: None,
            part: None,
            each: false,
        };
        let first = words.next().ok_or("nothing to do")?;
        if first == "--mix" {
            let files: Vec<String> = words.collect();
            return if files.is_empty() {
                Err("no files".into())
            } else {
                Ok(Self { task: Task::Mix { files }, ..options })
            };
        }
        let size = words.next().ok_or("no size")?;
        options.task =
            Task::Compare { format: format(&first, &size).ok_or(format!("no format {first} {size}"))? };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--frames" => options.frames = Some(value()?.parse().map_err(|_| "--frames needs a number")?),
                "--only" => options.only = Some(value()?),
                "--rows" => options.rows = Some(value()?),
                "--part" => {
                    options.part = Some(part(&value()?).ok_or("--part needs four numbers")?);
                }
                "--each" => options.each = true,
                other => return Err(format!("unknown option {other}")),
            }
        }
        Ok(options)
    }

    pub(crate) fn takes(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|parts| parts.split(',').any(|part| name.contains(part)))
    }
}

fn part(words: &str) -> Option<[usize; 4]> {
    let numbers: Vec<usize> = words.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

fn format(pixel: &str, size: &str) -> Option<FrameFormat> {
    let pixel = match pixel {
        "uyvy" => PixelFormat::Uyvy,
        "yuyv" => PixelFormat::Yuyv,
        "nv12" => PixelFormat::Nv12,
        "i420" => PixelFormat::I420,
        "bgrx" => PixelFormat::Bgrx,
        _ => return None,
    };
    let (width, height) = size.split_once('x')?;
    Some(FrameFormat::new(pixel, width.parse().ok()?, height.parse().ok()?))
}
