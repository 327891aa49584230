//! Every mutation under `tests/mutations` still fits the tree, and names tests that are there. Whether those tests
//! notice it is shown by `tests/mutations/run`, which takes about a minute for each.

#![expect(clippy::disallowed_methods, reason = "a test runs programs")]

use std::path::Path;
use std::process::Command;

#[test]
fn every_mutation_fits_the_tree_and_names_tests_that_are_there() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutations/run");
    let checked = Command::new(program).arg("--check").output().expect("python3, which tests/run looks for");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    assert!(said.trim_end().ends_with("mutations fit the tree"), "{said}");
}
