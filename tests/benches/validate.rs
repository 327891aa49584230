//! From text to a runbook, with every rule asked but what shells say: one large file, and a folder of many.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use divan::Bencher;

use crate::large::{STEPS, checked, folder, statements};
use crate::process::runbook;

/// How many runbooks stand in the folder, and how many steps each has.
const FILES: u64 = 500;
const STEPS_OF_A_FILE: u64 = 20;

/// The text of a runbook of so many steps of about 300 bytes, each with all that a step is asked for.
fn text(name: &str, steps: u64) -> String {
    let mut text = format!(
        "runbook: 1\nname: {name}\nparameters:\n  host: {{type: string, default: db-1}}\ndefaults: {{timeout: 1m}}\nsteps:\n"
    );
    for step in 1..=steps {
        writeln!(
            text,
            "  - id: s-{step}\n    name: Move part {step} of {{{{ parameters.host }}}}\n    when: parameters.host != 'none'\n    \
             command: [/usr/bin/move, --part, \"{step}\", \"{{{{ parameters.host }}}}\"]\n    \
             verify: {{command: [/usr/bin/test, -e, /srv/part-{step}]}}\n    \
             rollback: {{command: [/usr/bin/move, --back, \"{step}\"]}}\n    notes: part {step}"
        )
        .expect("text takes more text");
    }
    text
}

#[divan::bench(name = "validate 10 000 steps, 3 MB (aim: 300 ms)", sample_count = 10)]
fn steps(bencher: Bencher) {
    bencher.with_inputs(|| text("large", STEPS)).bench_values(checked);
}

#[divan::bench(name = "validate a folder of 500 runbooks, a process", sample_count = 10, sample_size = 1)]
fn files(bencher: Bencher) {
    let folder: PathBuf = folder().join("folder");
    fs::create_dir_all(&folder).expect("a folder");
    for file in 1..=FILES {
        let name = format!("runbook-{file}");
        fs::write(folder.join(format!("{name}.yaml")), text(&name, STEPS_OF_A_FILE)).expect("a runbook");
    }
    let arguments = ["validate", "--no-shell-checks", folder.to_str().expect("a path of text")];
    bencher.bench_local(|| runbook(&folder, &arguments));
}

#[divan::bench(name = "validate 10 000 SQL steps (aim: 300 ms)", sample_count = 10)]
fn sql(bencher: Bencher) {
    bencher.with_inputs(|| statements(STEPS)).bench_values(checked);
}
