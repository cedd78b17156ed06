//! Reading what a recording starts with: what its tracks hold.

use bytes::Bytes;

use super::avc::ParameterSets;
use super::init::{OBJECT_TYPE_JPEG, TAG_DECODER_CONFIG, TAG_ES, TIMESCALE};
use super::inputs::MEDIA_TYPE;
use super::parse::Parser;
use super::read::ReadError;
use super::track::{Coding, Track};

/// What the tracks of a recording hold.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) pictures: Track,
    pub(super) has_inputs: bool,
}

/// Reads the description of the tracks out of the contents of `moov`.
pub(super) fn parse_description(mut moov: Parser<'_>) -> Result<Description, ReadError> {
    let trak = moov.expect_box(b"trak", "no track")?;
    let pictures = parse_pictures_entry(parse_track(trak)?)?;
    let has_inputs = match moov.find_box(b"trak")? {
        Some(trak) => {
            expect_inputs_entry(parse_track(trak)?)?;
            true
        }
        None => false,
    };
    Ok(Description { pictures, has_inputs })
}

/// Reads a track up to the entry that says what its samples are.
fn parse_track(mut trak: Parser<'_>) -> Result<Parser<'_>, ReadError> {
    let mut mdia = trak.expect_box(b"mdia", "a track without media")?;
    let mut mdhd = mdia.expect_box(b"mdhd", "media without a header")?;
    let (version, _) = mdhd.version_and_flags()?;
    mdhd.take(8)?;
    if version != 0 || mdhd.u32()? != TIMESCALE {
        return Err(mdhd.error("times in other units than a recorder writes"));
    }
    let mut minf = mdia.expect_box(b"minf", "media without information")?;
    let mut stbl = minf.expect_box(b"stbl", "media without a sample table")?;
    let mut stsd = stbl.expect_box(b"stsd", "a sample table without a description")?;
    stsd.version_and_flags()?;
    if stsd.u32()? != 1 {
        return Err(stsd.error("more than one description of samples"));
    }
    Ok(stsd)
}

fn expect_inputs_entry(mut stsd: Parser<'_>) -> Result<(), ReadError> {
    let mut entry = stsd.expect_box(b"mett", "a second track that no recorder writes")?;
    entry.take(8)?;
    match entry.rest().strip_prefix(b"\0").and_then(|rest| rest.strip_suffix(b"\0")) {
        Some(MEDIA_TYPE) => Ok(()),
        _ => Err(entry.error("metadata that no recorder writes")),
    }
}

fn parse_pictures_entry(mut stsd: Parser<'_>) -> Result<Track, ReadError> {
    let jpeg = { stsd }.find_box(b"mp4v")?;
    let mut entry = match jpeg {
        Some(entry) => entry,
        None => stsd.expect_box(b"avc1", "neither JPEG nor H.264")?,
    };
    entry.take(24)?;
    let (width_px, height_px) = (entry.u16()?, entry.u16()?);
    if width_px == 0 || height_px == 0 {
        return Err(entry.error("pictures without a size"));
    }
    entry.take(50)?;
    let coding = match jpeg {
        Some(_) => parse_esds(entry.expect_box(b"esds", "no elementary stream described")?)?,
        None => parse_avcc(entry.expect_box(b"avcC", "no decoder configuration")?)?,
    };
    Ok(Track { width_px, height_px, coding })
}

fn parse_esds(mut esds: Parser<'_>) -> Result<Coding, ReadError> {
    esds.version_and_flags()?;
    let mut stream = esds.expect_descriptor(TAG_ES)?;
    stream.take(3)?;
    let mut decoder = stream.expect_descriptor(TAG_DECODER_CONFIG)?;
    if decoder.u8()? != OBJECT_TYPE_JPEG {
        return Err(decoder.error("pictures that are not JPEG"));
    }
    Ok(Coding::Jpeg)
}

fn parse_avcc(mut avcc: Parser<'_>) -> Result<Coding, ReadError> {
    let version = avcc.u8()?;
    avcc.take(3)?;
    if version != 1 || avcc.u8()? & 3 != 3 {
        return Err(avcc.error("a decoder configuration that no recorder writes"));
    }
    let read_sets = |avcc: &mut Parser<'_>, count: u8| -> Result<Vec<Bytes>, ReadError> {
        (0..count)
            .map(|_| {
                let len = avcc.u16()?;
                Ok(Bytes::copy_from_slice(avcc.take(len.into())?.rest()))
            })
            .collect()
    };
    let count = avcc.u8()? & 0x1F;
    let sequence = read_sets(&mut avcc, count)?;
    let count = avcc.u8()?;
    let picture = read_sets(&mut avcc, count)?;
    let sets = ParameterSets { sequence, picture };
    sets.check().map_err(|not_avc| avcc.error(not_avc.reason))?;
    Ok(Coding::H264(sets))
}
