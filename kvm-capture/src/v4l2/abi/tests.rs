//! The layouts beside those of the C header.

use std::mem::offset_of;
use std::process::Command;

use super::*;

/// What C should say, and what it is here. Field offsets as well as sizes, and every request's number.
fn expectations() -> Vec<(&'static str, usize)> {
    macro_rules! list {
        ($($rust:ident = $c:literal { $($field:ident = $member:literal),* $(,)? })*) => {
            vec![$(
                (concat!("sizeof(struct ", $c, ")"), size_of::<$rust>()),
                $((concat!("offsetof(struct ", $c, ", ", $member, ")"), offset_of!($rust, $field)),)*
            )*]
        };
    }
    let mut all = list! {
        Capability = "v4l2_capability" {
            driver = "driver", card = "card", bus_info = "bus_info", version = "version",
            capabilities = "capabilities", device_caps = "device_caps", reserved = "reserved",
        }
        FormatDescription = "v4l2_fmtdesc" {
            index = "index", kind = "type", flags = "flags", description = "description",
            pixelformat = "pixelformat", reserved = "reserved[0]",
        }
        Format = "v4l2_format" { kind = "type", fmt = "fmt" }
        RequestBuffers = "v4l2_requestbuffers" {
            count = "count", kind = "type", memory = "memory", capabilities = "capabilities",
        }
        Buffer = "v4l2_buffer" {
            index = "index", kind = "type", bytesused = "bytesused", flags = "flags", field = "field",
            timestamp = "timestamp", timecode = "timecode", sequence = "sequence", memory = "memory",
            m = "m", length = "length", reserved2 = "reserved2", request_fd = "reserved2 + 4",
        }
        BufferPlane = "v4l2_plane" {
            bytesused = "bytesused", length = "length", m = "m", data_offset = "data_offset",
            reserved = "reserved",
        }
        Input = "v4l2_input" {
            index = "index", name = "name", kind = "type", audioset = "audioset", tuner = "tuner",
            std = "std", status = "status", capabilities = "capabilities", reserved = "reserved",
        }
        DvTimings = "v4l2_dv_timings" {
            kind = "type", width = "bt.width", height = "bt.height", interlaced = "bt.interlaced",
            polarities = "bt.polarities", pixelclock = "bt.pixelclock", rest = "bt.hfrontporch",
        }
        EventSubscription = "v4l2_event_subscription" {
            kind = "type", id = "id", flags = "flags", reserved = "reserved",
        }
        Event = "v4l2_event" {
            kind = "type", payload = "u", pending = "pending", sequence = "sequence",
            timestamp = "timestamp", id = "id", reserved = "reserved",
        }
    };
    // C has no name for what follows `reserved2`, because it is an unnamed union.
    all.retain(|(name, _)| !name.contains(" + "));
    all.extend(crate::v4l2::format::offsets());
    macro_rules! requests {
        ($($request:ident)*) => { [$((concat!("VIDIOC_", stringify!($request)), $request.opcode() as usize)),*] };
    }
    all.extend(requests! {
        QUERYCAP ENUM_FMT G_FMT S_FMT REQBUFS QUERYBUF QBUF DQBUF STREAMON STREAMOFF ENUMINPUT G_INPUT
        S_DV_TIMINGS DQEVENT SUBSCRIBE_EVENT QUERY_DV_TIMINGS
    });
    macro_rules! values {
        ($($c:literal = $value:expr),* $(,)?) => { [$(($c, $value as usize)),*] };
    }
    all.extend(values! {
        "V4L2_BUF_TYPE_VIDEO_CAPTURE" = BufferType::Single.code(),
        "V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE" = BufferType::Multi.code(),
        "V4L2_MEMORY_MMAP" = MEMORY_MMAP,
        "VIDEO_MAX_PLANES" = MAX_PLANES,
        "V4L2_CAP_VIDEO_CAPTURE" = Capability::VIDEO_CAPTURE,
        "V4L2_CAP_VIDEO_CAPTURE_MPLANE" = Capability::VIDEO_CAPTURE_MPLANE,
        "V4L2_CAP_STREAMING" = Capability::STREAMING,
        "V4L2_CAP_DEVICE_CAPS" = Capability::DEVICE_CAPS,
        "V4L2_BUF_FLAG_ERROR" = Buffer::FLAG_ERROR,
        "V4L2_BUF_FLAG_TIMESTAMP_MASK" = Buffer::FLAG_TIMESTAMP_MASK,
        "V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC" = Buffer::FLAG_TIMESTAMP_MONOTONIC,
        "V4L2_IN_ST_NO_POWER | V4L2_IN_ST_NO_SIGNAL" = Input::NOTHING_THERE,
        "V4L2_IN_ST_NO_H_LOCK | V4L2_IN_ST_NO_V_LOCK | V4L2_IN_ST_NO_STD_LOCK | V4L2_IN_ST_NO_SYNC \
         | V4L2_IN_ST_NO_EQU | V4L2_IN_ST_NO_CARRIER" = Input::NOT_LOCKED,
        "V4L2_EVENT_SOURCE_CHANGE" = EVENT_SOURCE_CHANGE,
    });
    all
}

#[test]
fn the_c_header_agrees() {
    let folder = std::env::temp_dir().join(format!("kvm-capture-abi-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("probe.c"), folder.join("probe"));
    let expectations = expectations();
    let lines: String = expectations
        .iter()
        .map(|(expression, _)| format!("    printf(\"%lu\\n\", (unsigned long)({expression}));\n"))
        .collect();
    let code = format!(
        "#include <stddef.h>\n#include <stdio.h>\n#include <linux/videodev2.h>\n\
         int main(void) {{\n{lines}    return 0;\n}}\n"
    );
    std::fs::write(&source, code).unwrap();
    let header = std::path::Path::new("/usr/include/linux/videodev2.h");
    let compiled = header.exists().then(|| Command::new("cc").arg(&source).arg("-o").arg(&program).output());
    let Some(Ok(compiled)) = compiled else {
        println!("SKIPPED: no C compiler or no linux/videodev2.h to compare with");
        return;
    };
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let said = Command::new(&program).output().unwrap().stdout;
    std::fs::remove_dir_all(&folder).unwrap();
    let said: Vec<usize> =
        String::from_utf8(said).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(said.len(), expectations.len());
    for ((expression, here), c) in expectations.into_iter().zip(said) {
        assert_eq!(here, c, "{expression}");
    }
}

/// The numbers as `strace` prints them on any 64-bit machine, for where there is no header.
#[test]
#[cfg(all(target_pointer_width = "64", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn requests_have_their_known_numbers() {
    assert_eq!(QUERYCAP.opcode(), 0x8068_5600);
    assert_eq!(S_FMT.opcode(), 0xc0d0_5605);
    assert_eq!(DQBUF.opcode(), 0xc058_5611);
    assert_eq!(STREAMON.opcode(), 0x4004_5612);
    assert_eq!(S_DV_TIMINGS.opcode(), 0xc084_5657);
    assert_eq!(DQEVENT.opcode(), 0x8088_5659);
    assert_eq!(QUERY_DV_TIMINGS.opcode(), 0x8084_5663);
}
