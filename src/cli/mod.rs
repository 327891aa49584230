//! One file a command: wiring and exit codes.
