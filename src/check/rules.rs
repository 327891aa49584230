//! The rules: one function each, one list. A new rule is a function in its family's file and one line in
//! [`RULES`], with a page in `rules/pages`.
//!
//! Every rule looks at the same [`Context`], some at the runbook that a document without errors comes to; none reads
//! another's findings. One mistake is one finding: a rule says nothing about a step that could not be decoded.

pub mod actions;
pub mod background;
pub mod budget;
pub mod characters;
pub mod files;
pub mod flow;
pub mod holds;
pub mod includes;
mod items;
pub mod lengths;
pub mod literals;
pub mod loops;
pub mod names;
pub mod options;
pub mod order;
pub mod parts;
pub mod places;
pub mod plain;
pub mod references;
pub mod removal;
pub mod requests;
pub mod review;
pub mod safety;
pub mod scripts;
pub mod shape;
pub mod shell;
mod shorthand;
pub mod silence;
pub mod sql;
pub mod time;
pub mod types;
pub mod undo;
pub mod verbatim;
pub mod window;
pub mod yaml;

use std::path::Path;

use super::context::Context;
use crate::model::catalogue::Entry;
use crate::model::diagnostic::{Diagnostic, Label, Severity, Silenced, Span};
use crate::model::runbook::Runbook;

/// One thing that can be wrong with a runbook.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its code, never given to another rule, and what `explain` says of it.
    pub entry: Entry,
    /// Reports every place where it is so.
    pub check: Check,
}

/// When a rule is asked, and what it looks at.
#[derive(Debug, Clone, Copy)]
pub enum Check {
    /// First: the document.
    Document(fn(&Context, &mut Findings)),
    /// Where no error was found: what the document comes to.
    Runbook(fn(&Context, &Runbook, &mut Findings)),
    /// Last: what was found.
    Found(fn(&Context, &mut Findings)),
}

/// What is known of a code, with its page.
macro_rules! entry {
    ($severity:ident, $code:literal, $title:literal) => {
        Entry {
            code: $code,
            severity: Severity::$severity,
            title: $title,
            page: include_str!(concat!("rules/pages/", $code, ".md")),
        }
    };
}
pub(super) use entry;

macro_rules! rule {
    ($severity:ident, $code:literal, $title:literal, $check:path) => {
        rule!($severity, $code, $title, Document $check)
    };
    ($severity:ident, $code:literal, $title:literal, $looks_at:ident $check:path) => {
        Rule {
            entry: entry!($severity, $code, $title),
            check: Check::$looks_at($check),
        }
    };
}

/// An error with its page.
macro_rules! error {
    ($($line:tt)*) => { rule!(Error, $($line)*) };
}

/// A warning with its page.
macro_rules! warning {
    ($($line:tt)*) => { rule!(Warning, $($line)*) };
}

