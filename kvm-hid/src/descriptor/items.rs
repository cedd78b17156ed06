//! A builder of report descriptor items for constant evaluation.

/// Items of a report descriptor (HID 1.11, section 6.2.2).
#[derive(Debug)]
pub(crate) struct Items {
    bytes: [u8; CAPACITY],
    len: usize,
    report_id: usize,
    report_size: usize,
    report_count: usize,
    input_bits: [usize; REPORT_IDS],
    output_bits: [usize; REPORT_IDS],
}

impl Items {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            len: 0,
            report_id: 0,
            report_size: 0,
            report_count: 0,
            input_bits: [0; REPORT_IDS],
            output_bits: [0; REPORT_IDS],
        }
    }

    // Main items, section 6.2.2.4 and following.

    pub(crate) const fn input(mut self, flags: u8) -> Self {
        self.input_bits[self.report_id] += self.report_size * self.report_count;
        self.byte_item(0x80, flags)
    }

    pub(crate) const fn output(mut self, flags: u8) -> Self {
        self.output_bits[self.report_id] += self.report_size * self.report_count;
        self.byte_item(0x90, flags)
    }

    pub(crate) const fn collection(self, kind: u8) -> Self {
        self.byte_item(0xA0, kind)
    }

    pub(crate) const fn end_collection(self) -> Self {
        self.push(0xC0)
    }

    // Global items, section 6.2.2.7.

    pub(crate) const fn usage_page(self, page: u8) -> Self {
        self.byte_item(0x04, page)
    }

    /// Logical minimum and maximum. Values are signed, so a maximum of 128 or more takes two bytes.
    pub(crate) const fn logical(self, minimum: i8, maximum: u16) -> Self {
        let this = self.byte_item(0x14, minimum.to_le_bytes()[0]);
        if maximum < 0x80 {
            this.byte_item(0x24, maximum.to_le_bytes()[0])
        } else {
            this.word_item(0x24, maximum)
        }
    }

    pub(crate) const fn report_id(mut self, id: u8) -> Self {
        self.report_id = id as usize;
        self.byte_item(0x84, id)
    }

    /// How many fields the next main item describes, and of how many bits each.
    pub(crate) const fn fields(mut self, count: u8, bits: u8) -> Self {
        self.report_size = bits as usize;
        self.report_count = count as usize;
        self.byte_item(0x74, bits).byte_item(0x94, count)
    }

    // Local items, section 6.2.2.8.

    pub(crate) const fn usage(self, usage: u16) -> Self {
        if usage <= 0xFF { self.byte_item(0x08, usage.to_le_bytes()[0]) } else { self.word_item(0x08, usage) }
    }

    pub(crate) const fn usages(self, first: u8, last: u16) -> Self {
        let this = self.byte_item(0x18, first);
        if last <= 0xFF { this.byte_item(0x28, last.to_le_bytes()[0]) } else { this.word_item(0x28, last) }
    }

    // What the items amount to.

    /// The length of an input report in bytes, with its ID.
    pub(crate) const fn input_len(&self, report_id: u8) -> usize {
        assert!(self.input_bits[report_id as usize] % 8 == 0, "a report fills its last byte");
        self.input_bits[report_id as usize] / 8 + (report_id != 0) as usize
    }

    /// The length of an output report in bytes, with its ID.
    pub(crate) const fn output_len(&self, report_id: u8) -> usize {
        assert!(self.output_bits[report_id as usize] % 8 == 0, "a report fills its last byte");
        self.output_bits[report_id as usize] / 8 + (report_id != 0) as usize
    }

    /// The length of the descriptor in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn bytes<const N: usize>(&self) -> [u8; N] {
        assert!(self.len == N, "the descriptor takes all of its items");
        let mut bytes = [0; N];
        let mut index = 0;
        while index < N {
            bytes[index] = self.bytes[index];
            index += 1;
        }
        bytes
    }

    const fn byte_item(self, prefix: u8, value: u8) -> Self {
        self.push(prefix | 1).push(value)
    }

    const fn word_item(self, prefix: u8, value: u16) -> Self {
        let [low, high] = value.to_le_bytes();
        self.push(prefix | 2).push(low).push(high)
    }

    const fn push(mut self, byte: u8) -> Self {
        self.bytes[self.len] = byte;
        self.len += 1;
        self
    }
}

/// Flags of input and output items, section 6.2.2.5.
pub(crate) mod flag {
    pub(crate) const ARRAY: u8 = 0x00;
    pub(crate) const CONSTANT: u8 = 0x03;
    pub(crate) const VARIABLE: u8 = 0x02;
    pub(crate) const RELATIVE: u8 = 0x06;
}

/// Kinds of collection, section 6.2.2.6.
pub(crate) mod collection {
    pub(crate) const PHYSICAL: u8 = 0x00;
    pub(crate) const APPLICATION: u8 = 0x01;
}

/// Report IDs 0 (none) to 3.
const REPORT_IDS: usize = 4;

/// Room for the longest descriptor.
const CAPACITY: usize = 160;
