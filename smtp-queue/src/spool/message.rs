//! A message as a spool knows it: the entry, and when each of its rows is due.
//!
//! * **In**: changes, as values or as lines. **Out**: the state after them, as a value, as lines, as rows.
//! * **Promises**: lines that say the state of a message lead to that state; unknown lines are kept.
//! * **Limits**: the envelope's. **Panics**: never. **Spec**: `SPOOL_FORMAT.md`.

use std::collections::HashMap;
use std::io;

use bytes::BytesMut;
use smtp_proto::ByMode;
use smtp_server::{QueueId, UnixMillis};

use super::text::{self, BodyRef, Line};
use super::{Change, Schedule, SpoolError};
use crate::entry::{QueueEntry, RecipientState, Row, RowDomain, RowKey, Rows};

/// A message without its content.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) entry: QueueEntry,
    /// When each row is due, and how often it was tried.
    times: Vec<(UnixMillis, u16)>,
    unknown: Vec<String>,
}

impl Message {
    pub(super) fn new(entry: QueueEntry) -> Self {
        Self { entry, times: Vec::new(), unknown: Vec::new() }
    }

    /// A message that was never tried.
    pub(super) fn accepted(entry: QueueEntry, due: &[UnixMillis]) -> Self {
        let times = due.iter().map(|&due| (due, 0)).collect();
        Self { entry, times, unknown: Vec::new() }
    }

    pub(super) fn apply(&mut self, line: Line) {
        let entry = &mut self.entry;
        match line {
            Line::Row { row, due, attempts } => {
                let row = usize::try_from(row).unwrap_or(usize::MAX);
                // There are at most as many rows as recipients, whatever a damaged line says.
                if row < entry.recipients.len() {
                    let rows = self.times.len().max(row + 1);
                    self.times.resize(rows, Default::default());
                    if let Some(time) = self.times.get_mut(row) {
                        *time = (due, attempts);
                    }
                }
            }
            Line::Recipient { index, state } => {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                // Done is done: a word of an earlier failure may come late.
                if let Some(recipient) = entry.recipients.get_mut(index)
                    && recipient.state.is_pending()
                {
                    recipient.state = state;
                }
            }
            Line::Hold(reason) => entry.hold = Some(reason),
            Line::Release => entry.hold = None,
            Line::Expire => entry.expired = true,
            Line::DelayWarned => entry.delay_warned = true,
            Line::Unknown(line) => self.unknown.push(line),
        }
    }

    pub(super) fn apply_text(&mut self, lines: &[u8]) {
        for line in text::lines(lines) {
            self.apply(text::read_line(line));
        }
    }

    /// The lines that lead from the bare envelope to this state.
    pub(super) fn put_state(&self, out: &mut BytesMut) {
        for (row, &(due, attempts)) in (0..).zip(&self.times) {
            text::put_line(&Line::Row { row, due, attempts }, out);
        }
        for (index, recipient) in (0..).zip(&self.entry.recipients) {
            if recipient.state != RecipientState::Pending(None) {
                text::put_recipient(index, &recipient.state, out);
            }
        }
        if let Some(reason) = &self.entry.hold {
            text::put_line(&Line::Hold(reason.clone()), out);
        }
        if self.entry.expired {
            text::put_line(&Line::Expire, out);
        }
        if self.entry.delay_warned {
            text::put_line(&Line::DelayWarned, out);
        }
        for line in &self.unknown {
            text::put_line(&Line::Unknown(line.clone()), out);
        }
    }

