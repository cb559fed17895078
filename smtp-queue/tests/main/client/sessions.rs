//! Sessions as they go with well-behaved next hops.

use smtp_queue::transport::smtp::session::{Hello, TlsUse};

use super::script::{Mail, run, smtp};

// rows: 5321-2.2.1-c, 5321-3.3-m, 5321-4.1.1.1-b, 5321-4.3.1-b, 5321-4.1.1-b, 2920-3.1-b, 1870-5-a, 5321-4.1.1.10-c
#[test]
fn a_transaction_is_one_group() {
    let mail = Mail::new(&["<b@d.test>", "<c@d.test>"]);
    run(
        &smtp(),
        &mail,
        "
        S: 220 mx.test ESMTP
        C: EHLO client.test
        S: 250-mx.test greets you
        S: 250-PIPELINING
        S: 250 SIZE 1000
        M:
        C: MAIL FROM:<a@client.test> SIZE=12
        C: RCPT TO:<b@d.test>
        C: RCPT TO:<c@d.test>
        C: DATA
        S: 250 2.1.0 Ok
        S: 250 2.1.5 Ok
        S: 250 2.1.5 Ok
        S: 354 Go on
        C: A: b
        C:
        C: ..c
        C: .
        S: 250 2.0.0 Taken
        Q:
        C: QUIT
        S: 221 Bye
        = 0 250 EndOfData
        = 1 250 EndOfData
    ",
    );
}

// rows: 5321-3.2-b, 5321-4.3.1-a, 2920-3.1-a, 5321-4.1.1.3-g
#[test]
fn an_old_server_gets_one_command_at_a_time() {
    let mut mail = Mail::new(&["<b@d.test> NOTIFY=NEVER"]);
    mail.entry =
        super::mail::entry("<a@client.test> BODY=8BITMIME RET=HDRS", &["<b@d.test> NOTIFY=NEVER"]);
    run(
        &smtp(),
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 500 Unknown
        C: HELO client.test
        S: 250 mx.test
        M:
        C: MAIL FROM:<a@client.test>
        S: 250 Ok
        C: RCPT TO:<b@d.test>
        S: 250 Ok
        C: DATA
        S: 354 Go on
        C: A: b
        C:
        C: ..c
        C: .
        S: 250 Taken
        = 0 250 EndOfData
    ",
    );
}

// rows: 5321-4.1.1.1-c
#[test]
fn a_client_has_a_domain_or_an_address() {
    let literal = Hello::smtp("[IPv6:2001:db8::1]", TlsUse::Never).unwrap();
    run(
        &literal,
        &Mail::new(&["<b@d.test>"]),
        "
        S: 220 mx.test
        C: EHLO [IPv6:2001:db8::1]
    ",
    );
    for name in ["", "a b", "my_host!", "[2001:db8::1]", "x\r\nMAIL"] {
        assert!(Hello::smtp(name, TlsUse::Never).is_err(), "{name:?}");
    }
}

// rows: 5321-4.2-e, 5321-4.2-f, 7504-4-a, 3463-2-b, 2920-3.1-d, 2920-3.1-f
#[test]
fn the_first_digit_decides() {
    let mail = Mail::new(&[
        "<a@d.test>",
        "<b@d.test>",
        "<c@d.test>",
        "<d@d.test>",
        "<e@d.test>",
        "<f@d.test>",
    ]);
    run(
        &smtp(),
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 PIPELINING
        M:
        C: MAIL FROM:<a@client.test>
        C: RCPT TO:<a@d.test>
        C: RCPT TO:<b@d.test>
        C: RCPT TO:<c@d.test>
        C: RCPT TO:<d@d.test>
        C: RCPT TO:<e@d.test>
        C: RCPT TO:<f@d.test>
        C: DATA
        S: 250 550 No such user
        S: 259-odd
        S: 259 but 550 fine
        S: 499 odd
        S: 556 5.1.10 Domain does not accept mail
        S: 550 5.9.999 odd
        S: 251 250 User not local; will forward
        S: 550-5.1.1 No
        S: 550 5.1.1 such user 250
        S: 354 550
        C: A: b
        C:
        C: ..c
        C: .
        S: 299 550 5.0.0 failed
        = 1 499 Rcpt
        = 2 556 Rcpt
        = 3 550 Rcpt
        = 5 550 Rcpt
        = 0 299 EndOfData
        = 4 299 EndOfData
    ",
    );
}

