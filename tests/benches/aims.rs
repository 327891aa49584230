//! What the program has to keep up with. `cargo bench` measures all of it, in less than three minutes, and prints one
//! table; each row says its aim. `cargo bench -- validate` measures what has that in its name.

#![expect(clippy::expect_used, reason = "a measurement that cannot go on stops")]

#[expect(dead_code, reason = "tests need more of it")]
#[path = "../support/journal.rs"]
mod support;

mod journal;
mod large;
mod output;
mod plan;
mod process;
mod validate;

fn main() {
    // A measurement that was broken off leaves what it wrote.
    large::clear();
    divan::main();
    large::clear();
}
