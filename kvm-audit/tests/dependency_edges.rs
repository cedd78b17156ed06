//! Dependencies that must not exist, read from the graph that Cargo resolved.
//!
//! What a feature alone may bring is asked of `cargo tree`, package by package: in a workspace build the
//! features of all members are unified. What may never meet is looked up in `Cargo.lock`, which knows every
//! feature, platform and test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

const LIBRARIES: [&str; 4] = ["kvm-audit", "kvm-capture", "kvm-hid", "kvm-stream"];

/// What no library reaches with its default features: the kind, and names or beginnings of names (`*`).
const FORBIDDEN: [(&str, &[&str]); 6] = [
    (
        "sound",
        &[
            "alsa*",
            "coreaudio*",
            "cpal",
            "jack*",
            "libpulse*",
            "oboe*",
            "opus*",
            "pipewire*",
            "portaudio*",
            "rodio",
        ],
    ),
    (
        "TLS",
        &["aws-lc*", "boring*", "native-tls", "openssl*", "ring", "rustls*", "s2n*", "schannel", "webpki*"],
    ),
    (
        "HTTP",
        &["axum*", "curl*", "h2", "http", "httparse", "hyper*", "isahc", "reqwest", "tungstenite", "ureq"],
    ),
    ("WebRTC", &["dimpl", "is", "sctp-proto", "str0m*"]),
    ("an async runtime", &["async-io", "async-std", "embassy*", "futures-executor", "mio", "smol", "tokio*"]),
    (
        "a compiler or library besides Rust's",
        &["bindgen", "cc", "cmake", "nasm-rs", "pkg-config", "vcpkg", "*-sys"],
    ),
];

/// Features that need more than Rust, as the README's table says.
const IMPURE_FEATURES: [&str; 2] = ["openh264", "v4l"];

/// Packages called `-sys` anywhere in the workspace, each with its excuse. Everything else of that name is
/// an interface to a C library that somebody has to install.
const EXPLAINED_SYS: [(&str, &str); 5] = [
    ("clang-sys", "feature `v4l`: bindgen reads a header of the kernel when v4l2-sys-mit is built"),
    ("linux-raw-sys", "numbers and layouts of the kernel's interface in Rust; links nothing"),
    ("openh264-sys2", "feature `openh264`: carries its C++ source and needs a C++ compiler"),
    ("v4l2-sys-mit", "feature `v4l`: numbers and layouts read from the kernel's header"),
    ("windows-sys", "in the lock file for Windows only; never built here"),
];

#[test]
fn default_libraries_reach_nothing_forbidden() {
    for library in LIBRARIES {
        let packages = tree(library, "");
        assert!(packages.contains("thiserror"), "{library}: the graph was not read: {packages:?}");
        for package in &packages {
            assert_eq!(forbidden(package), None, "a default build of {library} reaches {package}");
        }
    }
}

#[test]
fn pure_features_stay_pure() {
    for library in LIBRARIES {
        let features: Vec<String> = features_of(library)
            .into_iter()
            .filter(|name| !IMPURE_FEATURES.contains(&name.as_str()))
            .collect();
        for package in tree(library, &features.join(",")) {
            let excused = package == "linux-raw-sys";
            // The feature `webrtc` may have WebRTC, but not in a library of C.
            let is_pure = matches!(forbidden(&package), None | Some("WebRTC"));
            assert!(excused || is_pure, "{library} with {features:?} reaches {package}");
        }
    }
}

#[test]
fn layers_point_one_way() {
    let lock = Lock::read();
    for (from, forbidden) in [
        ("kvm-audit", &["kvm-capture", "kvm-hid", "kvm-stream"][..]),
        ("kvm-capture", &["kvm-hid", "kvm-stream"]),
        ("kvm-hid", &["kvm-capture", "kvm-stream"]),
        ("kvm-stream", &["kvm-hid"]),
    ] {
        let reached = lock.reached_from(from);
        for to in forbidden {
            assert!(!reached.contains(*to), "{from} reaches {to}, in some feature or in its tests");
        }
    }
    assert!(lock.reached_from("kvm-stream").contains("kvm-audit"), "the lock file was not read");
}

#[test]
fn every_sys_crate_is_explained() {
    let explained: BTreeSet<&str> = EXPLAINED_SYS.iter().map(|(name, _)| *name).collect();
    for package in Lock::read().dependencies.keys() {
        let is_sys = package.ends_with("-sys") || package.contains("-sys-") || package.ends_with("-sys2");
        assert!(
            !is_sys || explained.contains(package.as_str()),
            "{package} is in Cargo.lock without a reason"
        );
    }
}

#[test]
fn the_table_of_the_forbidden_is_read_as_meant() {
    assert_eq!(forbidden("tokio-util"), Some("an async runtime"));
    assert_eq!(forbidden("alsa-sys"), Some("sound"));
    assert_eq!(forbidden("libusb1-sys"), Some("a compiler or library besides Rust's"));
    assert_eq!(forbidden("str0m-proto"), Some("WebRTC"));
    assert_eq!(forbidden("httpdate"), None);
}

/// What kind of forbidden package this is.
fn forbidden(package: &str) -> Option<&'static str> {
    let matches = |pattern: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => package.ends_with(end),
        (None, Some(start)) => package.starts_with(start),
        (None, None) => package == pattern,
    };
    FORBIDDEN
        .iter()
        .find(|(_, patterns)| patterns.iter().any(|pattern| matches(pattern)))
        .map(|(kind, _)| *kind)
}

/// The packages that a build of `package` with these features compiles, itself left out.
fn tree(package: &str, features: &str) -> BTreeSet<String> {
    let arguments =
        ["--edges", "normal,build", "--prefix", "none", "--format", "{p}", "--features", features];
    let listed = cargo(&[&["tree", "--locked", "--package", package], &arguments[..]].concat());
    listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != package)
        .map(str::to_owned)
        .collect()
}

/// The features of a package, without `default`.
fn features_of(package: &str) -> Vec<String> {
    let metadata = cargo(&["metadata", "--locked", "--no-deps", "--format-version", "1"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let features = packages.iter().find(|listed| listed["name"] == package).map(|found| &found["features"]);
    let features = features.and_then(serde_json::Value::as_object).expect("a package of the workspace");
    features.keys().filter(|name| *name != "default").cloned().collect()
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(workspace()).output().expect("cargo starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `Cargo.lock`: each package's name and the names it depends on; versions of one name are merged.
struct Lock {
    dependencies: BTreeMap<String, BTreeSet<String>>,
}

impl Lock {
    fn read() -> Self {
        let text = std::fs::read_to_string(workspace().join("Cargo.lock")).expect("a lock file");
        let mut dependencies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for package in text.split("[[package]]").skip(1) {
            let name = package.lines().find_map(|line| line.strip_prefix("name = ")).expect("a name");
            let listed = package.lines().filter_map(|line| line.strip_prefix(" \""));
            dependencies
                .entry(name.trim_matches('"').to_owned())
                .or_default()
                .extend(listed.filter_map(|line| line.split([' ', '"']).next()).map(str::to_owned));
        }
        Self { dependencies }
    }

    fn reached_from(&self, package: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut open = vec![package];
        while let Some(name) = open.pop() {
            for dependency in self.dependencies.get(name).into_iter().flatten() {
                if reached.insert(dependency.clone()) {
                    open.push(dependency);
                }
            }
        }
        reached
    }
}