/// Every rule, by code. Those that a file keeps while it is read are not here: one that breaks them has no tree to
/// look at.
pub const RULES: &[Rule] = &[
    error!("RB0106", "too large or too deep", yaml::too_many_steps),
    warning!("RB0110", "character that is not seen", characters::unseen),
    warning!("RB0111", "space that is none", characters::unusual_spaces),
    warning!("RB0112", "letters that look like others", characters::mixed_alphabets),
    warning!("RB0113", "word or number of YAML 1.1", yaml::older_yaml),
    warning!("RB0114", "number that is read otherwise than it is written", yaml::lost_digits),
    warning!("RB0115", "comment that may belong to a value", yaml::cut_sentence),
    warning!("RB0117", "anchor that is never used", yaml::unused_anchor),
    error!("RB0120", "carriage return in a script", characters::carriage_returns),
    error!("RB0201", "unknown field", shape::unknown_field),
    error!("RB0202", "missing field", shape::missing_field),
    error!("RB0203", "wrong type", shape::wrong_type),
    error!("RB0204", "more than one action in a step", actions::more_than_one),
    error!("RB0205", "no action in a step", actions::none),
    error!("RB0206", "file mode read as a number", shape::unquoted_mode),
    error!("RB0207", "format version that is not 1", shape::format_version),
    error!("RB0209", "empty list of steps", shape::empty_steps),
    error!("RB0210", "malformed id or name", shape::malformed_name),
    error!("RB0211", "option that does not belong to the action", options::misplaced),
    error!("RB0212", "parameter declaration that contradicts itself", shape::misfit_default),
    error!("RB0213", "`runbook` is not the first key", shape::not_first),
    error!("RB0214", "fields that do not go together", parts::contradictions),
    error!("RB0215", "malformed regular expression", parts::regular_expressions),
    error!("RB0216", "malformed URL", literals::urls),
    error!("RB0217", "malformed pattern of file names", literals::file_patterns),
    error!("RB0218", "method or status that HTTP does not have", literals::http_words),
    error!("RB0219", "request whose fields do not go together", requests::contradictory),
    error!("RB0225", "loop or repetition that cannot be carried out", flow::malformed_loop),
    error!("RB0301", "id given twice", names::duplicate_id),
    error!("RB0302", "unknown step", names::unknown_step),
    error!("RB0303", "unknown parameter", names::unknown_parameter),
    error!("RB0304", "unknown secret", names::unknown_secret),
    error!("RB0305", "unknown target", places::unknown_target),
    error!("RB0306", "unknown var", names::unknown_var),
    error!("RB0307", "unknown name in an expression", names::unknown_root),
    error!("RB0308", "reference to a step that has not run", names::later_step),
    error!("RB0309", "malformed template or expression", names::syntax),
    error!("RB0310", "action on the wrong kind of target", places::wrong_kind_of_target),
    error!("RB0311", "unknown output of a step", names::unknown_output),
    error!("RB0312", "reference to a step that may not run", references::may_not_run),
    error!("RB0313", "output of a step that may have failed", references::may_have_failed),
    error!("RB0314", "reference to a step that runs beside", references::beside),
    error!("RB0315", "result of a loop read as if it were one", loops::many_results),
    error!("RB0316", "result that a step does not have", loops::wrong_result),
    error!("RB0317", "vars that read each other in a circle", names::circular_vars),
    error!("RB0318", "wait for a step that cannot be waited for", loops::not_waited_for),
    error!("RB0319", "loop whose item hides another name", loops::hiding_name),
    error!("RB0320", "comparison of types that cannot be compared", types::comparison),
    error!("RB0321", "duration compared or calculated with as a text", types::duration),
    error!("RB0322", "arithmetic with types that have none", types::arithmetic),
    error!("RB0323", "unknown filter, test or function", types::unknown),
    error!("RB0324", "filter, test or function that cannot take what it is given", types::argument),
    error!("RB0325", "condition that is not true or false", types::condition),
    error!("RB0326", "value of a type that its place cannot take", types::place),
    error!("RB0327", "part of a value that cannot have parts", types::lookup),
    error!("RB0328", "template where the text is taken as it is", verbatim::taken_literally),
    warning!("RB0329", "template in prose", verbatim::in_prose),
    error!("RB0340", "unknown group", review::unknown_group),
    error!("RB0341", "group without people", review::hollow_group),
    error!("RB0401", "malformed duration", time::malformed_duration),
    error!("RB0402", "no timeout", time::no_timeout),
    error!("RB0403", "`until` without timeout", time::until_without_timeout),
    error!("RB0404", "`retry` on what may not run twice", time::unsafe_retry),
    warning!("RB0405", "no estimate where a person is waited for", time::no_estimate),
    error!("RB0406", "unknown time zone", window::unknown_time_zone),
    error!("RB0407", "malformed time", window::malformed_time),
    error!("RB0408", "no time zone", window::no_time_zone),
    error!("RB0409", "time that is not there, or there twice", window::skipped_or_doubled),
    warning!("RB0410", "weekly time that the clocks skip or show twice", window::weekly_skipped_or_doubled),
    error!("RB0411", "window that does not say when it opens or closes", window::unclear_window),
    error!("RB0412", "window that closes before it opens", window::closes_too_early),
    warning!("RB0413", "window of more than a week", window::long_window),
    warning!("RB0414", "clocks that change within the window", window::change_within_window),
    error!("RB0415", "wait for a time outside the window", window::waits_outside),
    error!("RB0416", "review that ends after the window opens", review::late_deadline),
    error!("RB0417", "approvals that cannot be given", review::unreachable_approvals),
    error!("RB0418", "work that does not fit the window", Runbook budget::does_not_fit),
    warning!("RB0419", "work that may not fit the window", Runbook budget::may_not_fit),
    error!("RB0420", "step that can never begin", Runbook budget::could_never_begin),
    error!("RB0421", "no time at all", lengths::zero),
    warning!("RB0422", "more time than can have been meant", lengths::enormous),
    error!("RB0423", "length that is known only at run time, and no estimate", lengths::unknown_without_estimate),
    warning!("RB0424", "estimate longer than the timeout", lengths::longer_than_limit),
    warning!("RB0425", "polling that looks only once", lengths::looks_once),
    error!("RB0430", "background step that nothing waits for", background::never_joined),
    error!("RB0431", "wait in vain", background::waits_in_vain),
    error!("RB0432", "hold that expires before the work is done", Runbook holds::expires_within),
    warning!("RB0433", "hold that may expire before it is given back", Runbook holds::may_expire_within),
    error!("RB0501", "mutating step that does not say how it is undone", undo::unsaid),
    error!("RB0502", "undone in more than one way", undo::said_twice),
    warning!("RB0503", "rollback of a step that changes nothing", undo::needless),
    error!("RB0504", "statements outside a transaction that cannot be settled", undo::unsettled_sql),
    warning!("RB0505", "rollback that needs an output of the step it undoes", undo::reads_own_output),
    warning!("RB0506", "irreversible before any point of no return", undo::irreversible_early),
    warning!("RB0507", "nothing verifies a mutating step", undo::unverified),
    error!("RB0508", "rollback where there can be none", undo::nested),
    error!("RB0601", "template in text that is never a template", safety::template_in_code),
    error!("RB0602", "secret where it could be read", safety::exposed_secret),
    warning!("RB0603", "secret in plain text, by its name", plain::by_name),
    error!("RB0604", "secret in plain text, by its look", plain::by_look),
    warning!("RB0605", "reload as a step after a `file`", order::early_reload),
    warning!("RB0606", "question inside a hold that expires", order::question_in_hold),
    error!("RB0701", "file that is not there", files::missing),
    error!("RB0702", "file that is not text", files::not_text),
    error!("RB0703", "runbooks that include each other in a circle", includes::circle),
    error!("RB0704", "parameters that an included runbook does not take", includes::given),
    error!("RB0705", "included too deeply", includes::too_deep),
    error!("RB0801", "script that bash cannot read", scripts::unreadable),
    warning!("RB0802", "script that shellcheck warns about", scripts::linted),
    warning!("RB0803", "guard that guards nothing", shell::lost_guard),
    warning!("RB0804", "pipe that fails for its success", shell::broken_pipe),
    warning!("RB0805", "program from the network", shell::from_network),
    warning!("RB0806", "`rm -rf` on a value from outside", removal::of_outside_value),
    error!("RB0807", "value that becomes code", shell::value_as_code),
    error!("RB0820", "malformed SQL", sql::text::syntax),
    error!("RB0821", "statement that refuses a transaction", sql::transaction::refused),
    error!("RB0822", "psql's commands and transactions of one's own", sql::text::for_the_client),
    error!("RB0823", "query that does more than look", sql::query::not_a_look),
    error!("RB0824", "unknown SQL variable", sql::variables::unknown),
    warning!("RB0825", "SQL variable that nothing uses", sql::variables::unused),
    warning!("RB0830", "index build that blocks writers", sql::index::blocks_writers),
    warning!("RB0831", "table written anew under a lock", sql::alter::rewrites),
    warning!("RB0832", "table read under a lock", sql::alter::scans),
    warning!("RB0833", "new column that may not be null and has no value", sql::data::column_without_value),
    warning!("RB0834", "wait for a lock without a limit", sql::locks::without_limit),
    warning!("RB0835", "drop that nothing asked about", sql::data::dropped_unasked),
    warning!("RB0836", "update or delete of every row", sql::data::every_row),
    warning!("RB0837", "table emptied", sql::data::emptied),
    warning!("RB0838", "concurrent index whose validity nobody asks", sql::index::validity_unasked),
    warning!("RB0839", "invalid index taken for built", sql::index::taken_for_built),
    warning!("RB0840", "concurrent index build that gives up early", sql::index::gives_up_early),
    warning!("RB0841", "local setting outside a transaction", sql::locks::local_to_nothing),
    error!("RB0842", "rehearsal that would be the real thing", sql::query::not_a_rehearsal),
    warning!("RB0901", "suppression without effect", silence::without_effect),
    warning!("RB0902", "suppression of nothing", Found silence::useless),
];

