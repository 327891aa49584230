//! Waiting for a condition, with a limit.

#![expect(clippy::disallowed_methods, reason = "tests wait by the clock")]

use std::time::{Duration, Instant};

/// Waits until something is so. A test that waits in vain fails.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what} never came about");
        std::thread::yield_now();
    }
}
