//! The `runbook` program: arguments, logging, the command, its exit code.

fn main() {}