// rows: 2920-3.1-e, 5321-4.1.4-e
#[test]
fn nobody_gets_an_empty_message() {
    run(
        &smtp(),
        &Mail::new(&["<b@d.test>"]),
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 PIPELINING
        M:
        C: MAIL FROM:<a@client.test>
        C: RCPT TO:<b@d.test>
        C: DATA
        S: 250 Ok
        S: 550 No
        S: 354 Go on
        C: .
        S: 554 No recipients
        M:
        C: MAIL FROM:<a@client.test>
        C: RCPT TO:<b@d.test>
        C: DATA
        S: 250 Ok
        S: 450 Later
        S: 503 No recipients
        C: RSET
        S: 250 Ok
        M:
        C: MAIL FROM:<a@client.test>
        C: RCPT TO:<b@d.test>
        C: DATA
        = 0 550 Rcpt
        = 0 450 Rcpt
    ",
    );
    run(
        &smtp(),
        &Mail::new(&["<b@d.test>"]),
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250 mx.test
        M:
        C: MAIL FROM:<a@client.test>
        S: 250 Ok
        C: RCPT TO:<b@d.test>
        S: 550 No
        C: RSET
        S: 250 Ok
        M:
        C: MAIL FROM:<a@client.test>
        = 0 550 Rcpt
    ",
    );
}

// rows: 5321-3.3-j
#[test]
fn content_follows_354_alone() {
    for code in ["503", "421", "250", "355"] {
        let (next, told, failure) = match code {
            "503" => ("C: RSET", "= 0 503 Data", ""),
            "421" => ("", "", "! host mx said: 421 what (in reply to DATA command)"),
            _ => ("", "", "! host mx is out of step while sending DATA command"),
        };
        run(
            &smtp(),
            &Mail::new(&["<b@d.test>"]),
            &format!(
                "
            S: 220 mx.test
            C: EHLO client.test
            S: 250 mx.test
            M:
            C: MAIL FROM:<a@client.test>
            S: 250 Ok
            C: RCPT TO:<b@d.test>
            S: 250 Ok
            C: DATA
            S: {code} what
            {next}
            {failure}
            {told}
        "
            ),
        );
    }
}

// rows: 5321-4.1.1.4-f
#[test]
fn a20_content_is_lines_and_ends_in_one() {
    let data = |lines: &str| format!("C: DATA\nS: 354 Go on\n{lines}\nC: .");
    for (content, sent) in [
        (&b"A: b\r\n\r\nc"[..], data("C: A: b\nC:\nC: c")),
        (b"A: b\n\n.\nc\n", data("C: A: b\nC:\nC: ..\nC: c")),
        (b"A: b\r\n\r\nc\rd\r.\r\n", data("C: A: b\nC:\nC: c d .")),
        (b"A: b\r\n\r\n.\r\n", "C: BDAT 11 LAST\nC: A: b\nC:\nC: .".to_owned()),
        (b"", "C: BDAT 0 LAST".to_owned()),
    ] {
        let mail = Mail { content: content.to_vec(), ..Mail::new(&["<b@d.test>"]) };
        run(
            &smtp(),
            &mail,
            &format!(
                "
            S: 220 mx.test
            C: EHLO client.test
            S: 250-mx.test
            S: 250 CHUNKING
            M:
            C: MAIL FROM:<a@client.test>
            S: 250 Ok
            C: RCPT TO:<b@d.test>
            S: 250 Ok
            {sent}
            S: 250 Taken
            = 0 250 EndOfData
        "
            ),
        );
    }
}

