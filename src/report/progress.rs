//! The live line of the running step. On a terminal only; it is never kept, and never wider than the screen.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::canvas::Canvas;
use super::terminal::{self, Looks};
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
    ago: Duration,
    window: String,
    paused: bool,
}

impl Live {
    /// Hidden where nobody looks.
    #[must_use]
    pub fn new(looks: Looks) -> Self {
        let target = if looks.is_terminal { canvas() } else { ProgressDrawTarget::hidden() };
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
            ago: Duration::ZERO,
            window: String::new(),
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
                self.ago = Duration::ZERO;
                self.bar.reset_elapsed();
            }
            Progress::Began(ago) => self.ago = *ago,
            Progress::Output { step, line } if *step == self.step => self.last = one_line(line),
            Progress::Output { step, line } => self.last = format!("{step}: {}", one_line(line)),
            Progress::Waiting(what) => self.last = format!("waits: {}", one_line(what)),
            Progress::Tick | Progress::Window(_) | Progress::Ending(_) => {}
            Progress::Idle => return self.pause(),
        }
        if !self.paused {
            self.draw();
        }
    }

    /// Says below the line what is left of the window.
    pub fn set_window(&mut self, said: &str) {
        if self.window.is_empty() {
            let two = ProgressStyle::with_template(" {spinner} {wide_msg}\n   {prefix}");
            let two = two.unwrap_or_else(|_| ProgressStyle::default_spinner());
            self.bar.set_style(if self.looks.unicode { two } else { two.tick_chars("-\\|/ ") });
        }
        self.window = cut(said, self.looks.width.saturating_sub(ROOM));
        if !self.paused {
            let said = &self.window;
            self.bar.set_prefix(if self.looks.unicode { said.clone() } else { ascii(said) });
        }
    }

    fn draw(&self) {
        if terminal::is_behind() {
            return;
        }
        let elapsed = duration((self.bar.elapsed() + self.ago).as_secs_f64());
        let of = self
            .estimate
            .map_or_else(String::new, |estimate| format!(" of about {}", duration(estimate.as_secs_f64())));
        let last = if self.last.is_empty() { String::new() } else { format!("  ·  {}", self.last) };
        let line = cut(&format!("{}  {elapsed}{of}{last}", self.name), self.looks.width.saturating_sub(ROOM));
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

    /// Brings the line of a step back that runs on, since so long.
    pub fn go_on(&mut self, step: &str, ago: Duration) {
        if self.paused && self.step == step {
            self.paused = false;
            self.bar.reset();
            self.ago = ago;
            self.draw();
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Columns before a line, and behind it for what a terminal shows of Ctrl-C.
const ROOM: usize = 6;

/// Drawings a second, at most.
const RATE: u8 = 20;

fn canvas() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Canvas::default()), RATE)
}

/// A text without anything that moves the cursor.
fn one_line(text: &str) -> String {
    escape(text).replace('\t', " ")
}
