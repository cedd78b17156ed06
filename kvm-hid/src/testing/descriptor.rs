//! Report descriptors, read as a host reads them (HID 1.11, section 6.2.2).

use crate::Usage;

/// The fields of the reports that a device says it sends and takes.
///
/// Reads whatever bytes it is given, within bounds: 4 KiB of descriptor, 1,024 main items, 256 usages for an
/// item, and 64 KiB for a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportDescriptor {
    fields: Vec<Field>,
    applications: Vec<Usage>,
}

/// One main item: a number of fields of the same size, side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// Who sends it.
    pub direction: Direction,
    /// The report it is in; 0 if reports are not numbered.
    pub report_id: u8,
    /// Where it begins, in bits behind the report ID.
    pub offset_bits: usize,
    /// The size of one field, at most 32.
    pub size_bits: usize,
    /// How many there are.
    pub count: usize,
    /// The smallest value.
    pub logical_min: i64,
    /// The largest value.
    pub logical_max: i64,
    /// Padding: the values mean nothing.
    pub is_constant: bool,
    /// A usage for each field; otherwise the values themselves are numbers of usages.
    pub is_variable: bool,
    /// Values are changes; otherwise they are states.
    pub is_relative: bool,
    /// The usages from first to last.
    ranges: Vec<(Usage, Usage)>,
}

/// Who sends a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is nobody else on the cable")]
pub enum Direction {
    /// The device.
    Input,
    /// The host.
    Output,
}

impl ReportDescriptor {
    /// Reads a descriptor.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and at which byte.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        if bytes.len() > MAX_DESCRIPTOR {
            return Err(DescriptorError::TooLong { len: bytes.len() });
        }
        let mut parser = Parser::default();
        let mut offset = 0;
        while let Some(&prefix) = bytes.get(offset) {
            let (data_at, len) = if prefix == LONG_ITEM {
                let len = bytes.get(offset + 1).ok_or(DescriptorError::Truncated { offset })?;
                (offset + 3, usize::from(*len))
            } else {
                (offset + 1, [0, 1, 2, 4][usize::from(prefix & 3)])
            };
            let data = bytes.get(data_at..data_at + len).ok_or(DescriptorError::Truncated { offset })?;
            if prefix != LONG_ITEM {
                parser.item(prefix & 0xFC, Data::of(data), offset)?;
            }
            offset = data_at + len;
        }
        parser.finish(bytes.len())
    }

    /// The fields, in the order of the descriptor. Feature reports are not among them.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// What the device is: the usages of its application collections.
    pub fn applications(&self) -> &[Usage] {
        &self.applications
    }

    /// Whether reports begin with a report ID.
    pub fn is_numbered(&self) -> bool {
        self.fields.iter().any(|field| field.report_id != 0)
    }
}

impl Field {
    /// The usage of the field with that number, or of that number of an array. A list that is too short ends
    /// with its last usage over and over, as section 6.2.2.8 has it for variables.
    pub fn usage(&self, index: usize) -> Option<Usage> {
        let mut left = index;
        for &(first, last) in &self.ranges {
            let count = usize::from(last.id.saturating_sub(first.id)) + 1;
            if left < count {
                return Some(Usage { page: first.page, id: first.id + u16::try_from(left).ok()? });
            }
            left -= count;
        }
        self.ranges.last().map(|&(_, last)| last).filter(|_| self.is_variable)
    }

    /// The value of the field with that number in a report without its ID. What a short report lacks is zero.
    pub fn value(&self, report: &[u8], index: usize) -> i64 {
        let first = self.offset_bits + index * self.size_bits;
        let mut value: i64 = 0;
        for bit in 0..self.size_bits {
            let at = first + bit;
            let byte = report.get(at / 8).copied().unwrap_or(0);
            value |= i64::from(byte >> (at % 8) & 1) << bit;
        }
        // Fields are signed if their range is.
        let is_negative =
            self.logical_min < 0 && self.size_bits > 0 && value >> (self.size_bits - 1) & 1 == 1;
        if is_negative { value - (1 << self.size_bits) } else { value }
    }