    /// Gives the rows that have pending recipients; if there are none, the first, so that whoever asks learns
    /// that the message is done.
    pub(super) fn rows(&self, give: &mut dyn FnMut(Row<'_>)) {
        let mut summary = Summary::of(self, None);
        summary.finish();
        summary.rows(give);
    }
}

/// The message that a change is about, and its lines; `None` for an accepted or a removed message.
pub(super) fn lines_of(change: &Change) -> Option<(QueueId, Vec<Line>)> {
    Some(match change {
        Change::Accept(_) | Change::Remove(_) => return None,
        Change::Recipients { id, states } => {
            let line = |(index, state): &(u32, RecipientState)| Line::Recipient {
                index: *index,
                state: state.clone(),
            };
            (*id, states.iter().map(line).collect())
        }
        Change::Schedule(Schedule { key, due, attempts }) => {
            (key.id, vec![Line::Row { row: key.row, due: *due, attempts: *attempts }])
        }
        Change::Hold { id, reason } => (*id, vec![Line::Hold(reason.clone())]),
        Change::Release(id) => (*id, vec![Line::Release]),
        Change::Expire(id) => (*id, vec![Line::Expire]),
        Change::DelayWarned(id) => (*id, vec![Line::DelayWarned]),
    })
}

/// Whether a set can be made: each message is there, or accepted earlier in the set, and none twice.
pub(super) fn check_known(
    changes: &[Change],
    is_known: impl Fn(QueueId) -> bool,
) -> Result<(), SpoolError> {
    let mut here: HashMap<QueueId, bool> = HashMap::new();
    for change in changes {
        let id = id_of(change);
        let is_here = here.get(&id).copied().unwrap_or_else(|| is_known(id));
        let is_accept = matches!(change, Change::Accept(_));
        if is_accept && is_here {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        if !is_accept && !is_here {
            return Err(SpoolError::NotFound(id));
        }
        here.insert(id, !matches!(change, Change::Remove(_)));
    }
    Ok(())
}

/// The message that a change is about.
pub(super) fn id_of(change: &Change) -> QueueId {
    match change {
        Change::Accept(new) => new.entry.id,
        Change::Schedule(schedule) => schedule.key.id,
        Change::Recipients { id, .. }
        | Change::Hold { id, .. }
        | Change::Release(id)
        | Change::Expire(id)
        | Change::DelayWarned(id)
        | Change::Remove(id) => *id,
    }
}

/// What scheduling knows of a message, and no more: small enough to be read for a million messages at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) id: QueueId,
    pub(super) body: Option<BodyRef>,
    pub(super) arrived: UnixMillis,
    pub(super) priority: i8,
    pub(super) deliver_by: Option<(UnixMillis, ByMode)>,
    pub(super) is_report: bool,
    pub(super) is_held: bool,
    pub(super) is_delay_warned: bool,
    pub(super) is_expired: bool,
    pub(super) rows: Vec<SummaryRow>,
    /// Each recipient's row; nothing if there is but one.
    pub(super) row_of: Vec<u32>,
    /// How many recipients there are in all.
    pub(super) recipients: u32,
    /// The recipients that are done.
    pub(super) done: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SummaryRow {
    pub(super) domain: String,
    pub(super) is_local: bool,
    pub(super) recipients: u32,
    pub(super) due: UnixMillis,
    pub(super) attempts: u16,
}

impl Summary {
    pub(super) fn of(message: &Message, body: Option<BodyRef>) -> Self {
        let entry = &message.entry;
        let Rows { rows, row_of } = entry.rows();
        let due = UnixMillis::default();
        let rows = rows.into_iter().map(|RowDomain { domain, is_local, recipients }| SummaryRow {
            domain,
            is_local,
            recipients,
            due,
            attempts: 0,
        });
        let mut summary = Self {
            id: entry.id,
            body,
            arrived: entry.arrived,
            priority: entry.params.mt_priority.map_or(0, smtp_proto::MtPriority::value),
            deliver_by: entry.deliver_by(),
            is_report: matches!(entry.reverse_path, smtp_proto::ReversePath::Null),
            is_held: entry.hold.is_some(),
            is_delay_warned: entry.delay_warned,
            is_expired: entry.expired,
            rows: rows.collect(),
            row_of,
            recipients: u32::try_from(entry.recipients.len()).unwrap_or(u32::MAX),
            done: Vec::new(),
        };
        for (row, &(due, attempts)) in summary.rows.iter_mut().zip(&message.times) {
            (row.due, row.attempts) = (due, attempts);
        }
        let done = (0..).zip(&entry.recipients).filter(|(_, one)| !one.state.is_pending());
        summary.done = done.map(|(index, _)| index).collect();
        summary
    }

    /// Goes back to the bare envelope, for lines that say all of the state.
    pub(super) fn forget_state(&mut self) {
        (self.is_held, self.is_delay_warned, self.is_expired) = (false, false, false);
        self.done.clear();
        for row in &mut self.rows {
            (row.due, row.attempts) = Default::default();
        }
    }

    /// Takes a line of the state into account.
    pub(super) fn apply(&mut self, line: &Line) {
        match line {
            Line::Row { row, due, attempts } => {
                let row = usize::try_from(*row).unwrap_or(usize::MAX);
                if let Some(row) = self.rows.get_mut(row) {
                    (row.due, row.attempts) = (*due, *attempts);
                }
            }
            Line::Recipient { index, state } if !state.is_pending() => self.done.push(*index),
            Line::Hold(_) => self.is_held = true,
            Line::Release => self.is_held = false,
            Line::Expire => self.is_expired = true,
            Line::DelayWarned => self.is_delay_warned = true,
            Line::Recipient { .. } | Line::Unknown(_) => {}
        }
    }

    /// All lines came: the rows now count those recipients that are pending.
    pub(super) fn finish(&mut self) {
        self.done.sort_unstable();
        self.done.dedup();
        for index in self.done.drain(..) {
            let row = match self.row_of.is_empty() {
                true => Some(0).filter(|_| index < self.recipients),
                false => usize::try_from(index)
                    .ok()
                    .and_then(|index| self.row_of.get(index))
                    .and_then(|&row| usize::try_from(row).ok()),
            };
            if let Some(row) = row.and_then(|row| self.rows.get_mut(row)) {
                row.recipients = row.recipients.saturating_sub(1);
            }
        }
    }

    pub(super) fn rows(&self, give: &mut dyn FnMut(Row<'_>)) {
        let is_done = self.rows.iter().all(|row| row.recipients == 0);
        for (number, row) in (0..).zip(&self.rows) {
            if row.recipients == 0 && !(is_done && number == 0) {
                continue;
            }
            give(Row {
                key: RowKey { id: self.id, row: number },
                domain: &row.domain,
                is_local: row.is_local,
                recipients_pending: row.recipients,
                arrived: self.arrived,
                due: row.due,
                attempts: row.attempts,
                priority: self.priority,
                deliver_by: self.deliver_by,
                is_report: self.is_report,
                is_held: self.is_held,
                is_delay_warned: self.is_delay_warned,
                is_expired: self.is_expired,
            });
        }
    }
}
