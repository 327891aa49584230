//! Scripts as bash reads them: all of a file by one process, none by way of another, and never one carried out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/program.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod program;
#[path = "support/shell.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod shell;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;
use runbook::check::check_with_shell;
use runbook::check::source::Source;
use serde_json::json;
use shell::Shells;

/// A runbook with those scripts, each in a step of its own.
fn runbook(scripts: &[&str]) -> String {
    let mut text = "runbook: 1\nname: scripts\ndefaults: { timeout: 5m }\nsteps:\n".to_owned();
    for (number, script) in scripts.iter().enumerate() {
        let _ = writeln!(text, "  - {{ id: s{number}, effect: read_only, shell: {} }}", json!(script));
    }
    text
}

/// What bash finds, by the number of the script.
fn found(scripts: &[&str], shells: &Shells) -> Vec<(usize, String)> {
    let text = runbook(scripts);
    let source = Source::new("scripts.yaml", text.clone());
    let none = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let found = check_with_shell(&source, Path::new("/"), &none, shells).diagnostics;
    assert!(found.iter().all(|found| !found.code.starts_with("RB010")), "it is YAML: {found:?}");
    let of_bash = found.into_iter().filter(|found| found.code == "RB0801");
    of_bash.map(|found| (source.line_column(found.span.start).0 - 5, found.message)).collect()
}

/// What is wrong with one script by itself, as `bash -n` says by its exit code or a warning.
fn is_wrong(script: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a test asks bash itself")]
    let output = std::process::Command::new("bash").args(["-n", "-c", script]).output().unwrap();
    !output.status.success() || !output.stderr.is_empty()
}

