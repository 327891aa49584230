//! The durable list of events: one file a run, chained, verified. Also the folder that holds runs, and their locks.
