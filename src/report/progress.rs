//! The live line of the running step. On a terminal only; it is never kept, and never wider than the screen.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::Looks;
use super::text::{ascii, cut, duration, escape};
use super::view::Progress;

/// A spinner with the step's name, its time against its estimate, and the last line that it printed.
pub struct Live {
    bar: ProgressBar,
    looks: Looks,
    step: String,
    name: String,
    estimate: Option<Duration>,
    last: String,
    paused: bool,
}

impl Live {
    /// Hidden where nobody looks.
    #[must_use]
    pub fn new(looks: Looks) -> Self {
        let target = if looks.is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style =
            ProgressStyle::with_template(" {spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(if looks.unicode { style } else { style.tick_chars("-\\|/ ") });
        Self {
            bar,
            looks,
            step: String::new(),
            name: String::new(),
            estimate: None,
            last: String::new(),
            paused: false,
        }
    }

    /// Takes in what is going on.
    pub fn show(&mut self, progress: &Progress) {
        match progress {
            Progress::Running { step, name, estimate } => {
                if std::mem::take(&mut self.paused) {
                    self.bar.reset();
                }
                self.step.clone_from(step);
                let name = if step == name { step.clone() } else { format!("{step}  {}", one_line(name)) };
                self.name = cut(&name, self.looks.width / 2);
                self.estimate = *estimate;
                self.last.clear();
                self.bar.reset_elapsed();
            }
            Progress::Output { step, line } if *step == self.step => self.last = one_line(line),
            Progress::Output { step, line } => self.last = format!("{step}: {}", one_line(line)),
            Progress::Waiting(what) => self.last = format!("waits: {}", one_line(what)),
            Progress::Tick => {}
            Progress::Idle => return self.clear(),
        }
        if !self.paused {
            self.draw();
        }
    }

    fn draw(&self) {
        let elapsed = duration(self.bar.elapsed().as_secs_f64());
        let of = self
            .estimate
            .map_or_else(String::new, |estimate| format!(" of about {}", duration(estimate.as_secs_f64())));
        let last = if self.last.is_empty() { String::new() } else { format!("  ·  {}", self.last) };
        let line = format!("{}  {elapsed}{of}{last}", self.name);
        self.bar.set_message(if self.looks.unicode { line } else { ascii(&line) });
        self.bar.tick();
    }

    /// Prints something above the live line.
    pub fn above(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Takes the line away until something is going on again.
    pub fn pause(&mut self) {
        self.bar.finish_and_clear();
        self.paused = true;
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A text without anything that moves the cursor.
fn one_line(text: &str) -> String {
    escape(text).replace('\t', " ")
}
