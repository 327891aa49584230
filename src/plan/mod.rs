//! Runbook, parameters and observations to a plan. Has no way to act.
