//! Only a manifest mints.

fn main() {
    let _ = kvm_audit::Grant::<kvm_audit::Keyboard>::mint("*".into(), kvm_audit::Ledger::new());
}
