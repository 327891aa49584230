//! The durable list of events: one file a run, chained, verified. Also the folder that holds runs, and their locks.
//!
//! `format` turns a record into its line and back, `chain` verifies lines in their order, `file` is the one writer,
//! `reserve` keeps room for it, `store` is the folder of all runs, `lock` keeps a second executor away, `crash` stops the program at chosen points
//! in tests. Nothing here decides what a run does next (`engine` does), and nothing here reads the environment or the
//! clock.

mod canonical;
pub mod chain;
pub mod crash;
mod durable;
pub mod file;
pub mod follow;
pub mod format;
pub mod lock;
mod reserve;
pub mod store;
mod trouble;
