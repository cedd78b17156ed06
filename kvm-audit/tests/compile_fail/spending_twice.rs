//! A grant is gone once it was exercised.

fn twice(grant: kvm_audit::Grant<kvm_audit::VideoCapture>) {
    let _first = grant.exercise("/dev/video0");
    let _second = grant.exercise("/dev/video0");
}

fn main() {}
