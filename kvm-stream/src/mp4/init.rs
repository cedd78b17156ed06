//! What a fragmented file starts with: its brands and the description of its tracks.

use super::boxes::{BoxWriter, UNITY_MATRIX};
use super::inputs;
use super::track::{Coding, Track};

/// The boxes `ftyp` and `moov` of a recording of this track (ISO/IEC 14496-12, sections 4.3 and 8.2), with one of input
/// classes beside it or not.
pub(crate) fn init_segment(track: &Track, has_inputs: bool) -> Vec<u8> {
    let mut out = BoxWriter::default();
    out.write_box(b"ftyp", |out| {
        // iso6 is the first brand with `tfdt`, iso5 the first with offsets that count from the `moof`.
        out.put(b"iso6");
        out.u32(0);
        out.put(b"iso6iso5mp41");
    });
    out.write_box(b"moov", |out| {
        out.write_full_box(b"mvhd", 0, 0, |out| {
            out.zeros(8); // times of creation and change: the file system knows them
            out.u32(TIMESCALE);
            out.u32(0); // no duration outside the fragments
            out.u32(0x1_0000); // normal rate
            out.u16(0x100); // full volume
            out.zeros(10);
            UNITY_MATRIX.iter().for_each(|element| out.u32(*element));
            out.zeros(24);
            out.u32(if has_inputs { INPUT_TRACK_ID } else { TRACK_ID } + 1); // the next free number
        });
        out.write_box(b"trak", |out| write_pictures_track(out, track));
        if has_inputs {
            out.write_box(b"trak", write_inputs_track);
        }
        out.write_box(b"mvex", |out| {
            write_defaults(
                out,
                TRACK_ID,
                match track.coding {
                    Coding::Jpeg => SYNC_SAMPLE,
                    Coding::H264(_) => DEPENDENT_SAMPLE,
                },
            );
            if has_inputs {
                write_defaults(out, INPUT_TRACK_ID, SYNC_SAMPLE);
            }
        });
    });
    out.into_bytes()
}

/// Writes what samples are where a fragment does not say otherwise (section 8.8.3).
fn write_defaults(out: &mut BoxWriter, track_id: u32, sample_flags: u32) {
    out.write_full_box(b"trex", 0, 0, |out| {
        out.u32(track_id);
        out.u32(1); // the first sample entry
        out.u32(0);
        out.u32(0);
        out.u32(sample_flags);
    });
}

fn write_pictures_track(out: &mut BoxWriter, track: &Track) {
    write_track_header(out, TRACK_ID, SHOWN, (track.width_px, track.height_px));
    out.write_box(b"mdia", |out| {
        write_media_header(out, b"vide", b"screen\0");
        out.write_box(b"minf", |out| {
            out.write_full_box(b"vmhd", 0, 1, |out| out.zeros(8));
            write_samples(out, |out| write_sample_entry(out, track));
        });
    });
}

fn write_inputs_track(out: &mut BoxWriter) {
    write_track_header(out, INPUT_TRACK_ID, 0, (0, 0));
    // It describes what was done to what is shown (section 8.3.3.3).
    out.write_box(b"tref", |out| out.write_box(b"cdsc", |out| out.u32(TRACK_ID)));
    out.write_box(b"mdia", |out| {
        write_media_header(out, b"meta", b"input classes\0");
        out.write_box(b"minf", |out| {
            out.write_full_box(b"nmhd", 0, 0, |_| {});
            write_samples(out, inputs::write_sample_entry);
        });
    });
}

fn write_track_header(out: &mut BoxWriter, track_id: u32, shown: u32, (width_px, height_px): (u16, u16)) {
    out.write_full_box(b"tkhd", 0, ENABLED | shown, |out| {
        out.zeros(8);
        out.u32(track_id);
        out.zeros(4);
        out.u32(0);
        out.zeros(16); // reserved, layer, group, volume
        UNITY_MATRIX.iter().for_each(|element| out.u32(*element));
        out.u32(u32::from(width_px) << 16);
        out.u32(u32::from(height_px) << 16);
    });
}

