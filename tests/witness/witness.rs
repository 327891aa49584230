//! The witness: what really happened, written down by a program that shares no code with the engine.
//!
//! `witness FOLDER STEP DIRECTION WORD…`, called by steps as their effect. A STEP of `-` is the one that the
//! environment names. The words are carried out in their order:
//!
//! - `begin`, `end`: one line in `FOLDER/witness.log`, by one write at its end, synced before the next word:
//!   `DIRECTION STEP ATTEMPT WORD PID NANOSECONDS JOURNAL`. The last is the size of the run's journal at that moment:
//!   whatever it proves had to be there, was there within so many bytes.
//! - `make`, `take`: the mark `FOLDER/mark.STEP` is there, or is not there any more; each may be done twice.
//! - `is`: ends with 0 where the mark is there, else with 1. Nothing is written.
//! - a number: so many milliseconds pass.
//! - `fail=N`: ends with 3 unless this step came to its `end` more than N times in this direction.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::exit;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, step, direction, words @ ..] = arguments.as_slice() else {
        exit(64);
    };
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let step = if step == "-" { variable("RUNBOOK_STEP") } else { step.clone() };
    let folder = Path::new(folder);
    let mark = folder.join(format!("mark.{}", step.replace('/', "~")));
    for word in words {
        let done = match word.as_str() {
            "begin" | "end" => {
                let journal = folder.join("state/runs").join(variable("RUNBOOK_RUN")).join("journal.jsonl");
                let size = fs::metadata(journal).map_or(0, |found| found.len());
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
                let attempt = variable("RUNBOOK_ATTEMPT");
                let pid = std::process::id();
                append(folder, &format!("{direction} {step} {attempt} {word} {pid} {now} {size}\n"))
            }
            "make" => fs::write(&mark, "").is_ok(),
            "take" => fs::remove_file(&mark).is_ok() || !mark.exists(),
            "is" => exit(i32::from(!mark.exists())),
            other => match (other.parse(), other.strip_prefix("fail=").map(str::parse::<usize>)) {
                (Ok(milliseconds), _) => {
                    sleep(Duration::from_millis(milliseconds));
                    true
                }
                (_, Some(Ok(most))) if ends(folder, direction, &step) <= most => exit(3),
                (_, Some(Ok(_))) => true,
                _ => exit(64),
            },
        };
        if !done {
            exit(70);
        }
    }
}

fn append(folder: &Path, line: &str) -> bool {
    let file = OpenOptions::new().append(true).create(true).open(folder.join("witness.log"));
    file.is_ok_and(|mut file| {
        matches!(file.write(line.as_bytes()), Ok(written) if written == line.len()) && file.sync_data().is_ok()
    })
}

fn ends(folder: &Path, direction: &str, step: &str) -> usize {
    let log = fs::read_to_string(folder.join("witness.log")).unwrap_or_default();
    let mine = |line: &&str| {
        let fields: Vec<&str> = line.split(' ').collect();
        matches!(fields.as_slice(), [way, of, _, "end", ..] if *way == direction && *of == step)
    };
    log.lines().filter(mine).count()
}
