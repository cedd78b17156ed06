//! Writing boxes (ISO/IEC 14496-12, section 4.2): size, name, contents.

/// Bytes of boxes, written front to back. A box's size is filled in when its contents are done.
#[derive(Debug, Default)]
pub(super) struct BoxWriter {
    bytes: Vec<u8>,
}

impl BoxWriter {
    /// Writes a box with the contents that `body` writes.
    pub(super) fn write_box(&mut self, kind: &[u8; 4], body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(0);
        self.bytes.extend_from_slice(kind);
        body(self);
        let len = self.bytes.len() - start;
        let len = u32::try_from(len).expect("what is built here are headers, and those are short");
        self.patch_u32(start, len);
    }

    /// Writes a box that starts with a version and 24 bits of flags.
    pub(super) fn write_full_box(
        &mut self,
        kind: &[u8; 4],
        version: u8,
        flags: u32,
        body: impl FnOnce(&mut Self),
    ) {
        self.write_box(kind, |out| {
            out.u32(u32::from(version) << 24 | flags & 0x00FF_FFFF);
            body(out);
        });
    }

    /// Writes a descriptor of ISO/IEC 14496-1, section 8.3.3: a tag, the size in one byte, contents.
    pub(super) fn write_descriptor(&mut self, tag: u8, body: impl FnOnce(&mut Self)) {
        self.u8(tag);
        let start = self.bytes.len();
        self.u8(0);
        body(self);
        let len = u8::try_from(self.bytes.len() - start - 1).ok().filter(|len| *len < 0x80);
        self.bytes[start] = len.expect("the descriptors written here hold a few bytes");
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// Bytes written so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Writes over four bytes that were written before.
    pub(super) fn patch_u32(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Starts over with nothing written, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The row-major unity matrix of `mvhd` and `tkhd`, in 16.16 and 2.30 fixed point (section 8.2.2).
pub(super) const UNITY_MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_patched_from_the_inside_out() {
        let mut out = BoxWriter::default();
        out.write_box(b"outr", |out| {
            out.write_full_box(b"innr", 1, 2, |out| out.u16(0xABCD));
            out.zeros(1);
        });
        assert_eq!(out.into_bytes(), b"\0\0\0\x17outr\0\0\0\x0Einnr\x01\0\0\x02\xAB\xCD\0");
    }

    #[test]
    fn descriptors_hold_their_length() {
        let mut out = BoxWriter::default();
        out.write_descriptor(3, |out| out.write_descriptor(6, |out| out.u8(2)));
        assert_eq!(out.into_bytes(), [3, 3, 6, 1, 2]);
    }
}
