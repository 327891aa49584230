//! How long it takes until a record is durable.

use divan::Bencher;
use runbook::journal::crash::CrashPlan;
use runbook::journal::file::Journal;

use crate::{large, support};

#[divan::bench(name = "append one durable record (aim: what the disk takes)", max_time = 2)]
fn append(bencher: Bencher) {
    let folder = large::folder().join("append");
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut journal = Journal::create(&folder, support::author(), CrashPlan::default()).expect("a journal");
    journal.append(support::at(0), support::started()).expect("a durable record");
    bencher.bench_local(|| journal.append(support::at(1), support::attempt("promote")).expect("a durable record"));
}
