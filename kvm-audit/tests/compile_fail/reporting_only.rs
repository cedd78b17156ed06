//! The words that can only be reported have no kind, and a word is not a type.

fn listen(manifest: &kvm_audit::Manifest, ledger: &kvm_audit::Ledger) {
    let _ = manifest.grant::<kvm_audit::AmbientMicrophone>(ledger);
    let _ = manifest.grant::<kvm_audit::Capability::AmbientMicrophone>(ledger);
}

fn main() {}
