//! How the statements of an attempt travel: its marker first, `COMMIT` as a message of its own.

use std::sync::atomic::{AtomicBool, Ordering};

use super::broken::Broken;
use super::marker::{self, Row, State};
use super::session::Session;
use super::statement::Statement;
use crate::model::sql::control::{Control, control};

impl Session {
    /// All statements in one transaction, until one fails or `stop` is set. With a marker that comes first.
    ///
    /// # Errors
    ///
    /// [`Broken`] at the first that failed. The transaction was rolled back then, as far as the server was reached.
    pub async fn transact(
        &mut self,
        statements: &[Statement],
        row: Option<&Row>,
        stop: &AtomicBool,
    ) -> Result<(), Broken> {
        match self.within(statements, row, stop).await {
            Ok(()) => {
                self.committing = true;
                let committed = self.client().batch_execute("commit").await;
                committed.map_err(|error| Broken::At(statements.len(), error))
            }
            Err(broken) => {
                if !broken.is_lost() {
                    // A session that ends rolls back too; this only makes it sooner.
                    let _ = self.client().batch_execute("rollback").await;
                }
                Err(broken)
            }
        }
    }

    async fn within(&mut self, statements: &[Statement], row: Option<&Row>, stop: &AtomicBool) -> Result<(), Broken> {
        let begin = |error| Broken::At(0, error);
        let Some(row) = row else {
            self.client().batch_execute("begin").await.map_err(begin)?;
            return self
                .each(statements, 0..statements.len(), stop)
                .await
                .and_then(|()| unless(stop, statements.len()));
        };
        // Properties of a transaction can be set only before its first statement, and have no effect by themselves.
        let leading = statements.iter().take_while(|statement| sets_transaction(statement)).count();
        let insert = row.insert(State::Done);
        let insert = if leading == 0 {
            format!("begin; {insert}")
        } else {
            self.client().batch_execute("begin").await.map_err(begin)?;
            self.each(statements, 0..leading, stop).await?;
            insert
        };
        let place = marker::place(&self.client().simple_query(&insert).await.map_err(Broken::Marker)?);
        self.each(statements, leading..statements.len(), stop).await?;
        if let Some(place) = &place {
            self.keep(row, place).await.map_err(|error| Broken::At(statements.len(), error))?;
        }
        unless(stop, statements.len())
    }

    /// Writes into the marker what the statements gave, for whoever has to conclude without the answer to `COMMIT`.
    /// They may have left a role or a mode behind in which it cannot be written: then it is done without.
    async fn keep(&self, row: &Row, place: &str) -> Result<(), tokio_postgres::Error> {
        let kept = marker::kept(&self.result(), self.is_sensitive());
        let update = row.update(place, State::Done, Some(&kept));
        let whole = format!("savepoint runbook_marker; {update}; release savepoint runbook_marker");
        match self.client().batch_execute(&whole).await {
            Err(error) if error.as_db_error().is_some() => {
                self.client().batch_execute("rollback to savepoint runbook_marker").await
            }
            outcome => outcome,
        }
    }

    /// Each statement by itself, until one fails or `stop` is set. With a marker that says before each which it is.
    ///
    /// # Errors
    ///
    /// [`Broken`] at the first that failed. What came before is in place.
    pub async fn one_by_one(
        &mut self,
        statements: &[Statement],
        row: Option<&Row>,
        stop: &AtomicBool,
    ) -> Result<(), Broken> {
        let mut place = match row {
            Some(row) => {
                let begun = self.client().simple_query(&row.insert(State::Begun(1))).await;
                marker::place(&begun.map_err(Broken::Marker)?)
            }
            None => None,
        };
        let mut open = false;
        for (index, statement) in statements.iter().enumerate() {
            if index > 0 && !open {
                self.note(row, &mut place, State::Begun(index + 1), None).await;
            }
            self.each(statements, index..index + 1, stop).await?;
            open = control(&statement.words).map_or(open, |control| control == Control::Begins);
        }
        if place.is_some() {
            let kept = marker::kept(&self.result(), self.is_sensitive());
            self.note(row, &mut place, State::Done, Some(&kept)).await;
        }
        Ok(())
    }

    /// Writes into the marker how far it came. The statements may have made that impossible; then the marker says less,
    /// and a connection that broke breaks the next statement too.
    async fn note(&self, row: Option<&Row>, place: &mut Option<String>, state: State, kept: Option<&str>) {
        if let (Some(row), Some(at)) = (row, place.as_deref()) {
            let noted = self.client().simple_query(&row.update(at, state, kept)).await;
            *place = noted.ok().and_then(|messages| marker::place(&messages));
        }
    }

    async fn each(
        &mut self,
        statements: &[Statement],
        range: std::ops::Range<usize>,
        stop: &AtomicBool,
    ) -> Result<(), Broken> {
        for index in range {
            unless(stop, index)?;
            self.execute(&statements[index]).await.map_err(|error| Broken::At(index, error))?;
        }
        Ok(())
    }
}

/// Goes on to the statement of that index, unless an end is wanted.
fn unless(stop: &AtomicBool, index: usize) -> Result<(), Broken> {
    if stop.load(Ordering::SeqCst) { Err(Broken::Stopped(index)) } else { Ok(()) }
}

/// Whether a statement only sets properties of the transaction that it stands in.
fn sets_transaction(statement: &Statement) -> bool {
    matches!(statement.words.as_slice(), [set, transaction, ..] if set == "set" && transaction == "transaction")
}
