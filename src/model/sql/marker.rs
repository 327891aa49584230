//! Whether a role may hold markers in a database: asked before an attempt, and by a plan, which only looks.
//!
//! The marker table is `runbook.marker`, or `runbook_<role>.marker` where the first belongs to another role. Its owner
//! can let any code run in whoever writes to it, so only the role's own table, or a superuser's, is used.

use serde_json::{Map, Value};

/// One row about the better of the two schemas.
///
/// A table that is published with all others would stop subscribers that do not have it, so none is made there.
pub const RIGHTS: &str = "\
with trusted as (
  select oid from pg_catalog.pg_roles where rolname = current_user or rolsuper
), candidate as (
  select c.place, c.name, n.oid as schema, t.oid as marker, n.nspowner in (select oid from trusted) as own_schema,
    t.relowner in (select oid from trusted) and t.relkind = 'r' and t.relpersistence = 'p' and not t.relrowsecurity
    and 9 = (select pg_catalog.count(*) from pg_catalog.pg_attribute a where a.attrelid = t.oid and not a.attisdropped
             and a.attname in ('id', 'run', 'step', 'direction', 'attempt', 'state', 'statement', 'result', 'at'))
    and exists (select from pg_catalog.pg_index i
                join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = i.indkey[0]
                where i.indrelid = t.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
                and i.indnkeyatts = 1 and a.attname = 'id') as own_marker
  from (values (1, 'runbook'), (2, 'runbook_' || pg_catalog.left(current_user, 55))) c(place, name)
  left join pg_catalog.pg_namespace n on n.nspname = c.name
  left join pg_catalog.pg_class t on t.relnamespace = n.oid and t.relname = 'marker'
), refusal as (
  select case
    when pg_catalog.pg_is_in_recovery() then 'the server is a standby'
    when pg_catalog.current_setting('default_transaction_read_only') = 'on' then 'its sessions are read-only'
  end as always, case
    when exists (select from pg_catalog.pg_publication where puballtables)
    then 'a publication of all tables would take it to subscribers that do not have it'
  end as new
), judged as (
  select place, name, schema is null as new_schema, always, new,
    always is null and coalesce(own_schema and own_marker and pg_catalog.has_schema_privilege(schema, 'usage')
      and pg_catalog.has_table_privilege(marker, 'select') and pg_catalog.has_table_privilege(marker, 'insert')
      and pg_catalog.has_table_privilege(marker, 'update'), false) as usable,
    always is null and new is null and marker is null and case when schema is null
      then pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create')
      else own_schema and pg_catalog.has_schema_privilege(schema, 'create')
      and pg_catalog.has_schema_privilege(schema, 'usage') end as creatable
  from candidate, refusal
)
select name as schema, usable, creatable, new_schema, coalesce(always, new, current_user
  || ' may neither write to runbook.marker nor make it in ' || pg_catalog.current_database()) as why
from judged order by usable desc, creatable desc, place limit 1";

/// What the row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The schema that it is about.
    pub schema: String,
    /// The table is there and may be written to.
    pub usable: bool,
    /// The table is not there and may be made.
    pub creatable: bool,
    /// The schema would have to be made too.
    pub new_schema: bool,
    /// Where neither: why.
    pub why: String,
}

impl Rights {
    /// Of the answer to [`RIGHTS`].
    #[must_use]
    pub fn of(rows: &[Map<String, Value>]) -> Option<Self> {
        let [row] = rows else { return None };
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        let truth = |name: &str| row.get(name).and_then(Value::as_bool);
        Some(Self {
            schema: text("schema")?,
            usable: truth("usable")?,
            creatable: truth("creatable")?,
            new_schema: truth("new_schema")?,
            why: text("why")?,
        })
    }

    /// Why a step there is at most once, `None` where it is exactly once.
    #[must_use]
    pub fn at_most_once(&self) -> Option<&str> {
        (!self.usable && !self.creatable).then_some(self.why.as_str())
    }
}
