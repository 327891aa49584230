//! Time limits that go on while the machine sleeps.
//!
//! The clock is `CLOCK_BOOTTIME`: nobody can set it, and unlike the monotonic one it counts the time in which the
//! machine was suspended. A step that was begun before is out of time afterwards, as its window is.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The longest limit; a longer one is this one.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 100);

/// How long this machine has been up, sleep counted.
#[must_use]
pub fn up() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// A moment that comes once. It is not a point of the wall clock.
#[derive(Debug)]
pub struct Deadline(AsyncFd<OwnedFd>);

impl Deadline {
    /// So long from now. Has to be called within a runtime.
    ///
    /// # Errors
    ///
    /// When there are no more files to be had.
    pub fn after(limit: Duration) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once(limit))?;
        #[expect(deprecated, reason = "sound for an owned handle, which stays open; its successor is an unsafe fn")]
        AsyncFd::with_interest(timer, Interest::READABLE).map(Self)
    }

    /// Waits for it. Returns at once when it has passed.
    ///
    /// # Errors
    ///
    /// When the runtime is going down.
    pub async fn passed(&self) -> io::Result<()> {
        self.0.readable().await.map(drop)
    }
}

/// A timer that is set to zero would never go off.
fn once(limit: Duration) -> Itimerspec {
    let limit = limit.clamp(Duration::from_nanos(1), LONGEST);
    let tv_sec = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX);
    let it_value = Timespec { tv_sec, tv_nsec: limit.subsec_nanos().into() };
    Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_deadline_comes_after_its_time_and_stays_passed() {
        let began = up();
        let deadline = Deadline::after(Duration::from_millis(30)).unwrap();
        deadline.passed().await.unwrap();
        assert!(up() >= began + Duration::from_millis(30));
        deadline.passed().await.unwrap();
        let far = Deadline::after(Duration::from_hours(1)).unwrap();
        assert!(timeout(Duration::from_millis(30), far.passed()).await.is_err());
    }

    #[tokio::test]
    async fn no_time_at_all_and_all_the_time_there_is_are_limits_too() {
        Deadline::after(Duration::ZERO).unwrap().passed().await.unwrap();
        let never = Deadline::after(Duration::MAX).unwrap();
        assert!(timeout(Duration::from_millis(10), never.passed()).await.is_err());
    }
}
