//! From a runbook to a plan, where nothing has to be looked at.

use std::collections::BTreeMap;

use divan::Bencher;
use runbook::action::world::Eyes;
use runbook::check::parameters::typed;
use runbook::plan::{Given, plan};

use crate::large::{STEPS, runbook, text};

#[divan::bench(name = "plan 10 000 steps (aim: 1 s)", sample_count = 10)]
fn steps(bencher: Bencher) {
    let runbook = runbook(text(STEPS, "/bin/true"));
    let parameters = typed(&runbook.parameters, &BTreeMap::new()).expect("defaults for all parameters");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let eyes = Eyes { environment: BTreeMap::new() };
    let secrets = BTreeMap::new();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let given = Given { parameters: &parameters, secrets: &secrets, digest: "sha256:00", now };
    bencher.bench_local(|| runtime.block_on(plan(&runbook, given, &eyes)));
}
