//! The part of a report that programs read.
//!
//! * **In**: the facts. **Out**: the fields of `message/delivery-status`, or of its UTF-8 form.
//! * **Promises**: a field is there exactly if RFC 3464 wants it there; none holds what would end it.
//! * **Limits**: see [`text`]. **Panics**: never.
//! * **Spec**: RFC 3464 2; RFC 3461 6.3 and 9.2; RFC 6533 3 and 4.1.

use bytes::BytesMut;
use smtp_proto::{Domain, OriginalRecipient, utf8_addr};
use smtp_server::trace;

use super::{Action, Facts, Reported, text};
use crate::entry::QueuedRecipient;
use crate::status::Status;

/// The fields of the message, then those of each recipient, with an empty line before each.
pub(super) fn delivery_status(host: &str, facts: &Facts<'_>, utf8: bool) -> String {
    let mut fields = String::new();
    let mut add = |name: &str, value: &str| push_field(&mut fields, name, value, utf8);
    let entry = facts.entry;
    if let Some(envid) = &entry.params.envid {
        add("Original-Envelope-Id", &envid.decoded());
    }
    add("Reporting-MTA", &mta(host));
    if let Some(client) = &facts.original.received_from {
        add("Received-From-MTA", client);
    }
    add("Arrival-Date", &trace::date(entry.arrived));
    // The names that programs which sort reports know.
    add("X-Postfix-Queue-ID", &entry.id.to_string());
    if let Some(sender) = entry.reverse_path.mailbox() {
        add("X-Postfix-Sender", &address(&sender.to_string(), utf8));
    }
    for reported in facts.reported {
        if let Some(recipient) = recipient(facts, reported) {
            fields.push_str("\r\n");
            push_recipient(&mut fields, recipient, reported, utf8);
        }
    }
    fields
}

/// The recipient that is reported.
pub(super) fn recipient<'a>(facts: &Facts<'a>, reported: &Reported) -> Option<&'a QueuedRecipient> {
    facts.entry.recipients.get(usize::try_from(reported.recipient).ok()?)
}

fn push_recipient(
    fields: &mut String,
    recipient: &QueuedRecipient,
    reported: &Reported,
    utf8: bool,
) {
    let mut add = |name: &str, value: &str| push_field(fields, name, value, utf8);
    let Status { code, text, reply, remote } = &reported.status;
    if let Some(original) = &recipient.recipient.params.orcpt {
        add("Original-Recipient", &original_recipient(original, utf8));
    }
    add("Final-Recipient", &address(&recipient.address(), utf8));
    add("Action", reported.action.as_str());
    add("Status", &code.to_string());
    match (reply, remote) {
        (Some(reply), remote) => {
            if let Some(remote) = remote {
                add("Remote-MTA", &mta(&remote.name));
            }
            let mut wire = BytesMut::new();
            if utf8 {
                reply.encode_utf8(&mut wire);
            } else {
                reply.encode(&mut wire);
            }
            push_diagnostic(fields, &String::from_utf8_lossy(&wire), utf8);
        }
        // No other host took part.
        (None, _) if matches!(reported.action, Action::Failed | Action::Delayed) => {
            add("Diagnostic-Code", &format!("X-Postfix; {text}"));
        }
        (None, _) => {}
    }
    if let Some(until) = reported.retry_until {
        push_field(fields, "Will-Retry-Until", &trace::date(until), utf8);
    }
}

/// A reply as it came, its lines behind a space each.
fn push_diagnostic(fields: &mut String, reply: &str, utf8: bool) {
    let mut prefix = "Diagnostic-Code: smtp; ";
    let mut room = 4096_usize;
    for line in reply.lines() {
        match room.checked_sub(line.len()) {
            Some(left) => room = left,
            None => break,
        }
        text::push(fields, prefix, line, "    ", utf8);
        prefix = " ";
    }
}

fn push_field(fields: &mut String, name: &str, value: &str, utf8: bool) {
    text::push(fields, &format!("{name}: "), value, "    ", utf8);
}

/// An address with its type (RFC 6533 3).
fn address(address: &str, utf8: bool) -> String {
    if address.is_ascii() { format!("rfc822; {address}") } else { utf8_address(address, utf8) }
}

fn utf8_address(address: &str, utf8: bool) -> String {
    let encode = if utf8 { utf8_addr::encode_unitext } else { utf8_addr::encode_xtext };
    format!("utf-8; {}", encode(address))
}

/// ORCPT with what its escapes stood for, but for those of UTF-8, which remain where UTF-8 may not stand.
pub(crate) fn original_recipient(original: &OriginalRecipient<'_>, utf8: bool) -> String {
    let (kind, address) = (original.addr_type(), original.address());
    if kind.eq_ignore_ascii_case("utf-8") || !address.is_ascii() {
        utf8_address(&address, utf8)
    } else {
        format!("{kind};{address}")
    }
}

/// A host with the type of its name: `dns` only for what the DNS may know (RFC 3461 6.3).
fn mta(name: &str) -> String {
    let is_known = match Domain::parse(name) {
        Ok(Domain::Literal(_)) => true,
        Ok(Domain::Name(name)) => name.as_str().contains('.'),
        _ => false,
    };
    format!("{}; {name}", if is_known { "dns" } else { "x-local-hostname" })
}
