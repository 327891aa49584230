//! Templates and expressions: pure evaluation over plain values.
