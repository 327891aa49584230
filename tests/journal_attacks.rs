//! Journals that were changed by an attacker or by a failing disk: every change is noticed, or is a torn tail, or only
//! cuts records off at the end, and then an anchor shows it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/journal.rs"]
mod support;

use runbook::journal::chain::{ChainError, Verified, verify};
use runbook::journal::format;
use runbook::model::digest::sha256;
use runbook::model::event::{Head, Record};

fn journal() -> Vec<u8> {
    support::write(tempfile::tempdir().expect("a folder").path())
}

fn lines(journal: &[u8]) -> Vec<Vec<u8>> {
    journal.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn head(journal: &[u8]) -> Head {
    verify(journal, &[]).expect("a good journal").head.expect("a head")
}

fn tampered(journal: &[u8]) -> (u64, String) {
    match verify(journal, &[]) {
        Err(ChainError::Tampered(tampered)) => (tampered.record, tampered.what),
        other => panic!("it was believed: {other:?}"),
    }
}

/// Either it is refused, or its last line counts as torn: then only the records before that are claimed.
fn is_noticed(journal: &[u8], whole: u64) -> bool {
    match verify(journal, &[]) {
        Err(ChainError::Tampered(_)) => true,
        Err(ChainError::Read(error)) => panic!("memory cannot fail: {error}"),
        Ok(verified) => verified.torn_tail.is_some() && verified.records == whole - 1,
    }
}

#[test]
fn a_good_journal_is_believed_up_to_its_head_and_anchored_up_to_its_anchor() {
    let bytes = journal();
    let third = format::decode(&lines(&bytes)[2]).expect("a record");
    let anchor = Head { run: support::RUN.to_owned(), seq: 3, hash: third.hash };
    let foreign = Head { run: "another".to_owned(), seq: 3, hash: String::new() };
    let verified = verify(&bytes[..], &[foreign, anchor]).expect("a good journal");
    let last = format::decode(&lines(&bytes)[11]).expect("a record");
    let expected = Verified {
        records: 12,
        head: Some(Head { run: support::RUN.to_owned(), seq: 12, hash: last.hash }),
        epoch: 1,
        anchored: Some(3),
        unknown_kinds: [].into(),
        torn_tail: None,
    };
    assert_eq!(verified, expected);
}

/// Each byte of the journal attacked in turn.
fn every_byte_is_noticed(attack: impl Fn(&mut Vec<u8>, usize)) {
    let bytes = journal();
    for index in 0..bytes.len() {
        let mut attacked = bytes.clone();
        attack(&mut attacked, index);
        assert!(is_noticed(&attacked, 12), "byte {index}");
    }
}

#[test]
fn every_flipped_byte_is_noticed() {
    every_byte_is_noticed(|journal, index| journal[index] ^= 1 << (index % 8));
}

#[test]
fn every_dropped_byte_is_noticed() {
    every_byte_is_noticed(|journal, index| {
        journal.remove(index);
    });
}

#[test]
fn every_doubled_byte_is_noticed() {
    every_byte_is_noticed(|journal, index| journal.insert(index, journal[index]));
}

#[test]
fn a_dropped_swapped_or_doubled_record_is_named() {
    let whole = lines(&journal());
    for index in 0..whole.len() {
        let number = index as u64 + 1;
        let mut doubled = whole.clone();
        doubled.insert(index, whole[index].clone());
        assert_eq!(tampered(&doubled.concat()), (number + 1, format!("it has the number {number}")));
        if index + 1 == whole.len() {
            continue;
        }
        let mut dropped = whole.clone();
        dropped.remove(index);
        assert_eq!(tampered(&dropped.concat()), (number, format!("it has the number {}", number + 1)));
        let mut swapped = whole.clone();
        swapped.swap(index, index + 1);
        assert_eq!(tampered(&swapped.concat()), (number, format!("it has the number {}", number + 1)));
    }
}

#[test]
fn a_truncated_journal_claims_only_whole_records_and_its_anchor_shows_what_is_missing() {
    let bytes = journal();
    let anchor = head(&bytes);
    for length in 0..bytes.len() {
        let left = &bytes[..length];
        let whole = lines(left).iter().filter(|line| line.ends_with(b"\n")).count() as u64;
        let verified = verify(left, &[]).expect("the records that are left are good");
        assert_eq!(verified.records, whole);
        let begun = left.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len) as u64;
        assert_eq!(verified.torn_tail, (begun > 0).then_some(begun));
        let Err(ChainError::Tampered(missing)) = verify(left, std::slice::from_ref(&anchor)) else {
            panic!("{length} bytes are all of it");
        };
        assert_eq!((missing.record, missing.what.as_str()), (whole + 1, "it is missing; record 12 is anchored"));
    }
}