// rows: 1870-6.2-a
#[test]
fn a_refused_message_is_followed_by_rset() {
    for reply in ["452 4.3.1 Full", "552 5.3.4 Too large"] {
        let code = &reply[..3];
        let mail = Mail::new(&["<b@d.test>", "<c@d.test>"]);
        let told = format!("= 0 {code} Mail\n = 1 {code} Mail");
        run(
            &smtp(),
            &mail,
            &format!(
                "
            S: 220 mx.test
            C: EHLO client.test
            S: 250-mx.test
            S: 250 SIZE
            M:
            C: MAIL FROM:<a@client.test> SIZE=12
            S: {reply}
            C: RSET
            S: 250 Ok
            M:
            C: MAIL FROM:<a@client.test> SIZE=12
            {told}
        "
            ),
        );
        run(
            &smtp(),
            &mail,
            &format!(
                "
            S: 220 mx.test
            C: EHLO client.test
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250 SIZE
            M:
            C: MAIL FROM:<a@client.test> SIZE=12
            C: RCPT TO:<b@d.test>
            C: RCPT TO:<c@d.test>
            C: DATA
            S: {reply}
            S: 503 Need MAIL
            S: 503 Need MAIL
            S: 503 Need MAIL
            C: RSET
            S: 250 Ok
            {told}
        "
            ),
        );
    }
}

// rows: 1870-6.2-b
#[test]
fn the_end_of_the_content_may_be_refused() {
    for code in ["452", "552", "450", "554"] {
        run(
            &smtp(),
            &Mail::new(&["<b@d.test>"]),
            &format!(
                "
            S: 220 mx.test
            C: EHLO client.test
            S: 250-mx.test
            S: 250-PIPELINING
            S: 250 SIZE
            M:
            C: MAIL FROM:<a@client.test> SIZE=12
            C: RCPT TO:<b@d.test>
            C: DATA
            S: 250 Ok
            S: 250 Ok
            S: 354 Go on
            C: A: b
            C:
            C: ..c
            C: .
            S: {code} No
            M:
            C: MAIL FROM:<a@client.test> SIZE=12
            C: RCPT TO:<b@d.test>
            C: DATA
            S: 250 Ok
            S: 250 Ok
            S: {code} No
            C: RSET
            = 0 {code} EndOfData
            = 0 {code} Data
        "
            ),
        );
    }
}

// rows: 5321-4.5.3.1.10-b
#[test]
fn one_recipient_too_many_is_told_by_those_before() {
    let mail = Mail::new(&["<b@d.test>", "<c@d.test>", "<d@d.test>", "<e@d.test>"]);
    run(
        &smtp(),
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 PIPELINING
        M:
        C: MAIL FROM:<a@client.test>
        C: RCPT TO:<b@d.test>
        C: RCPT TO:<c@d.test>
        C: RCPT TO:<d@d.test>
        C: RCPT TO:<e@d.test>
        C: DATA
        S: 250 Ok
        S: 552 No
        S: 250 Ok
        S: 552 No
        S: 552 5.2.2 Mailbox full
        S: 354 Go on
        C: A: b
        C:
        C: ..c
        C: .
        S: 250 Taken
        = 0 552 Rcpt
        = 2 552 Rcpt one too many
        = 3 552 Rcpt
        = 1 250 EndOfData
    ",
    );
}

// rows: 3030-2-c, 3030-2-i, 3030-2-l, 3030-2-n
#[test]
fn a_chunk_saves_the_wait_for_354() {
    run(
        &smtp(),
        &Mail::new(&["<b@d.test>"]),
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 CHUNKING
        M:
        C: MAIL FROM:<a@client.test>
        S: 250 Ok
        C: RCPT TO:<b@d.test>
        S: 250 Ok
        C: BDAT 12 LAST
        C: A: b
        C:
        C: .c
        S: 452 4.3.1 Full
        C: RSET
        S: 250 Ok
        M:
        C: MAIL FROM:<a@client.test>
        = 0 452 EndOfData
    ",
    );
}

