//! A grant for the keyboard opens no camera.

fn open_camera(_: kvm_audit::Grant<kvm_audit::VideoCapture>) {}

fn main() {
    let manifest = kvm_audit::Manifest::new("test");
    let ledger = kvm_audit::Ledger::new();
    open_camera(manifest.grant::<kvm_audit::Keyboard>(&ledger).unwrap());
}
