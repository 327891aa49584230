//! How fast a journal is verified, and how long one durable record takes.

#![expect(clippy::expect_used, reason = "what tests share panics where it fails")]

#[expect(dead_code, reason = "tests need more of it")]
#[path = "../support/journal.rs"]
mod support;

use divan::Bencher;
use divan::counter::ItemsCount;
use runbook::journal::chain::verify;
use runbook::journal::crash::CrashPlan;
use runbook::journal::file::Journal;
use runbook::journal::format;
use runbook::model::event::{Event, Outcome, Record};

fn main() {
    divan::main();
}

/// A journal of so many records, attempts that begin and end.
fn journal(records: u64) -> Vec<u8> {
    let mut journal = Vec::new();
    let mut prev = None;
    for seq in 1..=records {
        let event: Event = match seq {
            1 => support::started(),
            _ if seq % 2 == 0 => support::attempt("promote"),
            _ => support::finished("promote", Outcome::Succeeded),
        };
        let author = support::author();
        let mut record = Record {
            seq,
            at: format::timestamp(support::at(0)),
            run: author.run,
            epoch: 1,
            actor: author.actor,
            host: author.host,
            event,
            prev: prev.take(),
            hash: String::new(),
        };
        journal.extend(format::seal(&mut record).unwrap_or_default());
        prev = Some(record.hash);
    }
    journal
}

#[divan::bench(args = [1_000_000], sample_count = 3)]
fn verify_records(bencher: Bencher, records: u64) {
    let journal = journal(records);
    bencher.counter(ItemsCount::new(records)).bench_local(|| verify(&journal[..], &[]).map(|found| found.records).ok());
}

#[divan::bench]
fn append_one_durable_record(bencher: Bencher) {
    let folder = tempfile::tempdir().ok();
    let journal =
        folder.as_ref().and_then(|folder| Journal::create(folder.path(), support::author(), CrashPlan::default()).ok());
    let Some(mut journal) = journal else { return };
    let started = journal.append(support::at(0), support::started());
    assert!(started.is_ok());
    bencher.bench_local(|| journal.append(support::at(1), support::attempt("promote")).is_ok());
}