/// A folder with a `bash` and a `shellcheck` that write into `count` that they were started.
fn counting() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    for (name, goes_on) in [("bash", "exec /bin/bash \"$@\""), ("shellcheck", "echo '{\"comments\":[]}'")] {
        let wrapper = folder.path().join(name);
        fs::write(&wrapper, format!("#!/bin/sh\necho {name} >>{}\n{goes_on}\n", count.display())).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// What a command says, and what it starts of what is in the folder.
fn started(folder: &Path, arguments: &[&str]) -> (program::Ran, String) {
    let count = folder.join("count");
    let _absent = fs::remove_file(&count);
    let path = format!("{}:/usr/bin:/bin", folder.display());
    #[expect(clippy::disallowed_methods, reason = "a test starts the program")]
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_runbook"));
    let output = command.args(arguments).env("PATH", path).env("RUNBOOK_STATE", folder).output().unwrap();
    (program::Ran::of(&output), fs::read_to_string(count).unwrap_or_default())
}

#[test]
fn two_hundred_good_scripts_are_read_by_one_process_of_each_program() {
    let folder = counting();
    let file = folder.path().join("scripts.yaml");
    let scripts: Vec<String> = (0..200).map(|number| format!("for x in a b; do\n  echo {number} $x\ndone\n")).collect();
    fs::write(&file, runbook(&scripts.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    let (ran, programs) = started(folder.path(), &["validate", file.to_str().unwrap()]);
    assert_eq!(
        (ran.code, ran.stderr.as_str(), programs.as_str()),
        (Some(0), "", "bash\nshellcheck\n"),
        "{}",
        ran.stdout
    );
    let (ran, programs) = started(folder.path(), &["validate", "--no-shell-checks", file.to_str().unwrap()]);
    assert_eq!((ran.code, programs.as_str()), (Some(0), ""));
}

#[test]
fn who_is_about_to_run_a_runbook_asks_bash_alone() {
    let folder = counting();
    let file = folder.path().join("scripts.yaml");
    fs::write(&file, runbook(&["true", "if true; then echo"])).unwrap();
    for command in ["plan", "exec"] {
        let (ran, programs) = started(folder.path(), &[command, file.to_str().unwrap()]);
        assert_eq!((ran.code, programs.as_str()), (Some(2), "bash\n"), "{command}: {}", ran.stderr);
        assert!(ran.stderr.contains("RB0801"), "{command}: {}", ran.stderr);
    }
}

#[test]
fn bash_is_asked_once_for_good_and_bad_scripts_together() {
    let shells = Shells::default();
    let wrong = found(&["echo a", "if", "echo b", "fi", "echo c"], &shells);
    assert_eq!(wrong.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(shells.asked.lock().unwrap().iter().filter(|program| *program == "bash").count(), 1);
}

#[test]
fn without_scripts_nobody_is_asked() {
    let shells = Shells::default();
    assert_eq!(found(&[], &shells), []);
    assert_eq!(*shells.asked.lock().unwrap(), [""; 0]);
}

/// Each would be mended, or spoilt, by the one that follows if the two were read together.
const INTERFERING: [(&str, bool); 26] = [
    ("echo 'open", true),
    ("closed'", true),
    ("echo \"open", true),
    ("closed\"", true),
    ("cat <<EOF\nswallows", true),
    ("EOF", false),
    ("exit 1", false),
    ("if", true),
    ("echo next line \\", false),
    ("; ;", true),
    ("{ echo", true),
    ("}", true),
    ("x=$(", true),
    (")", true),
    ("x=`", true),
    ("`", true),
    ("case x in", true),
    ("esac", true),
    ("set +n; exec bash -c 'echo'", false),
    ("shopt -s extglob\nls !(a)", false),
    ("ls !(a)", true),
    ("alias fi=true", false),
    ("if true; then fi", true),
    ("#", false),
    ("echo \u{1}\t\r", false),
    ("", false),
];

#[test]
fn no_script_changes_what_is_found_in_another() {
    let expected: Vec<usize> = (0..INTERFERING.len()).filter(|number| INTERFERING[*number].1).collect();
    let scripts: Vec<&str> = INTERFERING.iter().map(|(script, _)| *script).collect();
    let numbers = |scripts: &[&str]| -> Vec<usize> {
        found(scripts, &Shells::default()).into_iter().map(|(number, _)| number).collect()
    };
    assert_eq!(numbers(&scripts), expected);
    let backwards: Vec<&str> = scripts.iter().rev().copied().collect();
    let mut expected: Vec<usize> = expected.into_iter().map(|number| scripts.len() - 1 - number).collect();
    expected.reverse();
    assert_eq!(numbers(&backwards), expected);
    // The one thing that is found although bash alone would not say so: the option is set before the script is read.
    for (script, wrong) in INTERFERING {
        assert!(script.contains("extglob") || is_wrong(script) == wrong, "{script}");
    }
}

/// Ways out of where a script is read. Each would make the file `witness`.
const ATTACKS: [&str; 30] = [
    "touch WITNESS",
    "set +n\ntouch WITNESS",
    "\nset +n; touch WITNESS",
    "} ; touch WITNESS ; {",
    ") ; touch WITNESS ; (",
    "' ; touch WITNESS ; '",
    "\" ; touch WITNESS ; \"",
    "`touch WITNESS`",
    "$(touch WITNESS)",
    "x=$(touch WITNESS) y=`touch WITNESS`",
    "cat <<EOF\n$(touch WITNESS)\nEOF\n",
    "cat <<$(touch WITNESS)\nx\n",
    "a[$(touch WITNESS)]=1",
    "a=([$(touch WITNESS)]=1)",
    "declare -a a='([0]=$(touch WITNESS))'",
    "((x[$(touch WITNESS)]))",
    "echo $((`touch WITNESS`))",
    "for ((i=$(touch WITNESS); i; i)); do :; done",
    "trap 'touch WITNESS' EXIT DEBUG ERR; false",
    "f() { touch WITNESS; }; f",
    "exec touch WITNESS",
    "eval 'touch WITNESS'",
    "<(touch WITNESS) >(touch WITNESS)",
    "> WITNESS",
    "coproc touch WITNESS",
    "echo $'\\x27; touch WITNESS; \\x27'",
    "PS4='$(touch WITNESS)' set -x",
    "[[ -n $(touch WITNESS) ]] && case $(touch WITNESS) in *) ;; esac",
    "\"\nexit\n24\ntouch WITNESS\n",
    "shopt -s extglob expand_aliases\nalias ls='touch WITNESS'\nls",
];

#[test]
fn nothing_of_a_script_is_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("witness");
    let attacks: Vec<String> =
        ATTACKS.iter().map(|attack| attack.replace("WITNESS", &witness.display().to_string())).collect();
    let attacks: Vec<&str> = attacks.iter().map(String::as_str).collect();
    found(&attacks, &Shells::default());
    assert!(!witness.exists(), "together");
    // The bait works: bash, told to carry it out, makes the file.
    #[expect(clippy::disallowed_methods, reason = "a test asks bash itself")]
    let ran = std::process::Command::new("bash").args(["-c", attacks[0]]).status().unwrap();
    assert!(ran.success() && witness.exists());
}

#[test]
fn a_nul_in_a_script_is_found_and_moves_no_other() {
    let wrong = found(&["echo a", "echo \0 b", "if", "echo c"], &Shells::default());
    let expected = [(1, "a NUL character in a script: no shell can be given it".to_owned()), (2, wrong[1].1.clone())];
    assert_eq!(wrong, expected);
    assert!(wrong[1].1.starts_with("bash cannot read this script"), "{}", wrong[1].1);
}

#[test]
fn a_machine_without_bash_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scripts.yaml");
    fs::write(&file, runbook(&["if"])).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test starts the program")]
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_runbook"));
    let output = command.arg("validate").arg(&file).env("PATH", folder.path()).output().unwrap();
    let ran = program::Ran::of(&output);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert_eq!(ran.stderr, "note: bash has not read the scripts: No such file or directory (os error 2)\n");
}

fn pieces() -> impl Strategy<Value = Vec<String>> {
    let piece = prop::sample::select(vec![
        "'",
        "\"",
        "`",
        "$(",
        ")",
        "{",
        "}",
        "(",
        ";",
        "\n",
        "\\",
        "<<A\n",
        "A\n",
        "if ",
        "then ",
        "fi",
        "case x in ",
        "esac",
        "#",
        "$((",
        "))",
        "[[ ",
        " ]]",
        "touch WITNESS",
        "\r",
        "é",
        " ",
        "$'",
        "do ",
        "done",
        "&",
        "|",
        "set +n\n",
    ]);
    let script = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    prop::collection::vec(script, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scripts_of_any_shape_are_found_wrong_as_each_would_be_alone(scripts in pieces()) {
        let folder = tempfile::tempdir().unwrap();
        let witness = folder.path().join("witness");
        let scripts: Vec<String> =
            scripts.iter().map(|script| script.replace("WITNESS", &witness.display().to_string())).collect();
        let scripts: Vec<&str> = scripts.iter().map(String::as_str).collect();
        let wrong = found(&scripts, &Shells::default()).into_iter();
        // `bash -n -c '[[ ]]('` gives up without a word and with success; here it is noticed.
        let wrong = wrong.filter(|(_, message)| !message.ends_with("it ended with status 2"));
        let wrong: Vec<usize> = wrong.map(|(number, _)| number).collect();
        let alone: Vec<usize> = (0..scripts.len()).filter(|number| is_wrong(scripts[*number])).collect();
        prop_assert_eq!(wrong, alone);
        prop_assert!(!witness.exists());
    }
}
