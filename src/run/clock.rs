//! The one door to the clocks: what time it is, and how much time went by.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Zoned};
use rustix::time::{ClockId, clock_gettime};

/// A wall clock that is off by no more than this is not said to have jumped.
const TOLERANCE: Duration = Duration::from_secs(2);

/// Looks at both clocks again when so much went by between the two.
const TOGETHER: Duration = Duration::from_millis(100);

/// Whoever waits looks at the clock so often: the timers of a process stand still while the machine sleeps.
const GLANCE: Duration = Duration::from_secs(1);

/// The moment, in UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock's one door")]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    now.checked_add(shift::current().0).unwrap_or(now)
}

/// The moment in the zone of the machine, for names that people read.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock's one door")]
pub fn local() -> Zoned {
    let local = Zoned::now();
    now().to_zoned(local.time_zone().clone())
}

/// Lets tests move the clocks: the file holds by how many milliseconds the wall clock and the time since boot are ahead,
/// as `3600000 0`. Does nothing in a program that is not built for them.
pub fn shift_by(file: Option<&str>) {
    shift::from(file);
}

/// How long the machine has been up, the time that it slept included.
fn since_boot() -> SignedDuration {
    let time = clock_gettime(ClockId::Boottime);
    let up = SignedDuration::new(time.tv_sec, i32::try_from(time.tv_nsec).unwrap_or_default());
    up.saturating_add(shift::current().1)
}

/// Lets time go by, that in which the machine sleeps included.
pub async fn sleep(time: Duration) {
    let end = since_boot().saturating_add(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX));
    while let Some(left) = left(end.saturating_sub(since_boot())) {
        tokio::time::sleep(left.min(GLANCE)).await;
    }
}

/// Lets time go by until the wall clock shows that moment, however it gets there.
pub async fn sleep_until(moment: Timestamp) {
    while let Some(left) = left(moment.duration_since(now())) {
        tokio::time::sleep(left.min(GLANCE)).await;
    }
}

fn left(left: SignedDuration) -> Option<Duration> {
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    wall: Timestamp,
    since_boot: SignedDuration,
}

impl Moment {
    /// This one.
    #[must_use]
    pub fn now() -> Self {
        loop {
            let before = since_boot();
            let wall = now();
            let since_boot = since_boot();
            // A process can be held up between any two looks.
            if since_boot.saturating_sub(before).unsigned_abs() < TOGETHER {
                return Self { wall, since_boot };
            }
        }
    }

    /// By how many milliseconds the wall clock went on more than time went by since an earlier moment, where that is
    /// more than it may be off.
    #[must_use]
    pub fn jump_since(self, earlier: Self) -> Option<i64> {
        let shown = self.wall.duration_since(earlier.wall);
        let passed = self.since_boot.saturating_sub(earlier.since_boot);
        let ahead = shown.saturating_sub(passed);
        (ahead.unsigned_abs() > TOLERANCE).then(|| i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Notices when the wall clock moves otherwise than time goes by. It is asked often, so that a clock that is a little
/// fast or slow is never taken for one that jumped.
#[derive(Debug)]
pub struct Jumps {
    last: Moment,
}

impl Default for Jumps {
    fn default() -> Self {
        Self { last: Moment::now() }
    }
}

impl Jumps {
    /// By how many milliseconds the wall clock has jumped since this was last asked.
    pub fn look(&mut self) -> Option<i64> {
        let now = Moment::now();
        let jump = now.jump_since(self.last);
        self.last = now;
        jump
    }
}

#[cfg(feature = "crash-points")]
mod shift {
    use std::path::PathBuf;
    use std::sync::OnceLock;

    use jiff::SignedDuration;

    static FILE: OnceLock<PathBuf> = OnceLock::new();

    pub(super) fn from(file: Option<&str>) {
        if let Some(file) = file {
            let _again = FILE.set(PathBuf::from(file));
        }
    }

    /// A file that is just being written counts as it was written before, so tests rename it into place.
    pub(super) fn current() -> (SignedDuration, SignedDuration) {
        let text = FILE.get().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let mut parts =
            text.split_whitespace().map(|part| part.parse().map_or(SignedDuration::ZERO, SignedDuration::from_millis));
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }
}

#[cfg(not(feature = "crash-points"))]
mod shift {
    use jiff::SignedDuration;

    pub(super) const fn from(_file: Option<&str>) {}

    pub(super) const fn current() -> (SignedDuration, SignedDuration) {
        (SignedDuration::ZERO, SignedDuration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(wall_ms: i64, boot_ms: i64) -> Moment {
        Moment { wall: Timestamp::from_millisecond(wall_ms).unwrap(), since_boot: SignedDuration::from_millis(boot_ms) }
    }

    #[test]
    fn a_clock_that_goes_on_as_time_does_has_not_jumped() {
        let before = moment(1_000_000, 5000);
        assert_eq!(moment(1_000_000 + 3_600_000, 5000 + 3_600_000).jump_since(before), None, "an hour, asleep or not");
        assert_eq!(moment(1_002_000, 5000).jump_since(before), None, "two seconds are borne");
        assert_eq!(moment(998_000, 5000).jump_since(before), None);
    }

    #[test]
    fn a_jump_is_told_with_its_direction() {
        let before = moment(1_000_000, 5000);
        assert_eq!(moment(1_002_001, 5000).jump_since(before), Some(2001));
        assert_eq!(moment(997_999, 5000).jump_since(before), Some(-2001));
        assert_eq!(moment(1_000_000, 65_000).jump_since(before), Some(-60_000), "the wall clock stood still");
    }

    #[test]
    fn each_jump_is_told_once_and_the_clocks_of_this_machine_have_not_jumped() {
        let mut jumps = Jumps::default();
        assert_eq!(jumps.look(), None);
        jumps.last.wall = jumps.last.wall.checked_sub(SignedDuration::from_mins(10)).unwrap();
        assert!(jumps.look().is_some_and(|by| (599_000..=601_000).contains(&by)));
        assert_eq!(jumps.look(), None);
    }
}