/// What an attacker does to a record.
type Change = fn(&mut Record);

/// Changes one record and gives it and all that follow hashes of their own.
fn rewritten(journal: &[u8], from: usize, change: Change) -> Vec<u8> {
    let mut prev: Option<String> = None;
    let mut attacked = Vec::new();
    for (index, line) in lines(journal).iter().enumerate() {
        let mut record = format::decode(line).expect("a record");
        if index >= from {
            change(&mut record);
            record.prev.clone_from(&prev);
        }
        attacked.extend(format::seal(&mut record).expect("a line"));
        prev = Some(record.hash);
    }
    attacked
}

#[test]
fn a_tail_with_a_fresh_chain_is_believed_without_an_anchor_and_found_with_one() {
    let bytes = journal();
    let attacked = rewritten(&bytes, 8, |record| "mallory".clone_into(&mut record.actor));
    let claimed = verify(&attacked[..], &[]).expect("nothing but an anchor can tell");
    assert_eq!((claimed.records, claimed.anchored), (12, None));
    let Err(ChainError::Tampered(found)) = verify(&attacked[..], &[head(&bytes)]) else {
        panic!("the anchor was passed over");
    };
    assert_eq!((found.record, found.what.as_str()), (12, "its anchor has another hash"));
    let before =
        Head { run: support::RUN.to_owned(), seq: 8, hash: format::decode(&lines(&bytes)[7]).expect("a record").hash };
    let claimed = verify(&attacked[..], &[before]).expect("the anchor vouches for the records before the change only");
    assert_eq!(claimed.anchored, Some(8));
}

#[test]
fn rules_of_the_chain_hold_even_where_all_hashes_are_right() {
    let bytes = journal();
    let cases: [(Change, u64, &str); 3] = [
        (|record| "elsewhere".clone_into(&mut record.run), 6, "it belongs to the run elsewhere"),
        (|record| record.epoch = 0, 6, "its epoch fell to 0"),
        (|record| record.event = support::started(), 6, "a run starts only once"),
    ];
    for (change, number, what) in cases {
        assert_eq!(tampered(&rewritten(&bytes, 5, change)), (number, what.to_owned()));
    }
    let mut headless = format::decode(&lines(&bytes)[1]).expect("a record");
    (headless.seq, headless.prev) = (1, None);
    let line = format::seal(&mut headless).expect("a line");
    assert_eq!(tampered(&line), (1, "a journal begins with run_started".to_owned()));
}

/// The line with other bytes before its hash, and the right hash for them.
fn with_hash(body: &str) -> Vec<u8> {
    format!("{body},\"hash\":\"{}\"}}\n", sha256(&[body.as_bytes()])).into_bytes()
}

#[test]
fn the_same_record_in_other_bytes_is_refused_even_with_the_right_hash() {
    let bytes = journal();
    let first = String::from_utf8(lines(&bytes)[0].clone()).expect("text");
    let body = &first[..first.rfind(",\"hash\"").expect("a hash")];
    assert_eq!(with_hash(body), first.as_bytes());
    let forms = [
        ("\"seq\":1,", "\"seq\": 1,"),
        ("\"seq\":1,", "\"seq\":1.0,"),
        ("\"seq\":1,", "\"seq\":1,\"seq\":1,"),
        ("\"ratio\":0.1", "\"ratio\":0.10"),
        ("\"ratio\":0.1", "\"ratio\":1e-1"),
        ("\"actor\":\"zoë\"", "\"actor\":\"zo\\u00eb\""),
        ("sunday", "\\u0073unday"),
        ("\"epoch\":1,\"actor\":\"zoë\",", "\"actor\":\"zoë\",\"epoch\":1,"),
        ("\"prev\":null", "\"prev\":null,\"extra\":1"),
        (".000000Z", "Z"),
        (".000000Z", ".000000+00:00"),
        ("T22", "t22"),
    ];
    for (from, to) in forms {
        let other = body.replacen(from, to, 1);
        assert_ne!(other, body);
        assert_eq!(tampered(&with_hash(&other)).0, 1, "{to}");
    }
}

