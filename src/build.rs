//! How the program is linked.

fn main() {
    // Each step starts the program once more, as its supervisor. At a fixed place in memory nothing of it has to be
    // adapted to where it is: that start takes half as long.
    println!("cargo::rustc-link-arg-bins=-no-pie");
    println!("cargo::rerun-if-changed=src/build.rs");
}
