//! One grant builds one part.

fn both(grant: kvm_audit::Grant<kvm_audit::VideoCapture>) -> [kvm_audit::Grant<kvm_audit::VideoCapture>; 2] {
    [grant.clone(), grant]
}

fn main() {}