#[test]
fn damage_far_inside_a_long_journal_is_named_by_its_record() {
    let mut long = Vec::new();
    let mut prev = None;
    for seq in 1..=2_000 {
        let event = if seq == 1 { support::started() } else { support::attempt("promote") };
        let support::Author { run, actor, host } = support::author();
        let at = format::timestamp(support::at(0));
        let mut record = Record { seq, at, run, epoch: 1, actor, host, event, prev: prev.take(), hash: String::new() };
        long.extend(format::seal(&mut record).expect("a line"));
        prev = Some(record.hash);
    }
    assert!(long.len() > 2 * 256 * 1024, "it is read in more than two parts");
    assert_eq!(head(&long).seq, 2_000);
    let good = lines(&long);
    for index in [0, 1, 299, 300, 650, 700, 1_300, 1_998] {
        let mut attacked = good.clone();
        attacked[index][60] ^= 1;
        assert_eq!(tampered(&attacked.concat()).0, index as u64 + 1);
    }
    let torn = verify(&long[..long.len() - 1], &[]).expect("a torn tail");
    assert_eq!((torn.records, torn.torn_tail), (1_999, Some(good[1_999].len() as u64 - 1)));
}

#[test]
fn an_event_of_a_later_version_is_passed_over_and_counted() {
    let bytes = journal();
    let body = format!(
        "{{\"seq\":13,\"at\":\"2026-02-01T23:00:00.000000Z\",\"run\":\"{}\",\"epoch\":2,\"actor\":\"a\",\"host\":\"h\",\
         \"event\":\"moon_phase\",\"phase\":{{\"full\":[1,2.5,null]}},\"prev\":\"{}\"",
        support::RUN,
        head(&bytes).hash
    );
    let later = [bytes, with_hash(&body)].concat();
    let verified = verify(&later[..], &[]).expect("a good journal");
    assert_eq!((verified.records, verified.epoch), (13, 2));
    assert_eq!(verified.unknown_kinds, [("moon_phase".to_owned(), 1)].into());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("journal.jsonl"), later).expect("a journal");
    let records = runbook::journal::chain::read(folder.path()).expect("a good journal").records;
    assert_eq!(records[12].event, runbook::model::event::Event::Unknown);
}

#[test]
fn a_verifier_written_from_the_description_agrees() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("attacked.jsonl");
    let bytes = support::write(folder.path());
    let judge = |journal: &[u8], anchor: &[&str]| {
        std::fs::write(&path, journal).expect("a journal");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_journal.py");
        assert_cmd::Command::new("python3").arg(script).arg(&path).args(anchor).assert()
    };
    judge(&bytes, &[]).code(0).stdout("12 records, 0 bytes of a torn last line\n");
    judge(&bytes[..bytes.len() - 1], &[]).code(0);
    judge(&bytes, &["12", &head(&bytes).hash]).code(0);
    judge(&lines(&bytes)[..11].concat(), &["12", &head(&bytes).hash])
        .code(1)
        .stderr("the anchored record is missing\n");
    let mut swapped = lines(&bytes);
    swapped.swap(3, 4);
    judge(&swapped.concat(), &[]).code(1).stderr("record 4: it does not follow\n");
    for index in (0..bytes.len()).step_by(997) {
        let mut attacked = bytes.clone();
        attacked[index] ^= 1;
        judge(&attacked, &[]).code(1);
    }
}
