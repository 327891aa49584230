//! The checker that holds the witness against the journal notices each contradiction: one story that is true, and every
//! way in which it can be false.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "a test runs programs")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// A run as its records and its witness tell it, and what a folder holds beside them.
struct Story {
    records: Vec<Value>,
    /// What was seen, and how many records there were then.
    seen: Vec<(String, usize)>,
    files: Vec<(&'static str, String)>,
}

/// Two steps, the second fails, both are undone.
fn story() -> Story {
    let attempt = |step: &str| json!({"event": "attempt_started", "step": step, "attempt": 1});
    let ended = |step: &str, outcome: &str| json!({"event": "attempt_finished", "step": step, "attempt": 1, "outcome": outcome});
    let undo = |step: &str| json!({"event": "undo_started", "step": step, "part": 0, "attempt": 1});
    let undone =
        |step: &str| json!({"event": "undo_finished", "step": step, "part": 0, "attempt": 1, "outcome": "succeeded"});
    let records = vec![
        json!({"event": "run_started"}),
        attempt("s1"),
        ended("s1", "succeeded"),
        attempt("s2"),
        ended("s2", "failed"),
        json!({"event": "rollback_started", "to": null}),
        undo("s2"),
        undone("s2"),
        undo("s1"),
        undone("s1"),
        json!({"event": "run_finished", "outcome": "rolled_back", "remaining": []}),
    ];
    let seen = [
        ("do s1 1 begin", 2),
        ("do s1 1 end", 2),
        ("do s2 1 begin", 4),
        ("do s2 1 end", 4),
        ("undo0 s2 1 begin", 7),
        ("undo0 s2 1 end", 7),
        ("undo0 s1 1 begin", 9),
        ("undo0 s1 1 end", 9),
    ];
    let seen = seen.map(|(what, records)| (what.to_owned(), records)).to_vec();
    Story { records, seen, files: Vec::new() }
}

impl Story {
    /// What the checker says of it.
    fn checked(mut self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("state/runs/r");
        fs::create_dir_all(&run).unwrap();
        let (mut journal, mut sizes) = (Vec::new(), vec![0]);
        for (record, number) in self.records.iter_mut().zip(1..) {
            let fields = record.as_object_mut().unwrap();
            fields.entry("epoch").or_insert(json!(1));
            fields.insert("seq".to_owned(), json!(number));
            fields.insert("hash".to_owned(), json!(format!("h{number}")));
            journal.extend_from_slice(format!("{record}\n").as_bytes());
            sizes.push(journal.len());
        }
        fs::write(run.join("journal.jsonl"), journal).unwrap();
        let line = |(what, records): &(String, usize)| format!("{what} 7 1000 {}\n", sizes[*records]);
        let log: String = self.seen.iter().map(line).collect();
        fs::write(folder.path().join("witness.log"), log).unwrap();
        let step = json!({"ways": ["do", "undo0"], "mark": true});
        let within = json!({"ways": ["do"], "held": "h"});
        let hold = json!({"ways": ["do"], "hold": "h"});
        let file = json!({"step": "s1", "before": "old", "after": "new"});
        let steps = json!({"s1": step, "s2": step, "s3": within, "h.acquire": hold, "h.release": hold});
        let facts = json!({"steps": steps, "files": {"f": file}, "secret": "sesame/öffne"});
        fs::write(folder.path().join("facts.json"), facts.to_string()).unwrap();
        fs::write(folder.path().join("f"), "old").unwrap();
        for (name, text) in &self.files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/witness/check.py");
        let output = Command::new("python3").arg(checker).arg(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), said.trim() == "the witness and the journal agree", "{said}");
        said
    }
}

/// The story changed in one way is called false, with these words.
#[track_caller]
fn is_noticed(words: &str, change: impl FnOnce(&mut Story)) {
    let mut story = story();
    change(&mut story);
    let said = story.checked();
    assert!(said.contains(words), "`{words}` is not said, but:\n{said}");
}

#[test]
fn a_story_that_is_true_is_called_true() {
    assert_eq!(story().checked().trim(), "the witness and the journal agree");
}

#[test]
fn an_effect_needs_its_intent_before_it() {
    is_noticed("begin of do s1 1 came before its intent was written", |story| story.seen[0].1 = 1);
    is_noticed("begin of do s9 1 has no intent", |story| story.seen.insert(2, ("do s9 1 begin".to_owned(), 3)));
    is_noticed("begin of undo0 s2 1 came before the rollback was recorded", |story| story.seen[4].1 = 5);
}

#[test]
fn a_success_needs_its_effect() {
    is_noticed("success of do s1 1 is recorded, and it never came to its end", |story| drop(story.seen.remove(1)));
    is_noticed("success of do s1 1 was recorded before its end", |story| story.seen[1].1 = 3);
    is_noticed("success of undo0 s1 1 is recorded, and it never came to its end", |story| drop(story.seen.pop()));
    is_noticed("do s1 is settled as succeeded, and it never came to its end", |story| {
        story.records[2] =
            json!({"event": "step_settled", "step": "s1", "attempt": 1, "as": "succeeded", "by": "supervisor"});
        story.seen.remove(1);
    });
    is_noticed("do s1 is settled as succeeded, and it never began", |story| {
        story.records[2] =
            json!({"event": "step_settled", "step": "s1", "attempt": 1, "as": "succeeded", "by": "check"});
        story.seen.drain(..2);
    });
}

