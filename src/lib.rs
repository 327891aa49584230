//! `runbook` carries out maintenance windows: a YAML file is checked, planned, executed step by step with a rollback
//! for each, and every thing that happened can be read and proven afterwards.
//!
//! # Layers
//!
//! Imports go one way, held by `tests/architecture.rs`:
//!
//! ```text
//! model  ←  expression  ←  check, plan, engine, journal, action, report  ←  run  ←  cli  ←  main
//! ```
//!
//! | layer | holds |
//! |---|---|
//! | [`model`] | the nouns: runbook, step, call, event, question, plan, status, diagnostic. Plain data |
//! | [`expression`] | templates and expressions over plain values; a step with its values filled in is a call |
//! | [`check`] | text to runbook and diagnostics; one function and one code a rule |
//! | [`plan`] | runbook, parameters and observations to a plan; it is handed only an [`action::observe::Observer`] |
//! | [`engine`] | what happens next: replay, decide |
//! | [`journal`] | the durable list of events, its chain and proof; the folder of runs and its locks |
//! | [`action`] | hands: look at the world and change it; supervisors, files, PostgreSQL, redaction |
//! | [`report`] | eyes: the only place that prints |
//! | [`run`] | the loop: decision, append, act |
//! | [`cli`] | one file a command, wiring and exit codes |
//!
//! # A run in five lines
//!
//! [`cli`] reads and checks a file, makes a run folder with the runbook as it was resolved, and hands a
//! [`run::session::Session`] the first event. Its loop asks [`engine::Engine::next`] what can be done now, carries it
//! out with an [`action::execute::Executor`], folds each event that comes of it in with [`engine::Engine::apply`], which
//! refuses what cannot follow, makes it durable in a [`journal::file::Journal`], and shows it through a
//! [`report::view::View`]. Taking a run up again is the same loop over the records that are there already.
//!
//! # What never happens
//!
//! - Nothing in [`engine`] waits, reads a clock, or does I/O. The same events always give the same decision.
//! - No attempt begins before its `attempt_started` is durable, and nothing is shown before it is.
//! - Nothing in [`plan`] can change anything: an observer has no way to.
//! - An attempt whose end nobody recorded is never run again, skipped or undone silently.
//! - A run that began to roll back never goes forward again, and never ends as a success.
//! - No value becomes code: scripts take none, arguments stay arguments, SQL is quoted by kind.
//! - No secret is in an argv, a record, a plan or a report.
//! - Nothing but [`report`] prints; nothing but [`run::clock`] reads the clock, [`cli::environment`] the environment,
//!   and [`action::spawn`] starts a process.
//!
//! # Glossary
//!
//! | here | elsewhere | meaning |
//! |---|---|---|
//! | runbook | playbook, document | the file that says what is to be done |
//! | run | execution | one carrying out of a runbook |
//! | turn | epoch | what one executor process does of a run |
//! | attempt | try | one start of one step |
//! | intent | | the record that an attempt begins, with what identifies who acts |
//! | check | guard, unless | whether a step's effect is in place already |
//! | verify | post-condition | what must hold after a step |
//! | undo | compensation, rollback hook | how a step is taken back; in parts, each a step |
//! | hold, in place, unknown | | a step's states: see [`model::status::StepState`] |
//! | point of no return | pivot | no rollback goes past it |
//! | settle | reconcile | to say what became of an unknown attempt, and by what evidence |
//! | anchor | | a record's hash kept elsewhere, which vouches for all before it |

pub mod action;
pub mod check;
pub mod cli;
pub mod engine;
pub mod expression;
pub mod journal;
pub mod model;
pub mod plan;
pub mod report;
pub mod run;
