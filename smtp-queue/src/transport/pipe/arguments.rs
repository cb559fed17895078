//! Arguments that depend on the message.
//!
//! * **In**: a word with macros, then a message. **Out**: one argument.
//! * **Promises**: a word stays one argument whatever an address holds, and does not become an option by it.
//! * **Limits**: the words'. **Panics**: never. **Spec**: Postfix pipe(8), "Macro expansion".

use super::local;
use crate::entry::QueuedRecipient;
use crate::status::Outcome;
use crate::transport::Job;

/// Why a command line was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// There is no program, or it depends on the message.
    #[error("the program is named by a path without macros")]
    Program,
    /// There is no such macro.
    #[error("there is no macro ${{{0}}}")]
    UnknownMacro(String),
}

/// A word of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Macro(Macro),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Macro {
    Recipient,
    OriginalRecipient,
    User,
    Extension,
    Mailbox,
    Domain,
    Sender,
    NextHop,
    Size,
    QueueId,
}

const MACROS: [(&str, Macro); 10] = [
    ("recipient", Macro::Recipient),
    ("original_recipient", Macro::OriginalRecipient),
    ("user", Macro::User),
    ("extension", Macro::Extension),
    ("mailbox", Macro::Mailbox),
    ("domain", Macro::Domain),
    ("sender", Macro::Sender),
    ("nexthop", Macro::NextHop),
    ("size", Macro::Size),
    ("queue_id", Macro::QueueId),
];

impl Argument {
    /// Reads `${name}`, `$(name)`, `$name` and `$$`.
    pub(super) fn parse(word: &str) -> Result<Self, PipeError> {
        let mut pieces = Vec::new();
        let mut rest = word;
        while let Some((text, behind)) = rest.split_once('$') {
            push_text(&mut pieces, text);
            if let Some(behind) = behind.strip_prefix('$') {
                push_text(&mut pieces, "$");
                rest = behind;
                continue;
            }
            let enclosed = behind
                .strip_prefix('{')
                .and_then(|inside| inside.split_once('}'))
                .or_else(|| behind.strip_prefix('(').and_then(|inside| inside.split_once(')')));
            let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (name, behind) = enclosed.unwrap_or_else(|| {
                let end = behind.find(|c| !is_in_name(c)).unwrap_or(behind.len());
                behind.split_at(end)
            });
            let found = MACROS.iter().find(|(known, _)| *known == name);
            let (_, found) = found.ok_or_else(|| PipeError::UnknownMacro(name.to_owned()))?;
            pieces.push(Piece::Macro(*found));
            rest = behind;
        }
        push_text(&mut pieces, rest);
        Ok(Self(pieces))
    }

    /// The argument for one recipient.
    ///
    /// # Errors
    /// A failure, if an address would make it an option.
    pub(super) fn expand(
        &self,
        job: &Job,
        recipient: &QueuedRecipient,
    ) -> Result<String, Box<Outcome>> {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Macro(name) => name.value(job, recipient),
        });
        let expanded = pieces.collect::<String>();
        let begins_with_macro = matches!(self.0.first(), Some(Piece::Macro(_)));
        if begins_with_macro && expanded.starts_with('-') {
            let text = format!("an address that begins with a hyphen is no argument: {expanded}");
            return Err(local::failed((5, 1, 3), text).into());
        }
        Ok(expanded)
    }
}

impl Macro {
    fn value(self, job: &Job, recipient: &QueuedRecipient) -> String {
        let params = &recipient.recipient.params;
        let mailbox = recipient.recipient.path.mailbox();
        let local_part = || match mailbox {
            Some(mailbox) => mailbox.local_part.unquoted().into_owned(),
            None => "postmaster".to_owned(),
        };
        let split = |local_part: String| match local_part.split_once('+') {
            Some((user, extension)) => (user.to_owned(), extension.to_owned()),
            None => (local_part, String::new()),
        };
        match self {
            Self::Recipient => recipient.address(),
            Self::OriginalRecipient => match &params.orcpt {
                Some(original) => original.address().into_owned(),
                None => recipient.address(),
            },
            Self::User => split(local_part()).0,
            Self::Extension => split(local_part()).1,
            Self::Mailbox => local_part(),
            Self::Domain => recipient.domain(),
            Self::Sender => {
                let sender = job.entry.reverse_path.mailbox();
                sender.map_or_else(|| "MAILER-DAEMON".to_owned(), ToString::to_string)
            }
            Self::NextHop => job.next_hop.site.as_ref().to_owned(),
            Self::Size => job.content.bytes().to_string(),
            Self::QueueId => job.entry.id.to_string(),
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}
