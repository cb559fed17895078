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
        // The right is there, but nothing that could use it.
        (&["login=kim", "to=v@ext.test"], "delivery: 554 5.7.1 Relaying is not possible"),
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
fn a_wrong_question_is_64() {
    for (words, part) in [
        (&["explain"][..], "say to whom with to=ADDRESS"),
        (&["explain", "to=v"], "to: 'v'"),
        (&["explain", "sender=a@b.test"], "none of client="),
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