#[test]
fn nothing_is_done_twice_and_no_two_things_at_once() {
    let again = json!({"event": "attempt_started", "step": "s2", "attempt": 2});
    is_noticed("attempt 2 of s2 follows 1, and nothing allows it", |story| {
        story.records[4]["outcome"] = json!("unknown");
        story.records.insert(5, again);
    });
    is_noticed("s2 is run again as if it were idempotent", |story| {
        story.records[4] =
            json!({"event": "step_settled", "step": "s2", "attempt": 1, "as": "run_again", "by": "idempotent"});
    });
    is_noticed("s2 is settled by a person who said nothing", |story| {
        story.records[4] = json!({"event": "step_settled", "step": "s2", "attempt": 1, "as": "failed", "by": "person"});
    });
    is_noticed("begin of do s1 1 came twice", |story| story.seen.insert(1, ("do s1 1 begin".to_owned(), 2)));
    is_noticed("begin of do s2 1 comes while do s1 1 is under way", |story| story.seen.swap(1, 2));
}

#[test]
fn what_is_recorded_as_over_or_never_begun_did_nothing() {
    is_noticed("end of do s2 1 comes after it is recorded as over", |story| story.seen[3].1 = 5);
    is_noticed("s2 1 is recorded as never begun (supervisor), and it began", |story| {
        story.records[4] =
            json!({"event": "step_settled", "step": "s2", "attempt": 1, "as": "not_started", "by": "supervisor"});
    });
    is_noticed("s2 1 is recorded as not in place, and it came to its end", |story| {
        story.records[4] =
            json!({"event": "step_settled", "step": "s2", "attempt": 1, "as": "not_started", "by": "check"});
    });
}

#[test]
fn a_rollback_undoes_everything_newest_first_and_nothing_goes_forward() {
    is_noticed("s1 was undone before s2, which is newer", |story| {
        story.records[6..10].rotate_left(2);
        story.seen[4..].rotate_left(2);
        for (place, records) in [(4, 7), (5, 7), (6, 9), (7, 9)] {
            story.seen[place].1 = records;
        }
    });
    is_noticed("s1 was begun and is rolled back, and its undo0 did not come to its end after it", |story| {
        story.records.drain(8..10);
        story.seen.truncate(6);
    });
    is_noticed("s2 begins after the rollback had begun", |story| story.records.swap(3, 5));
    is_noticed("a run that rolled back ends as succeeded", |story| story.records[10]["outcome"] = json!("succeeded"));
}

#[test]
fn what_is_left_is_as_the_end_says() {
    is_noticed("s1 is rolled back, and is still there", |story| story.files.push(("mark.s1", String::new())));
    is_noticed("f is rolled back, and has its new bytes", |story| story.files.push(("f", "new".to_owned())));
    is_noticed("f has bytes that nobody wrote: 'ol'", |story| story.files.push(("f", "ol".to_owned())));
    is_noticed("2 runs began", |story| story.files.push(("state/runs/a/journal.jsonl", "{}\n".to_owned())));
}

#[test]
fn every_turn_is_its_own_and_what_was_shown_is_there() {
    is_noticed("the epoch fell at record 3", |story| story.records[1]["epoch"] = json!(2));
    is_noticed("record 6 is of a new turn, and of the epoch of the turn before", |story| {
        story.records.insert(5, json!({"event": "run_resumed"}));
    });
    is_noticed("turn-1.out shows a record that is not in the journal", |story| {
        story.files.push(("turn-1.out", "{\"seq\":12,\"hash\":\"h12\"}\n".to_owned()));
    });
}

#[test]
fn a_secret_is_found_in_each_of_its_forms() {
    let base64 = ["c2VzYW1lL8O2ZmZuZQ==", "eHNlc2FtZS/DtmZmbmU=", "eHhzZXNhbWUvw7ZmZm5l"];
    let others = ["sesame/öffne", "sesame%2F%C3%B6ffne", "sesame/\\u00f6ffne"];
    for form in base64.into_iter().chain(others) {
        is_noticed("turn-1.err holds the secret as ", |story| {
            story.files.push(("turn-1.err", format!("it is {form}, it is")));
        });
    }
}

#[test]
fn what_stands_within_a_hold_is_done_while_it_is_held() {
    let attempt = |step: &str| json!({"event": "attempt_started", "step": step, "attempt": 1});
    let whole = |story: &mut Story| {
        let steps = ["h.acquire", "s3", "h.release"];
        for (step, place) in steps.into_iter().zip(3..) {
            story.records.insert(place, attempt(step));
        }
        for (_, records) in &mut story.seen[2..] {
            *records += 3;
        }
        let seen = steps
            .into_iter()
            .zip(4..)
            .flat_map(|(step, records)| ["begin", "end"].map(|word| (format!("do {step} 1 {word}"), records)));
        let seen: Vec<_> = seen.collect();
        story.seen.splice(2..2, seen);
    };
    let mut held = story();
    whole(&mut held);
    assert_eq!(held.checked().trim(), "the witness and the journal agree");
    is_noticed("begin of do s3 1 comes while h is not held", |story| {
        whole(story);
        story.seen.drain(2..4);
    });
    is_noticed("h is still held at the end", |story| {
        whole(story);
        story.seen.drain(6..8);
    });
}
