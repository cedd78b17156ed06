//! Two parsers by other authors, and the simulated host's, agree with the layout written down here.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test's helpers may panic as the test may")]

use hidparser::ReportField;
use hidreport::{Field, FieldAttributes, Report};
use kvm_hid::Interface;

/// A run of bits of a report, without its report ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    report: u32,
    bits: (usize, usize),
    meaning: Meaning,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    Padding,
    /// Usage, logical range, whether values are changes.
    Variable(u32, (i32, i32), bool),
    /// First and last usage, logical range.
    Array((u32, u32), (i32, i32)),
}

use Meaning::{Array, Padding, Variable};

fn slot(report: u32, bits: (usize, usize), meaning: Meaning) -> Slot {
    Slot { report, bits, meaning }
}

/// Single bits for usages that follow each other.
fn flags(report: u32, first_bit: usize, usages: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = Slot> {
    usages.enumerate().map(move |(index, usage)| {
        slot(report, (first_bit + index, first_bit + index + 1), Variable(usage, (0, 1), false))
    })
}

/// The input reports of an interface, by the documentation.
fn inputs(interface: Interface) -> Vec<Slot> {
    let wheel = |report, at| {
        [
            slot(report, (at, at + 8), Variable(0x01_0038, (-127, 127), true)),
            slot(report, (at + 8, at + 16), Variable(0x0C_0238, (-127, 127), true)),
        ]
    };
    match interface {
        Interface::Keyboard => flags(0, 0, 0x07_00E0..=0x07_00E7)
            .chain([slot(0, (8, 16), Padding)])
            .chain(
                (2..8)
                    .map(|byte| slot(0, (byte * 8, byte * 8 + 8), Array((0x07_0000, 0x07_00E7), (0, 0xE7)))),
            )
            .collect(),
        Interface::Mouse => flags(0, 0, 0x09_0001..=0x09_0005)
            .chain([
                slot(0, (5, 8), Padding),
                slot(0, (8, 16), Variable(0x01_0030, (-127, 127), true)),
                slot(0, (16, 24), Variable(0x01_0031, (-127, 127), true)),
            ])
            .chain(wheel(0, 24))
            .collect(),
        Interface::Pointer => flags(1, 0, 0x09_0001..=0x09_0005)
            .chain([
                slot(1, (5, 8), Padding),
                slot(1, (8, 24), Variable(0x01_0030, (0, 32767), false)),
                slot(1, (24, 40), Variable(0x01_0031, (0, 32767), false)),
            ])
            .chain(wheel(1, 40))
            .chain([
                slot(2, (0, 16), Array((0x0C_0000, 0x0C_03FF), (0, 0x3FF))),
                slot(3, (0, 8), Array((0x01_0081, 0x01_0083), (1, 3))),
            ])
            .collect(),
        _ => unreachable!("the interfaces are three"),
    }
}

/// The output reports of an interface.
fn outputs(interface: Interface) -> Vec<Slot> {
    if interface != Interface::Keyboard {
        return Vec::new();
    }
    flags(0, 0, 0x08_0001..=0x08_0005).chain([slot(0, (5, 8), Padding)]).collect()
}

fn sorted(mut slots: Vec<Slot>) -> Vec<Slot> {
    slots.sort();
    slots
}

fn by_hidparser(reports: &[hidparser::Report]) -> Vec<Slot> {
    let slots = reports.iter().flat_map(|report| {
        let id = report.report_id.map_or(0, u32::from);
        let bits = |bits: &std::ops::Range<u32>| (bits.start as usize, bits.end as usize);
        report.fields.iter().map(move |field| {
            let (bits, meaning) = match field {
                ReportField::Variable(field) => {
                    let range = (field.logical_minimum.into(), field.logical_maximum.into());
                    (bits(&field.bits), Variable(field.usage.into(), range, field.attributes.relative))
                }
                ReportField::Array(field) => {
                    let [usages] = &field.usage_list[..] else { panic!("one range of usages") };
                    let range = (field.logical_minimum.into(), field.logical_maximum.into());
                    (bits(&field.bits), Array((usages.start(), usages.end()), range))
                }
                ReportField::Padding(field) => (bits(&field.bits), Padding),
            };
            slot(id, bits, meaning)
        })
    });
    sorted(slots.collect())
}

fn by_hidreport(reports: &[impl Report]) -> Vec<Slot> {
    let mut slots = Vec::new();
    for report in reports {
        let id = report.report_id().map_or(0, |id| u32::from(u8::from(id)));
        let skip = if id == 0 { 0 } else { 8 };
        for field in report.fields() {
            let bits = (field.bits().start - skip, field.bits().end - skip);
            match field {
                Field::Variable(field) => {
                    let range = (i32::from(field.logical_minimum), i32::from(field.logical_maximum));
                    let meaning = Variable(u32::from(field.usage), range, field.is_relative());
                    slots.push(slot(id, bits, meaning));
                }
                Field::Array(field) => {
                    let range = (i32::from(field.logical_minimum), i32::from(field.logical_maximum));
                    let ends = [field.usages().first(), field.usages().last()]
                        .map(|usage| u32::from(usage.unwrap()));
                    let count = usize::from(field.report_count);
                    let size = (bits.1 - bits.0) / count;
                    slots.extend((0..count).map(|index| {
                        let first = bits.0 + index * size;
                        slot(id, (first, first + size), Array((ends[0], ends[1]), range))
                    }));
                }
                Field::Constant(_) => slots.push(slot(id, bits, Padding)),
            }
        }
    }
    sorted(slots)
}

#[test]
fn hidparser_reads_the_layout() {
    for interface in Interface::ALL {
        let descriptor = hidparser::parse_report_descriptor(interface.descriptor()).unwrap();
        assert!(descriptor.bad_input_reports.is_empty() && descriptor.bad_output_reports.is_empty());
        assert!(descriptor.features.is_empty() && descriptor.bad_features.is_empty());
        assert_eq!(by_hidparser(&descriptor.input_reports), sorted(inputs(interface)), "{interface}");
        assert_eq!(by_hidparser(&descriptor.output_reports), sorted(outputs(interface)), "{interface}");
    }
}

#[test]
fn hidreport_reads_the_layout() {
    for interface in Interface::ALL {
        let descriptor = hidreport::ReportDescriptor::try_from(interface.descriptor()).unwrap();
        assert!(descriptor.feature_reports().is_empty());
        assert_eq!(by_hidreport(descriptor.input_reports()), sorted(inputs(interface)), "{interface}");
        assert_eq!(by_hidreport(descriptor.output_reports()), sorted(outputs(interface)), "{interface}");
        let longest = descriptor.input_reports().iter().map(Report::size_in_bytes).max();
        assert_eq!(longest, Some(interface.report_len()), "{interface}");
    }
}

#[cfg(feature = "testing")]
#[test]
fn the_simulated_host_reads_the_layout() {
    use kvm_hid::testing::{Direction, ReportDescriptor};

    for interface in Interface::ALL {
        let descriptor = ReportDescriptor::parse(interface.descriptor()).unwrap();
        for (direction, expected) in
            [(Direction::Input, inputs(interface)), (Direction::Output, outputs(interface))]
        {
            let mut slots = Vec::new();
            for field in descriptor.fields().iter().filter(|field| field.direction == direction) {
                let usage = |index| {
                    let usage = field.usage(index).unwrap();
                    u32::from(usage.page) << 16 | u32::from(usage.id)
                };
                let range =
                    (i32::try_from(field.logical_min).unwrap(), i32::try_from(field.logical_max).unwrap());
                let id = u32::from(field.report_id);
                let bits = |index| {
                    let first = field.offset_bits + index * field.size_bits;
                    (first, first + field.size_bits)
                };
                if field.is_constant {
                    slots.push(slot(id, (bits(0).0, bits(field.count - 1).1), Padding));
                    continue;
                }
                let last = usize::try_from(field.logical_max - field.logical_min).unwrap();
                slots.extend((0..field.count).map(|index| {
                    let meaning = if field.is_variable {
                        Variable(usage(index), range, field.is_relative)
                    } else {
                        Array((usage(0), usage(last)), range)
                    };
                    slot(id, bits(index), meaning)
                }));
            }
            assert_eq!(sorted(slots), sorted(expected), "{interface}");
        }
    }
}
