//! Compiles the C files around the codecs we are measured against, for the feature `peers` alone.

fn main() {
    #[cfg(feature = "peers")]
    {
        println!("cargo::rerun-if-changed=src/peers");
        let files = ["convert", "interface", "jpeg_coder", "jpeg_viewer", "vp8", "x264"]
            .map(|name| format!("src/peers/{name}.c"));
        cc::Build::new()
            .files(files)
            .extra_warnings(true)
            .warnings_into_errors(true)
            .compile("kvm_bench_peers");
        for library in ["jpeg", "x264", "vpx", "yuv"] {
            println!("cargo::rustc-link-lib={library}");
        }
    }
}
