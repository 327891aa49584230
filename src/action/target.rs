//! Where a step acts, beside the machine of the program itself: one file a kind of target.

pub mod postgres;

/// The program's environment, as it was when it started. Read in one place and handed down.
pub type Environment = std::collections::BTreeMap<String, String>;
