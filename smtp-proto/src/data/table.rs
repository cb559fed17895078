//! The automaton of DATA: what each octet means in each state.
//!
//! * **In**: a state and an octet. **Out**: the next state and what becomes of the octet.
//! * **Promises**: this table is the definition; the fast paths of the decoder agree with it.
//! * **Limits**: five states. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.4, 4.5.2, 2.3.8.
//!
//! Only CRLF ends a line, so the five octets CRLF `.` CRLF end the data wherever they stand, and
//! nothing else does. A CR is bare unless an LF follows it, an LF unless a CR precedes it.

/// What the octets so far have led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// After CRLF, and at the very beginning: the DATA line ended in CRLF.
    #[default]
    LineStart,
    /// Within a line.
    Text,
    /// After a CR within a line.
    Cr,
    /// After a dot at a line start.
    Dot,
    /// After a dot at a line start and a CR.
    DotCr,
}

impl State {
    /// The state after content without flaws that ends in `octet`, where that is no dot of
    /// transparency.
    pub(super) const fn after(octet: u8) -> Self {
        match octet {
            b'\r' => Self::Cr,
            b'\n' => Self::LineStart,
            _ => Self::Text,
        }
    }
}

/// What becomes of an octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is content.
    Keep,
    /// It is the dot that transparency added.
    Drop,
    /// It is a CR that the next octet may make part of the end of data.
    Hold,
    /// It is content, and it is either a bare LF or what follows a bare CR.
    Bare,
    /// It ends the data.
    End,
}

/// The definition of end of data.
pub(super) const fn step(state: State, octet: u8) -> (State, Step) {
    match (state, octet) {
        (State::LineStart, b'.') => (State::Dot, Step::Drop),
        (State::LineStart | State::Text | State::Dot, b'\n') => (State::Text, Step::Bare),
        (State::LineStart | State::Text, b'\r') => (State::Cr, Step::Keep),
        (State::Dot, b'\r') => (State::DotCr, Step::Hold),
        (State::Cr, b'\n') => (State::LineStart, Step::Keep),
        (State::DotCr, b'\n') => (State::LineStart, Step::End),
        // The first CR is bare, the second may still begin a CRLF.
        (State::Cr | State::DotCr, b'\r') => (State::Cr, Step::Bare),
        (State::Cr | State::DotCr, _) => (State::Text, Step::Bare),
        (State::LineStart | State::Text | State::Dot, _) => (State::Text, Step::Keep),
    }
}
