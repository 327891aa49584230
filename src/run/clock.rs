//! The one door to the clock.

use jiff::{Timestamp, Zoned};

/// The moment, in UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock's one door")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// The moment in the zone of the machine, for names that people read.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock's one door")]
pub fn local() -> Zoned {
    Zoned::now()
}
