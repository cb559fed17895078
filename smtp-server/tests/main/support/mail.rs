//! Sequences that most tests begin with.

use super::pure::Turn;

/// EHLO and an envelope of one recipient, in two turns.
pub(crate) fn envelope() -> Vec<Turn> {
    vec![
        Turn::send("EHLO client.test\r\n"),
        Turn::send("MAIL FROM:<a@client.test>\r\nRCPT TO:<kim@local.test>\r\n"),
    ]
}

/// The envelope, then these turns.
pub(crate) fn after_envelope<T: AsRef<[u8]>>(turns: &[T]) -> Vec<Turn> {
    let mut all = envelope();
    all.extend(turns.iter().map(Turn::send));
    all
}
