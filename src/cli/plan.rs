//! `runbook plan`: the dry run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::environment::Environment;
use super::exit::Exit;
use super::load::{Loaded, load};
use super::{Given, runtime};
use crate::action::secret::Secrets;
use crate::action::world::Eyes;
use crate::model::call::Hidden;
use crate::model::plan::PlanStatus;
use crate::report::{json, plan as view, terminal};
use crate::run::clock;

#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The runbook.
    file: PathBuf,
    #[command(flatten)]
    given: Given,
    /// One JSON document.
    #[arg(long)]
    json: bool,
    /// Exit with 2 when the plan has changes, 0 when it has none.
    #[arg(long)]
    detailed_exitcode: bool,
}

impl PlanArguments {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        plan(&self.file, &self.given, self.json, self.detailed_exitcode, environment)
    }
}

/// Plans, and prints the plan. With `detailed` the code says whether anything would change.
pub fn plan(file: &Path, given: &Given, as_json: bool, detailed: bool, environment: &Environment) -> Result<u8, Exit> {
    // With that option 2 means changes, so an error has to be another code.
    let loaded = load(file, given, environment)
        .map_err(|exit| if detailed { Exit::silent(exit.show().min(1)) } else { exit })?;
    let runtime = runtime()?;
    let eyes = Eyes { environment: environment.variables.clone() };
    let plan = runtime.block_on(async {
        let secrets = secrets(&loaded, environment).await;
        let Loaded { runbook, parameters, digest, .. } = &loaded;
        let given = crate::plan::Given { parameters, secrets: &secrets, digest, now: clock::now() };
        crate::plan::plan(runbook, given, &eyes).await
    });
    if as_json {
        json::line(&view::json(&plan));
    } else {
        terminal::out(&view::human(&plan, environment.looks()));
    }
    let changes = plan.steps.iter().any(|step| matches!(step.status, PlanStatus::Changes | PlanStatus::Unknown));
    Ok(if detailed && changes { 2 } else { 0 })
}

/// The secrets that can be had; what needs another is unknown to the plan.
async fn secrets(loaded: &Loaded, environment: &Environment) -> BTreeMap<String, Hidden<String>> {
    let folder = PathBuf::from(&loaded.runbook.folder);
    let mut secrets = Secrets::new(loaded.runbook.secrets.clone(), folder, environment.variables.clone());
    let mut known = BTreeMap::new();
    for name in loaded.runbook.secrets.keys() {
        if let Ok(value) = secrets.value(name).await {
            known.insert(name.clone(), value.clone());
        }
    }
    known
}
