//! The program on a terminal of 80 columns, made by `script` of util-linux.

#![expect(clippy::disallowed_methods, reason = "tests start the program as a person does")]
#![expect(clippy::expect_used, reason = "a test that cannot start the program has failed")]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use regex::Regex;

/// How long something may take to come to the screen.
const LIMIT: Duration = Duration::from_mins(1);

/// The program on a terminal.
pub struct Screen {
    script: Child,
    keyboard: ChildStdin,
    output: mpsc::Receiver<Vec<u8>>,
    seen: String,
    /// Behind what was waited for last.
    place: usize,
}

impl Screen {
    /// Types a command line at a terminal whose home is `folder`.
    pub fn of(folder: &Path, command: &str, locale: &str) -> Self {
        let bin = Path::new(env!("CARGO_BIN_EXE_runbook")).parent().expect("a folder");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let mut script = Command::new("script")
            .args(["-qefc", &format!("stty cols 80 rows 40; {command}"), "/dev/null"])
            .current_dir(folder)
            .env("PATH", path)
            .env("RUNBOOK_STATE", folder.join("state"))
            .envs([("LC_ALL", locale), ("TERM", "xterm"), ("NO_COLOR", "1"), ("SHELL", "/bin/sh")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script of util-linux");
        let keyboard = script.stdin.take().expect("its input");
        let mut output = script.stdout.take().expect("its output");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { script, keyboard, output: receiver, seen: String::new(), place: 0 }
    }

    /// Waits until a text was shown behind what was waited for before.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        while !self.seen[self.place..].contains(text) {
            match self.output.recv_timeout(LIMIT) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("`{text}` never came ({error}):\n{}", self.seen),
            }
        }
        self.place += self.seen[self.place..].find(text).expect("it is there") + text.len();
    }

    /// Types this.
    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("the terminal");
    }

    /// The terminal goes away, as when a connection breaks.
    pub fn hang_up(mut self) {
        self.script.kill().expect("script");
        self.script.wait().expect("script");
    }

    /// Every line that was drawn, in its order, and the exit code.
    pub fn end(mut self) -> (Vec<String>, Option<i32>) {
        while let Ok(bytes) = self.output.recv_timeout(LIMIT) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        let code = self.script.wait().expect("script").code();
        (drawn(&self.seen), code)
    }
}

/// The lines of a terminal's output without what moves the cursor. The live line is a line of its own each time.
pub fn drawn(seen: &str) -> Vec<String> {
    let moves = Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").expect("a pattern");
    let text = moves.replace_all(seen, "\r").into_owned();
    text.split(['\r', '\n']).map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}
