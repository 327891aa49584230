//! What somebody types who writes runbooks: completions, manual pages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs;

use clap::CommandFactory as _;
use runbook::cli::Arguments;
use scenario::{Scenario, command};

/// The names of all commands that a person may type.
fn commands() -> Vec<String> {
    let program = Arguments::command();
    let seen = program.get_subcommands().filter(|command| !command.is_hide_set());
    seen.map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn completions_know_every_command() {
    let scenario = Scenario::new("");
    for shell in ["bash", "zsh", "fish"] {
        let script = scenario.run(&["completions", shell]).exits(0).stdout();
        for name in commands() {
            assert!(script.contains(&name), "{shell} completes {name}");
        }
        fs::write(scenario.path("script"), script).unwrap();
        // Not every machine has every shell.
        let Ok(read) = command(shell).arg("-n").arg(scenario.path("script")).output() else { continue };
        assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");
    }
    scenario.run(&["completions", "tcsh"]).exits(2).warns("bash, zsh, fish");
}

#[test]
fn bash_completes_a_command_and_its_options() {
    let scenario = Scenario::new("");
    let completions = scenario.run(&["completions", "bash"]).exits(0).stdout();
    fs::write(scenario.path("script"), completions).unwrap();
    let asked = |words: &str, at: usize| {
        let script = format!(
            "source ./script; COMP_WORDS=({words}); COMP_CWORD={at}; _runbook runbook \"${{COMP_WORDS[{at}]}}\" \
             \"${{COMP_WORDS[{before}]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            before = at - 1
        );
        let output = command("bash").args(["-c", &script]).current_dir(scenario.path(".")).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(asked("runbook val", 1), ["validate"]);
    assert_eq!(asked("runbook validate --for", 2), ["--format"]);
    assert_eq!(asked("runbook validate --format s", 3), ["sarif"]);
}

#[test]
fn every_command_has_a_manual_page() {
    let scenario = Scenario::new("");
    let page = scenario.run(&["man"]).exits(0).stdout();
    assert!(page.contains(".TH runbook 1"), "{page}");
    for name in commands() {
        assert!(page.contains(&format!("runbook\\-{name}(1)")), "the page of the program names {name}");
    }
    scenario.run(&["man", "--out", "pages/man1"]).exits(0).shows("");
    for name in commands() {
        let page = scenario.read(&format!("pages/man1/runbook-{name}.1"));
        assert!(page.contains(&format!(".TH runbook-{name} 1")), "{name}: {page}");
    }
    assert_eq!(scenario.read("pages/man1/runbook.1"), page);
    fs::write(scenario.path("taken"), "").unwrap();
    scenario.run(&["man", "--out", "taken"]).exits(2).warns("cannot write to taken").warns("name a folder");
}
