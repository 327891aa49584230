//! What happens next. Pure: events in, decisions out; no clock, no files, nothing that waits.