fn write_media_header(out: &mut BoxWriter, handler: &[u8; 4], name: &[u8]) {
    out.write_full_box(b"mdhd", 0, 0, |out| {
        out.zeros(8);
        out.u32(TIMESCALE);
        out.u32(0);
        out.u16(0x55C4); // language "und"
        out.u16(0);
    });
    out.write_full_box(b"hdlr", 0, 0, |out| {
        out.zeros(4);
        out.put(handler);
        out.zeros(12);
        out.put(name);
    });
}

/// Writes where samples are, which is this file, and what, but none: they are in the fragments.
fn write_samples(out: &mut BoxWriter, entry: impl FnOnce(&mut BoxWriter)) {
    out.write_box(b"dinf", |out| {
        out.write_full_box(b"dref", 0, 0, |out| {
            out.u32(1);
            out.write_full_box(b"url ", 0, 1, |_| {}); // the data is in this file
        });
    });
    out.write_box(b"stbl", |out| {
        out.write_full_box(b"stsd", 0, 0, |out| {
            out.u32(1);
            entry(out);
        });
        out.write_full_box(b"stts", 0, 0, |out| out.u32(0));
        out.write_full_box(b"stsc", 0, 0, |out| out.u32(0));
        out.write_full_box(b"stsz", 0, 0, |out| out.zeros(8));
        out.write_full_box(b"stco", 0, 0, |out| out.u32(0));
    });
}

/// Writes the sample entry: the fields all pictures have (section 12.1.3), then how they are coded.
fn write_sample_entry(out: &mut BoxWriter, track: &Track) {
    let kind = match track.coding {
        Coding::Jpeg => b"mp4v",
        Coding::H264(_) => b"avc1",
    };
    out.write_box(kind, |out| {
        out.zeros(6);
        out.u16(1); // the first data reference
        out.zeros(16);
        out.u16(track.width_px);
        out.u16(track.height_px);
        out.u32(0x48_0000); // 72 dots per inch, which nobody reads
        out.u32(0x48_0000);
        out.zeros(4);
        out.u16(1); // one picture per sample
        out.zeros(32);
        out.u16(0x18); // colour without alpha
        out.u16(0xFFFF);
        match &track.coding {
            Coding::Jpeg => write_esds(out),
            Coding::H264(sets) => sets.write_avcc(out),
        }
    });
}

/// Writes the elementary stream descriptor that says JPEG (ISO/IEC 14496-14, section 5.6; 14496-1, section 7.2.6).
fn write_esds(out: &mut BoxWriter) {
    out.write_full_box(b"esds", 0, 0, |out| {
        out.write_descriptor(TAG_ES, |out| {
            out.u16(0); // numbered by the track
            out.u8(0);
            out.write_descriptor(TAG_DECODER_CONFIG, |out| {
                out.u8(OBJECT_TYPE_JPEG);
                out.u8(STREAM_TYPE_VISUAL << 2 | 1);
                out.zeros(3); // buffer size: not known while recording
                out.zeros(8); // bit rates: not known either
            });
            out.write_descriptor(TAG_SL_CONFIG, |out| out.u8(2)); // as MP4 files have it
        });
    });
}

/// Ticks of a second. A [`Timestamp`](kvm_capture::Timestamp) counts microseconds, and so does the file: each
/// picture's time in the file is exactly its time of capture. With the usual 90,000 it would be rounded.
pub(crate) const TIMESCALE: u32 = 1_000_000;
/// The number of the track of pictures.
pub(super) const TRACK_ID: u32 = 1;
/// The number of the track of input classes.
pub(super) const INPUT_TRACK_ID: u32 = 2;
/// The object type of ISO/IEC 10918-1 pictures (ISO/IEC 14496-1, table 5).
pub(super) const OBJECT_TYPE_JPEG: u8 = 0x6C;

// Sample flags of section 8.8.3.1: depends on no other sample; or on others, and is no sync sample.
pub(super) const SYNC_SAMPLE: u32 = 0x0200_0000;
pub(super) const DEPENDENT_SAMPLE: u32 = 0x0101_0000;

// Flags of `tkhd` (section 8.3.2.3): the track is enabled, and used in the presentation.
const ENABLED: u32 = 1;
const SHOWN: u32 = 2;

const STREAM_TYPE_VISUAL: u8 = 4;
// Descriptor tags of ISO/IEC 14496-1, table 1.
pub(super) const TAG_ES: u8 = 3;
pub(super) const TAG_DECODER_CONFIG: u8 = 4;
const TAG_SL_CONFIG: u8 = 6;
