//! What the live line is drawn on: standard error, one write a drawing, through the same door as all other text.

use std::fmt::Write as _;
use std::io;
use std::sync::{Mutex, PoisonError};

use indicatif::TermLike;

use super::terminal;

/// Width of a screen that does not tell its own.
const WIDTH: u16 = 80;

/// A drawing that is not on the screen yet.
#[derive(Debug, Default)]
pub struct Canvas {
    drawn: Mutex<String>,
}

impl Canvas {
    fn draw(&self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.write_fmt(text).map_err(io::Error::other)
    }

    fn step(&self, count: usize, way: char) -> io::Result<()> {
        if count == 0 { Ok(()) } else { self.draw(format_args!("\u{1b}[{count}{way}")) }
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        let size = rustix::termios::tcgetwinsize(io::stderr());
        size.ok().map(|size| size.ws_col).filter(|columns| *columns > 0).unwrap_or(WIDTH)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.step(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.step(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.step(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.step(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.draw(format_args!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.draw(format_args!("{s}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.draw(format_args!("\r\u{1b}[2K"))
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn.lock().unwrap_or_else(PoisonError::into_inner));
        // What a terminal shows of Ctrl-C has room behind a drawing: at its right edge it would go to the next line and
        // have the drawing stay for good.
        let drawn = drawn.trim_end_matches(' ');
        if !drawn.is_empty() {
            terminal::err(drawn);
        }
        Ok(())
    }
}
