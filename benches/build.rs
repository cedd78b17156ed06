//! Compiles the shim around the encoders we are measured against, for the feature `peers` alone.

fn main() {
    #[cfg(feature = "peers")]
    {
        println!("cargo::rerun-if-changed=src/peers.c");
        cc::Build::new().file("src/peers.c").warnings_into_errors(true).compile("kvm_bench_peers");
        println!("cargo::rustc-link-lib=turbojpeg");
        println!("cargo::rustc-link-lib=x264");
    }
}
