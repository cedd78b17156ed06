//! No text makes the reader of manifest files panic, and what it accepts survives printing.
#![no_main]

use kvm_audit::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(manifest) = Manifest::from_toml(text) {
        let printed = manifest.to_toml();
        assert_eq!(Manifest::from_toml(&printed), Ok(manifest), "{printed}");
    }
});
