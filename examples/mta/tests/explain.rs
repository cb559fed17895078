//! `mta explain`: what would be answered, and why.

use crate::harness::run_as_is;

const OPTIONS: [&str; 6] = [
    "-o",
    "mydestination=local.test",
    "-o",
    "mynetworks=!10.9.0.0/16, 10.0.0.0/8",
    "-o",
    "relay_domains=relay.test",
];

/// What it prints to this question.
fn explained(words: &[&str]) -> String {
    let output = run_as_is(&[&["explain"], &OPTIONS[..], words].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(0), ""), "{words:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_refusal_is_explained_rule_by_rule() {
    let told = explained(&["client=10.9.0.1", "helo=a.test", "from=a@b.test", "to=v@ext.test"]);
    assert_eq!(
        told,
        "networks: the client is in 10.9.0.0/16, which is excluded\n\
         authenticated: the client did not log in\n\
         local domains: the domain of <v@ext.test> is none of them\n\
         relay domains: ext.test is none of them\n\
         reject_unauth_destination decides\n\
         relay policy: 554 5.7.1 Relay access denied\n\
         => 554 5.7.1 Relay access denied\n"
    );
}

#[test]
fn what_decides_is_named() {
    for (words, part) in [
        (&["client=192.0.2.1", "to=kim@local.test"][..], "=> accepted: the recipient is local\n"),
        (&["to=kim@local.test"], "=> accepted"),
        (&["client=10.0.0.1", "to=v@ext.test"], "policy: granted, client is in 10.0.0.0/8\n"),
        (&["client=::ffff:10.0.0.1", "to=v@ext.test"], "permit_mynetworks decides\n"),
        (&["login=kim", "to=v@ext.test"], "policy: granted, authenticated as kim\n"),
        (&["to=v@relay.test"], "policy: granted, recipient is in relay.test\n"),
        (&["login=kim", "to=v@ext.test"], "=> relayed: authenticated as kim\n"),
        (
            &["service=submission", "login=kim", "from=kim@localhost", "to=v@ext.test"],
            "=> 554 5.1.0 <kim@localhost>: Domain is not fully qualified\n",
        ),
        (&["to=v%ext.test@relay.test"], "could be sent further than to relay.test\n"),
        (&["to=v@[127.0.0.1]"], "=> accepted"),
        (&["to=v@[127.0.0.1]", "--smtp", "off"], "=> 554 5.7.1 Relay access denied\n"),
        (
            &["to=v@ext.test", "-o", "smtpd_relay_restrictions=defer_unauth_destination"],
            "=> 454 4.7.1 Relay access denied\n",
        ),
    ] {
        let told = explained(words);
        assert!(told.contains(part), "{words:?}: {told}");
    }
}

#[test]
fn the_list_and_the_word_that_decide_are_named() {
    let table = "check_sender_access inline:{ {spam.test = REJECT No}, {ok.test = OK} }";
    let senders = format!("smtpd_sender_restrictions={table}, reject");
    for (words, parts) in [
        (
            &["from=a@mail.spam.test", "to=kim@local.test"][..],
            &[
                "access table (Sender): the entry for spam.test counts\n",
                "Sender restrictions: check_sender_access inline:{",
                "decides\naccess control (Sender): 554 5.7.1 <a@mail.spam.test>: Sender address rejected: No\n",
                "=> 554 5.7.1 <a@mail.spam.test>: Sender address rejected: No\n",
            ][..],
        ),
        (
            &["from=a@b.test", "to=kim@local.test"],
            &["Sender restrictions: reject decides\n", "rejected: Access denied\n"],
        ),
        (
            &["from=a@ok.test", "to=v@ext.test"],
            &[
                "} ends the list\n",
                "reject_unauth_destination decides\n",
                "=> 554 5.7.1 Relay access denied\n",
            ],
        ),
    ] {
        let told = explained(&[words, &["-o", &senders]].concat());
        assert!(parts.iter().all(|part| told.contains(part)), "{words:?}: {told}");
    }
}

/// Answers each question with 127.0.0.2, but lists nothing that must not be listed.
fn dns_list() -> std::net::SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let Some(end) = question[12..length].iter().position(|octet| *octet == 0) else {
                continue;
            };
            let question = &question[..12 + end + 5];
            let is_listed = question[12..].starts_with(b"\x019\x012\x010\x03192")
                && question[question.len() - 3] == 1;
            let mut answer = question.to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_listed), 0, 0, 0, 0]);
            if is_listed {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 2]);
            }
            let _ = socket.send_to(&answer, from);
        }
    });
    address
}

#[test]
fn a_dns_list_is_asked_where_dns_says() {
    let server = dns_list().to_string();
    for (client, end) in [
        (
            "client=192.0.2.9",
            "=> 554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.test\n",
        ),
        ("client=192.0.2.8", "=> accepted: the recipient is local\n"),
    ] {
        let list = "smtpd_client_restrictions=reject_rbl_client bl.test";
        let told = explained(&["--dns", &server, "-o", list, client, "to=kim@local.test"]);
        assert!(told.ends_with(end), "{told}");
    }
}

#[test]
fn a_wrong_question_is_64() {
    for (words, part) in [
        (&["explain"][..], "say to whom with to=ADDRESS"),
        (&["explain", "to=v"], "to: 'v'"),
        (&["explain", "sender=a@b.test"], "none of service="),
        (&["explain", "--unknown"], "--unknown"),
        (&["explain", "to=v@b.test", "-o", "smtpd_relay_restrictions=permit"], "everybody"),
        (&["explain", "to=v@b.test", "-o", "mynetworks=10.0.0.0/8 !10.0.0.1"], "in front of"),
    ] {
        let output = run_as_is(words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{words:?}: {stderr}");
        assert!(stderr.contains(part) && stderr.lines().count() == 1, "{words:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}
