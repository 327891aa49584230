//! The loop: decision, append, act, input.
