//! Files of other tools: recognised by the keys that they are known for, so that they are answered with one finding.

use super::source::Source;
use super::syntax;
use super::tree::{Kind, NodeId, Tree};
use crate::model::diagnostic::{Diagnostic, Span};

/// A kind of file that somebody may take for a runbook, or want to make one of.
struct Tool {
    /// With its article.
    name: &'static str,
    /// Keys of the root that all have to be there.
    keys: &'static [&'static str],
    /// Keys of which one has to be there, if any are given.
    one_of: &'static [&'static str],
    /// What our words for its words are.
    words: &'static str,
}

const fn tool(
    name: &'static str,
    keys: &'static [&'static str],
    one_of: &'static [&'static str],
    words: &'static str,
) -> Tool {
    Tool { name, keys, one_of, words }
}

const PIPELINE: &str =
    "its jobs are groups of `steps`, a `script` or `run` is `shell`, variables are `parameters` or `env`";
const RESOURCES: &str = "apply it in a `command` step, with a `check` and a `rollback` beside it";
const ANSIBLE: &str = "`hosts` is `target`, `tasks` are `steps`, a module is `command`, `shell` or `file`, `register` is \
                       `outputs`, `rescue` is `on_failure` and `rollback`";

/// Files whose root is a mapping, the more particular first.
const TOOLS: &[Tool] = &[
    tool(
        "an AWS Systems Manager document",
        &["schemaVersion"],
        &["mainSteps", "runtimeConfig"],
        "`mainSteps` are `steps`, `action` and `inputs` are one action such as `command`, `onFailure` is `on_failure`, \
         `timeoutSeconds: 90` is `timeout: 90s`",
    ),
    tool("an AWS CloudFormation template", &["AWSTemplateFormatVersion"], &[], RESOURCES),
    tool("an AWS Step Functions state machine", &["StartAt", "States"], &[], PIPELINE),
    tool("a Kubernetes manifest", &["apiVersion", "kind"], &[], RESOURCES),
    tool("a CircleCI pipeline", &["version", "jobs"], &["workflows", "orbs"], PIPELINE),
    tool(
        "a GitHub workflow",
        &["jobs"],
        &["on", "permissions", "concurrency", "run-name"],
        "`jobs` are groups of `steps`, `run` is `shell`, `if` is `when`, `needs` is the order of the steps, \
         `continue-on-error` is `on_failure: continue`, `timeout-minutes: 5` is `timeout: 5m`",
    ),
    tool("a GitHub action", &["runs", "name"], &["inputs", "outputs", "description"], PIPELINE),
    tool("an Azure pipeline", &["trigger"], &["steps", "stages", "jobs"], PIPELINE),
    tool("an Azure pipeline", &["pool"], &["steps", "stages", "jobs"], PIPELINE),
    tool("a Bitbucket pipeline", &["pipelines"], &[], PIPELINE),
    tool(
        "a GitLab pipeline",
        &["stages"],
        &["default", "variables", "include", "workflow", "before_script", "image"],
        PIPELINE,
    ),
    tool("a Taskfile", &["version", "tasks"], &[], PIPELINE),
    tool("a Terraform configuration", &["resource"], &["terraform", "provider", "variable", "output"], RESOURCES),
    tool("a Terraform configuration", &["terraform"], &["provider", "module", "required_providers"], RESOURCES),
];

const COMPOSE: &str = "start its services in a `command` step, such as `[docker, compose, up, -d, --wait]`, and stop them in \
                       its `rollback`";

/// What a file is, if it is another tool's.
pub(super) fn recognise(source: &Source, tree: &Tree) -> Option<Diagnostic> {
    let root = tree.root();
    let (name, words, key) = match &tree.node(root).kind {
        Kind::Mapping(_) if tree.get(root, "runbook").is_some() => return None,
        Kind::Mapping(_) => mapping(tree, root)?,
        Kind::Sequence(items) => items.iter().find_map(|item| in_a_list(tree, *item))?,
        Kind::Scalar { .. } => return None,
    };
    let span = tree.span(key);
    let length = source.text.get(span.start..span.end)?.lines().next()?.len();
    let span = Span { start: span.start, end: span.start + length };
    let help = format!("a runbook begins with `runbook: 1`, a `name` and `steps`; {words}");
    Some(syntax::finding(source, "RB0119", span, format!("this is {name}, not a runbook"), Some(&help)))
}

type Recognised = (&'static str, &'static str, NodeId);

fn mapping(tree: &Tree, root: NodeId) -> Option<Recognised> {
    let key = |name: &str| tree.get(root, name).map(|entry| entry.key);
    for tool in TOOLS {
        let one_of = tool.one_of.iter().find_map(|name| key(name));
        if tool.keys.iter().all(|name| key(name).is_some()) && (tool.one_of.is_empty() || one_of.is_some()) {
            return tool.keys.first().and_then(|name| key(name)).map(|key| (tool.name, tool.words, key));
        }
    }
    if let Some(services) = tree.get(root, "services")
        && has_inside(tree, services.value, &["image", "build"])
    {
        return Some(("a docker-compose file", COMPOSE, services.key));
    }
    let jobs = tree.entries(root).iter().filter(|entry| tree.text(entry.key) != Some("steps"));
    let mut scripts = jobs.filter(|entry| tree.get(entry.value, "script").is_some());
    scripts.next().map(|entry| ("a GitLab pipeline", PIPELINE, entry.key))
}

/// Whether a value of a mapping is a mapping with one of the keys.
fn has_inside(tree: &Tree, node: NodeId, keys: &[&str]) -> bool {
    tree.entries(node).iter().any(|entry| keys.iter().any(|key| tree.get(entry.value, key).is_some()))
}

/// A play or a task of Ansible, or a job of Rundeck.
fn in_a_list(tree: &Tree, item: NodeId) -> Option<Recognised> {
    let key = |name: &str| tree.get(item, name).map(|entry| entry.key);
    let one_of = |names: &[&str]| names.iter().find_map(|name| key(name));
    if let (Some(hosts), Some(_)) =
        (key("hosts"), one_of(&["tasks", "roles", "pre_tasks", "post_tasks", "handlers", "become", "gather_facts"]))
    {
        return Some(("an Ansible playbook", ANSIBLE, hosts));
    }
    if let Some(import) = one_of(&["import_playbook", "ansible.builtin.import_playbook"]) {
        return Some(("an Ansible playbook", ANSIBLE, import));
    }
    let module = tree.entries(item).iter().find(|entry| {
        let collections = ["ansible.", "community.", "amazon.aws.", "kubernetes.core."];
        tree.text(entry.key).is_some_and(|name| collections.iter().any(|collection| name.starts_with(collection)))
    });
    if let Some(module) = module.filter(|_| key("id").is_none()) {
        return Some(("a list of Ansible tasks", ANSIBLE, module.key));
    }
    let sequence = tree.get(item, "sequence").filter(|entry| tree.get(entry.value, "commands").is_some())?;
    Some(("a Rundeck job", PIPELINE, sequence.key))
}