    /// Whether a value is one that the descriptor allows; others mean "nothing" (section 6.2.2.5, null state).
    pub fn is_in_range(&self, value: i64) -> bool {
        (self.logical_min..=self.logical_max).contains(&value)
    }
}

/// Why a report descriptor cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// Longer than any device's.
    #[error("a descriptor of {len} bytes is too long")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// It ends within an item.
    #[error("the descriptor ends within the item at byte {offset}")]
    Truncated {
        /// Where the item begins.
        offset: usize,
    },
    /// A collection is not closed, or one is closed that was not opened; a pop without a push is as bad.
    #[error("a collection or a push at byte {offset} has no counterpart")]
    Unbalanced {
        /// Where.
        offset: usize,
    },
    /// An item has a value that no device can mean: a field of no or more than 32 bits, report ID 0, a maximum below
    /// its minimum, usages of two pages in one range.
    #[error("the item at byte {offset} has an impossible value")]
    Impossible {
        /// Where.
        offset: usize,
    },
    /// There is more of something than this reader has bounds for.
    #[error("the item at byte {offset} is one too many")]
    TooMany {
        /// Where.
        offset: usize,
    },
    /// It can be read, but describes neither a keyboard nor a pointer.
    #[error("the descriptor is of neither a keyboard nor a pointer")]
    UnknownDevice,
}

#[derive(Debug, Default)]
struct Parser {
    global: Global,
    pushed: Vec<Global>,
    local: Local,
    depth: usize,
    /// Where the next field of a report begins, by direction and report ID.
    ends: Vec<(Direction, u8, usize)>,
    fields: Vec<Field>,
    applications: Vec<Usage>,
}

/// Section 6.2.2.7. These stay until they are changed.
#[derive(Debug, Default, Clone)]
struct Global {
    page: u16,
    logical_min: i64,
    logical_max: Data,
    size_bits: usize,
    count: usize,
    report_id: u8,
}

/// Section 6.2.2.8. These are for the next main item only.
#[derive(Debug, Default)]
struct Local {
    ranges: Vec<(LocalUsage, LocalUsage)>,
    minimum: Option<LocalUsage>,
}

/// A usage whose page may still be the one that is in force at the main item.
#[derive(Debug, Clone, Copy)]
struct LocalUsage {
    page: Option<u16>,
    id: u16,
}

impl LocalUsage {
    fn resolve(self, page: u16) -> Usage {
        Usage { page: self.page.unwrap_or(page), id: self.id }
    }
}

impl Parser {
    fn item(&mut self, tag: u8, data: Data, offset: usize) -> Result<(), DescriptorError> {
        let impossible = DescriptorError::Impossible { offset };
        match tag {
            // Main.
            0x80 => self.field(Direction::Input, data, offset)?,
            0x90 => self.field(Direction::Output, data, offset)?,
            0xA0 => {
                self.depth += 1;
                let usage = self.local.ranges.first().map(|&(first, _)| first.resolve(self.global.page));
                if let Some(usage) = usage.filter(|_| data.unsigned == APPLICATION) {
                    self.applications.push(usage);
                }
                self.local = Local::default();
            }
            0xC0 => {
                self.depth = self.depth.checked_sub(1).ok_or(DescriptorError::Unbalanced { offset })?;
                self.local = Local::default();
            }
            0xB0 => self.local = Local::default(),
            // Global.
            0x04 => self.global.page = u16::try_from(data.unsigned).map_err(|_| impossible)?,
            0x14 => self.global.logical_min = data.signed,
            0x24 => self.global.logical_max = data,
            0x74 => self.global.size_bits = usize::try_from(data.unsigned).map_err(|_| impossible)?,
            0x94 => self.global.count = usize::try_from(data.unsigned).map_err(|_| impossible)?,
            0x84 => {
                let id = u8::try_from(data.unsigned).ok().filter(|&id| id != 0);
                self.global.report_id = id.ok_or(impossible)?;
            }
            0xA4 if self.pushed.len() >= MAX_PUSHED => return Err(DescriptorError::TooMany { offset }),
            0xA4 => self.pushed.push(self.global.clone()),
            0xB4 => self.global = self.pushed.pop().ok_or(DescriptorError::Unbalanced { offset })?,
            // Local.
            0x08 => {
                let usage = data.local_usage();
                self.usages(usage, usage, offset)?;
            }
            0x18 => self.local.minimum = Some(data.local_usage()),
            0x28 => {
                let first = self.local.minimum.take().ok_or_else(|| impossible.clone())?;
                let last = data.local_usage();
                if first.page != last.page || first.id > last.id {
                    return Err(impossible);
                }
                self.usages(first, last, offset)?;
            }
            // Units, physical ranges, designators and strings change nothing in what a report means here.
            _ => {}
        }
        Ok(())
    }

