//! A grant has no public fields.

fn main() {
    let _ = kvm_audit::Grant::<kvm_audit::Keyboard> {
        scope: "*".into(),
        ledger: kvm_audit::Ledger::new(),
        kind: std::marker::PhantomData,
    };
}
