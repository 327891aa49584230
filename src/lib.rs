//! `runbook` carries out maintenance windows.

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
