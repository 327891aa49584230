//! What can be seen, at this moment, of who acts in an attempt. For people who have to say how it ended.

use super::target::Environment;
use super::{file, proc, sql};
use crate::model::call::Call;
use crate::model::event::{Intent, ProcessIdentity};

/// The traces of an attempt, one fact a line. Changes nothing, and waits for nothing longer than a server needs.
pub async fn trace(environment: &Environment, intent: &Intent, call: Option<&Call>, secrets: &[String]) -> Vec<String> {
    match (intent, call) {
        (Intent::Process(identity), _) => vec![process(identity)],
        (Intent::Session { application_name }, Some(Call::Sql(call))) => {
            let seen = sql::trace(environment, &call.connection, application_name, secrets).await;
            vec![format!("its session on {}: {seen}", call.connection.name)]
        }
        (Intent::Session { application_name }, _) => vec![format!("its session was {application_name}")],
        (Intent::File(intent), _) => file::trace(intent),
        (Intent::Program | Intent::Person, _) => Vec::new(),
    }
}

fn process(identity: &ProcessIdentity) -> String {
    let ProcessIdentity { pid, start_time, host, .. } = identity;
    let here = proc::host();
    let host = if host.is_empty() { &here } else { host };
    let who = format!("its supervisor was process {pid} on {host}, start time {start_time}");
    if proc::is_elsewhere(identity) {
        return format!("{who}: it cannot be seen from {here}");
    }
    if proc::boot_id().is_ok_and(|boot_id| boot_id != identity.boot_id) {
        return format!("{who}: {host} was started anew since then, so nothing of it is left");
    }
    if proc::is_alive(identity) {
        return format!("{who}: it is still there");
    }
    let left = match proc::session_members(*pid) {
        Ok(members) if members.is_empty() => "nothing of its session is left".to_owned(),
        Ok(members) => {
            let list: Vec<String> = members.iter().map(ToString::to_string).collect();
            format!("of its session these still run: {}", list.join(", "))
        }
        Err(error) => format!("whether its session still runs cannot be told: {error}"),
    };
    format!("{who}: it is gone, and {left}")
}