    fn usages(&mut self, first: LocalUsage, last: LocalUsage, offset: usize) -> Result<(), DescriptorError> {
        if self.local.ranges.len() >= MAX_USAGES {
            return Err(DescriptorError::TooMany { offset });
        }
        self.local.ranges.push((first, last));
        Ok(())
    }

    fn field(&mut self, direction: Direction, flags: Data, offset: usize) -> Result<(), DescriptorError> {
        let local = std::mem::take(&mut self.local);
        let Global { page, logical_min, logical_max, size_bits, count, report_id } = self.global.clone();
        let impossible = DescriptorError::Impossible { offset };
        if size_bits > 32 || (size_bits == 0 && count > 0) {
            return Err(impossible);
        }
        if self.fields.len() >= MAX_FIELDS {
            return Err(DescriptorError::TooMany { offset });
        }
        // A maximum such as 0xFF in one byte is meant without a sign by whoever has no negative minimum.
        let logical_max = if logical_min >= 0 { i64::from(logical_max.unsigned) } else { logical_max.signed };
        let is_constant = flags.unsigned & 1 != 0;
        if logical_max < logical_min && !is_constant {
            return Err(impossible);
        }
        let offset_bits = self.end_of(direction, report_id);
        let end = size_bits.checked_mul(count).and_then(|bits| bits.checked_add(*offset_bits));
        let end = end.filter(|&end| end <= MAX_REPORT_BITS).ok_or(DescriptorError::TooMany { offset })?;
        let begin = std::mem::replace(offset_bits, end);
        self.fields.push(Field {
            direction,
            report_id,
            offset_bits: begin,
            size_bits,
            count,
            logical_min,
            logical_max,
            is_constant,
            is_variable: flags.unsigned & 2 != 0,
            is_relative: flags.unsigned & 4 != 0,
            ranges: local
                .ranges
                .iter()
                .map(|(first, last)| (first.resolve(page), last.resolve(page)))
                .collect(),
        });
        Ok(())
    }

    fn end_of(&mut self, direction: Direction, report_id: u8) -> &mut usize {
        let known = self.ends.iter().position(|end| (end.0, end.1) == (direction, report_id));
        let index = known.unwrap_or_else(|| {
            self.ends.push((direction, report_id, 0));
            self.ends.len() - 1
        });
        &mut self.ends[index].2
    }

    fn finish(self, offset: usize) -> Result<ReportDescriptor, DescriptorError> {
        let numbered = self.fields.iter().filter(|field| field.report_id != 0).count();
        if numbered != 0 && numbered != self.fields.len() {
            return Err(DescriptorError::Impossible { offset });
        }
        if self.depth != 0 || !self.pushed.is_empty() {
            return Err(DescriptorError::Unbalanced { offset });
        }
        Ok(ReportDescriptor { fields: self.fields, applications: self.applications })
    }
}

/// The data of a short item, under both of its readings.
#[derive(Debug, Default, Clone, Copy)]
struct Data {
    unsigned: u32,
    signed: i64,
    len: usize,
}