/// Findings as they are reported, by whichever rule is being asked.
#[derive(Debug)]
pub struct Findings<'a> {
    file: &'a Path,
    rule: &'static Rule,
    found: Vec<Diagnostic>,
    silenced: Vec<Silenced>,
}

impl Findings<'_> {
    /// Reports one place. The message is one sentence without a full stop; the help is what to type.
    pub fn report(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) -> &mut Diagnostic {
        let at = self.found.len();
        self.found.push(Diagnostic {
            code: self.rule.entry.code,
            severity: self.rule.entry.severity,
            message: message.into(),
            file: self.file.to_owned(),
            span,
            labels: Vec::new(),
            help: Some(help.into()),
        });
        &mut self.found[at]
    }

    /// Reports one place together with another that explains it.
    pub fn report_with(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
        (other, text): (Span, &str),
    ) {
        self.report(span, message, help).labels.push(Label { span: other, text: text.to_owned() });
    }
}

/// What all rules together find in a file.
#[derive(Debug)]
pub struct Outcome {
    /// By place.
    pub found: Vec<Diagnostic>,
    /// What of it is silenced.
    pub silenced: Vec<Silenced>,
    /// The runbook, where no error was found.
    pub runbook: Option<Runbook>,
}

/// Asks every rule. `resolve` gives the runbook of a document without errors.
#[must_use]
pub fn run(context: &Context, file: &Path, resolve: impl FnOnce() -> Option<Runbook>) -> Outcome {
    let (mut found, mut silenced) = (Vec::new(), Vec::new());
    let mut ask = |wanted: &dyn Fn(&mut Findings, Check)| {
        for rule in RULES {
            let (was_found, was_silenced) = (std::mem::take(&mut found), std::mem::take(&mut silenced));
            let mut findings = Findings { file, rule, found: was_found, silenced: was_silenced };
            wanted(&mut findings, rule.check);
            Findings { found, silenced, .. } = findings;
        }
        found.iter().any(|finding| finding.severity == Severity::Error)
    };
    let failed = ask(&|findings, check| {
        if let Check::Document(check) = check {
            check(context, findings);
        }
    });
    let runbook = if failed { None } else { resolve() };
    let failed = ask(&|findings, check| {
        if let (Check::Runbook(check), Some(runbook)) = (check, &runbook) {
            check(context, runbook, findings);
        }
    });
    ask(&|findings, check| {
        if let Check::Found(check) = check {
            check(context, findings);
        }
    });
    let place = |finding: &Diagnostic| (finding.span.start, finding.span.end, finding.code);
    found.sort_by_key(place);
    silenced.sort_by_key(|silenced| place(&silenced.diagnostic));
    // What an alias repeats stands in the file once.
    found.dedup();
    silenced.dedup();
    Outcome { found, silenced, runbook: runbook.filter(|_| !failed) }
}
