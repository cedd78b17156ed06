//! Reading boxes out of bytes that may hold anything.

use super::read::ReadError;

/// A stretch of a file in memory, read front to back. Knows where in the file it is, so that errors can say it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parser<'a> {
    bytes: &'a [u8],
    offset: u64,
}

impl<'a> Parser<'a> {
    /// The bytes that start at this place of the file.
    pub(super) fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self { bytes, offset }
    }

    /// The contents of the next box of this kind; boxes of other kinds before it are passed over.
    pub(super) fn expect_box(&mut self, kind: &[u8; 4], missing: &'static str) -> Result<Self, ReadError> {
        self.find_box(kind)?.ok_or_else(|| self.error(missing))
    }

    /// As [`expect_box`](Self::expect_box), where the box may be missing.
    pub(super) fn find_box(&mut self, kind: &[u8; 4]) -> Result<Option<Self>, ReadError> {
        while !self.bytes.is_empty() {
            let (found, contents) = self.next_box()?;
            if found == *kind {
                return Ok(Some(contents));
            }
        }
        Ok(None)
    }

    fn next_box(&mut self) -> Result<([u8; 4], Self), ReadError> {
        let at = *self;
        let size = self.u32()?;
        let kind = self.array()?;
        let contents = usize::try_from(size).ok().and_then(|size| size.checked_sub(8));
        let contents = contents.ok_or_else(|| at.error("a box of an impossible size"))?;
        Ok((kind, self.take(contents)?))
    }

    /// The version and flags that a full box starts with.
    pub(super) fn version_and_flags(&mut self) -> Result<(u8, u32), ReadError> {
        let both = self.u32()?;
        let [version, ..] = both.to_be_bytes();
        Ok((version, both & 0x00FF_FFFF))
    }

    /// The contents of a descriptor with this tag (ISO/IEC 14496-1, section 8.3.3).
    pub(super) fn expect_descriptor(&mut self, tag: u8) -> Result<Self, ReadError> {
        if self.u8()? != tag {
            return Err(self.error("another descriptor than expected"));
        }
        let mut size = 0_usize;
        for _ in 0..4 {
            let byte = self.u8()?;
            size = size << 7 | usize::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return self.take(size);
            }
        }
        Err(self.error("a descriptor of an impossible size"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, ReadError> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let Some((taken, rest)) = self.bytes.split_first_chunk() else { return Err(self.error(ENDED)) };
        self.advance(N, rest);
        Ok(*taken)
    }

    /// The next bytes as a stretch of their own.
    pub(super) fn take(&mut self, len: usize) -> Result<Self, ReadError> {
        let Some((taken, rest)) = self.bytes.split_at_checked(len) else { return Err(self.error(ENDED)) };
        let taken = Self { bytes: taken, offset: self.offset };
        self.advance(len, rest);
        Ok(taken)
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn error(&self, reason: &'static str) -> ReadError {
        ReadError::Malformed { offset: self.offset, reason }
    }

    fn advance(&mut self, by: usize, rest: &'a [u8]) {
        self.bytes = rest;
        self.offset += by as u64;
    }
}

const ENDED: &str = "it ends before its contents do";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_found_behind_others() {
        let bytes = b"\0\0\0\x09free.\0\0\0\x0Awant\x12\x34";
        let mut found = Parser::new(bytes, 100).find_box(b"want").unwrap().unwrap();
        assert_eq!(found.u16().unwrap(), 0x1234);
        assert!(matches!(found.u8(), Err(ReadError::Malformed { offset: 119, .. })));
        assert!(Parser::new(bytes, 0).find_box(b"none").unwrap().is_none());
    }

    #[test]
    fn impossible_sizes_are_refused_where_they_are() {
        for size in [0_u8, 7, 200] {
            let bytes = [&[0, 0, 0, 8][..], b"free", &[0, 0, 0, size], b"want"].concat();
            let error = Parser::new(&bytes, 0).find_box(b"want").unwrap_err();
            assert!(matches!(error, ReadError::Malformed { offset: 8 | 16, .. }), "{error:?}");
        }
    }

    #[test]
    fn descriptors_of_any_length_form_are_read() {
        for bytes in [&[3, 1, 9][..], &[3, 0x80, 0x80, 0x80, 1, 9], &[3, 0x80, 1, 9]] {
            assert_eq!(Parser::new(bytes, 0).expect_descriptor(3).unwrap().rest(), [9]);
        }
        assert!(Parser::new(&[3, 0x80, 0x80, 0x80, 0x80, 1], 0).expect_descriptor(3).is_err());
    }
}