#[test]
fn binary_content_goes_in_a_chunk_behind_all_replies() {
    let mut mail = Mail::new(&["<b@d.test>"]);
    mail.entry = super::mail::entry("<a@client.test> BODY=BINARYMIME", &["<b@d.test>"]);
    run(
        &smtp(),
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-BINARYMIME
        S: 250 CHUNKING
        M:
        C: MAIL FROM:<a@client.test> BODY=BINARYMIME
        C: RCPT TO:<b@d.test>
        S: 250 Ok
        S: 250 Ok
        C: BDAT 12 LAST
        C: A: b
        C:
        C: .c
        S: 250 Taken
        = 0 250 EndOfData
    ",
    );
}

// rows: 3207-4-d, 3207-4-e, 3207-4.2-c, 3207-4.2-e, 9422-3.6-a
#[test]
fn starttls_begins_anew() {
    run(
        &smtp(),
        &Mail::new(&["<b@d.test>"]),
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250-PIPELINING
        S: 250-SIZE 5
        S: 250-LIMITS RCPTMAX=1
        S: 250 STARTTLS
        C: STARTTLS
        S: 220 Go on
        T: unverified
        C: EHLO client.test
        S: 250-mx.test
        S: 250 STARTTLS
        M:
        C: MAIL FROM:<a@client.test>
    ",
    );
}

#[test]
fn b13_tls_that_is_required_is_not_left_out() {
    let required = Hello::smtp("client.test", TlsUse::Required).unwrap();
    let mail = Mail::new(&["<b@d.test>"]);
    run(
        &required,
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 PIPELINING
        ! TLS is required, but was not offered by host mx
        Q:
        C: QUIT
    ",
    );
    run(
        &required,
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 STARTTLS
        C: STARTTLS
        S: 454 4.7.0 Not now
        ! TLS is required, but host mx refused to start TLS: 454 4.7.0 Not now
        Q:
        C: QUIT
    ",
    );
    run(
        &required,
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 502 What?
        C: HELO client.test
        S: 250 mx.test
        ! TLS is required, but was not offered by host mx
    ",
    );
    run(
        &smtp(),
        &mail,
        "
        S: 220 mx.test
        C: EHLO client.test
        S: 250-mx.test
        S: 250 STARTTLS
        C: STARTTLS
        S: 454 4.7.0 Not now
        M:
        C: MAIL FROM:<a@client.test>
    ",
    );
}

// rows: 2033-4.2-c, 2033-5-c
#[test]
fn lmtp_answers_for_each_recipient() {
    let lmtp = Hello::lmtp("client.test", TlsUse::Never).unwrap();
    let mail = Mail::new(&["<b@d.test>", "<c@d.test>", "<d@d.test>", "<e@d.test>"]);
    let begin = "
        S: 220 store.test LMTP
        C: LHLO client.test
        S: 250-store.test
        S: 250 PIPELINING
        M:
        C: MAIL FROM:<a@client.test>
        C: RCPT TO:<b@d.test>
        C: RCPT TO:<c@d.test>
        C: RCPT TO:<d@d.test>
        C: RCPT TO:<e@d.test>
        C: DATA
        S: 250 Ok
        S: 250 Ok
        S: 550 No
        S: 250 Ok
        S: 250 Ok
        S: 354 Go on
        C: A: b
        C:
        C: ..c
        C: .";
    run(
        &lmtp,
        &mail,
        &format!(
            "{begin}
        S: 250-Stored
        S: 250 for b
        S: 452 4.2.2 Full
        S: 250 Stored
        Q:
        C: QUIT
        = 1 550 Rcpt
        = 0 250 EndOfData
        = 2 452 EndOfData
        = 3 250 EndOfData
    "
        ),
    );
    run(
        &lmtp,
        &mail,
        &format!(
            "{begin}
        S: 250 Stored
        E:
        ! lost connection with mx while sending end of data -- message may be sent more than once
        = 1 550 Rcpt
        = 0 250 EndOfData
    "
        ),
    );
}