impl Data {
    /// `bytes` are at most four.
    fn of(bytes: &[u8]) -> Self {
        let unsigned = bytes.iter().rev().fold(0, |value: u32, &byte| value << 8 | u32::from(byte));
        let span = 1_i64 << (8 * bytes.len());
        let value = i64::from(unsigned);
        let signed = if !bytes.is_empty() && value >= span / 2 { value - span } else { value };
        Self { unsigned, signed, len: bytes.len() }
    }

    /// Four bytes have the page in them.
    fn local_usage(self) -> LocalUsage {
        let [low, high, page_low, page_high] = self.unsigned.to_le_bytes();
        LocalUsage {
            page: (self.len == 4).then(|| u16::from_le_bytes([page_low, page_high])),
            id: u16::from_le_bytes([low, high]),
        }
    }
}

/// Section 6.2.2.3.
const LONG_ITEM: u8 = 0xFE;

/// Section 6.2.2.6.
const APPLICATION: u32 = 0x01;

const MAX_DESCRIPTOR: usize = 4096;
const MAX_FIELDS: usize = 1024;
const MAX_USAGES: usize = 256;
const MAX_PUSHED: usize = 16;
const MAX_REPORT_BITS: usize = 64 * 1024 * 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::decoder::Decoder;
    use super::*;

    #[test]
    fn impossible_descriptors_are_refused_by_name() {
        let error = |bytes: &[u8]| ReportDescriptor::parse(bytes).unwrap_err();
        assert_eq!(error(&[0x05]), DescriptorError::Truncated { offset: 0 });
        assert_eq!(error(&[0xFE, 9, 0, 1]), DescriptorError::Truncated { offset: 0 });
        assert_eq!(error(&[0xA1, 1]), DescriptorError::Unbalanced { offset: 2 });
        assert_eq!(error(&[0xC0]), DescriptorError::Unbalanced { offset: 0 });
        assert_eq!(error(&[0xB4]), DescriptorError::Unbalanced { offset: 0 });
        assert_eq!(error(&[0x85, 0]), DescriptorError::Impossible { offset: 0 });
        assert_eq!(error(&[0x75, 33, 0x95, 1, 0x81, 2]), DescriptorError::Impossible { offset: 4 });
        assert_eq!(error(&[0x29, 5]), DescriptorError::Impossible { offset: 0 });
        let too_large = [0x75, 32, 0x97, 0, 0, 0, 0x80, 0x81, 3];
        assert_eq!(error(&too_large), DescriptorError::TooMany { offset: 7 });
        assert_eq!(error(&vec![0; 5000]), DescriptorError::TooLong { len: 5000 });
    }

    #[test]
    fn values_have_the_sign_of_their_range() {
        let bytes = [0x05, 1, 0x09, 0x30, 0x15, 0x81, 0x25, 0x7F, 0x75, 8, 0x95, 1, 0x81, 6];
        let descriptor = ReportDescriptor::parse(&bytes).unwrap();
        let [x] = descriptor.fields() else { panic!("one field") };
        assert_eq!((x.value(&[0x81], 0), x.value(&[0x7F], 0), x.value(&[], 0)), (-127, 127, 0));
        assert!(x.is_relative && x.is_variable && !x.is_in_range(-128));
        let unsigned = [0x15, 0, 0x25, 0xFF, 0x75, 8, 0x95, 1, 0x81, 2];
        let descriptor = ReportDescriptor::parse(&unsigned).unwrap();
        assert_eq!(descriptor.fields()[0].value(&[0xFF], 0), 255);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        /// A real descriptor with a few bytes changed, and reports of any bytes for it.
        #[test]
        fn no_descriptor_and_no_report_makes_it_panic(
            interface in 0_usize..3,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            reports in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..4),
        ) {
            let mut bytes = crate::Interface::ALL[interface].descriptor().to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(mut decoder) = ReportDescriptor::parse(&bytes).and_then(Decoder::new) {
                let mut events = Vec::new();
                for report in reports {
                    decoder.report(&report, &mut events);
                }
                decoder.release_all(&mut events);
                prop_assert_eq!(decoder.down().count(), 0);
            }
        }
    }
}
