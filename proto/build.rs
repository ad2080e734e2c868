//! Compiles the .proto files without protoc.

use std::path::PathBuf;

const FILES: [&str; 2] = ["agentos/v1/link.proto", "agentos/v1/run.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Read when it runs: a checkout that has moved keeps the compiled script.
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let descriptors = protox::compile(FILES, [&root])?;
    tonic_prost_build::configure().build_transport(false).compile_fds(descriptors)?;
    Ok(())
}
