//! From text to a runbook, with every rule asked.

use divan::Bencher;

use crate::large::{STEPS, checked, statements, text};

#[divan::bench(name = "validate 10 000 steps (aim: 300 ms)", sample_count = 10)]
fn steps(bencher: Bencher) {
    bencher.with_inputs(|| text(STEPS, "/bin/true")).bench_values(checked);
}

#[divan::bench(name = "validate 10 000 SQL steps (aim: 300 ms)", sample_count = 10)]
fn sql(bencher: Bencher) {
    bencher.with_inputs(|| statements(STEPS)).bench_values(checked);
}
