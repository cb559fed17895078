//! The text of a rule.

use std::time::Duration;

use proptest::prelude::*;
use smtp_server::testing::{Faults, On, Rule, RuleError, Trigger};

#[test]
fn texts_and_what_they_mean() {
    for (text, rule) in [
        (
            "rcpt nth=2 to=kim@example.org reply=\"451 4.2.1 try later\"",
            Rule::at(On::Rcpt).to("kim@example.org").nth(2).answer("451 4.2.1 try later"),
        ),
        (
            "end-of-data connection=1 times=3 reset",
            Rule::at(On::EndOfData).on_connection(1).times(3).reset(),
        ),
        ("connect reply=\"421 4.3.2 busy\"", Rule::at(On::Connect).answer("421 4.3.2 busy")),
        (
            "content after=1000 stall=5s",
            Rule::at(On::Content).after(1000).stall(Duration::from_secs(5)),
        ),
        ("mail probability=0.25 close", Rule::at(On::Mail).with_probability(0.25).close()),
        ("hello half-close", Rule::at(On::Hello).half_close()),
        ("tls-handshake fail", Rule::at(On::TlsHandshake).fail_handshake()),
        ("noop delay=250ms", Rule::at(On::Noop).delay(Duration::from_millis(250))),
        ("any throttle=10", Rule::at(On::Any).throttle(10)),
        ("quit truncate=7", Rule::at(On::Quit).truncate(7)),
        ("vrfy garbage=plain", Rule::at(On::Vrfy).garbage("plain")),
        ("rset garbage=\"\\xff\\r\\n\"", Rule::at(On::Rset).garbage(b"\xff\r\n")),
        ("data reply=\"554 \"", Rule::at(On::Data).answer("554")),
    ] {
        assert_eq!(text.parse::<Rule>().unwrap(), rule, "{text}");
        assert_eq!(rule.to_string(), text);
    }
}

#[test]
fn texts_are_forgiving_about_order_and_space() {
    for (text, displayed) in [
        ("  content   stall=5s\tafter=1000 ", "content after=1000 stall=5s"),
        ("rcpt reset times=1 nth=2", "rcpt nth=2 times=1 reset"),
        ("rcpt reply=450", "rcpt reply=\"450 \""),
        ("rcpt reply=\"451 5.2.1 x\"", "rcpt reply=\"451 4.2.1 x\""),
        ("auth delay=\"2m\"", "auth delay=120s"),
        ("auth delay=1500000us", "auth delay=1500ms"),
        ("starttls garbage=\"\\x41\\t\\\"\\\\\"", "starttls garbage=\"A\\t\\\"\\\\\""),
    ] {
        assert_eq!(text.parse::<Rule>().unwrap().to_string(), displayed);
    }
}

#[test]
fn errors_name_the_word() {
    for (text, word) in [
        ("", ""),
        ("rcpt", ""),
        ("rcpt nth=2", ""),
        ("receipt reset", "receipt"),
        ("rcpt=1 reset", "rcpt=1"),
        ("rcpt reset close", "close"),
        ("rcpt reset=1", "reset=1"),
        ("rcpt nth=0 reset", "nth=0"),
        ("rcpt times=x reset", "times=x"),
        ("rcpt nth reset", "nth"),
        ("rcpt reply=\"250 2.0.0 Ok\"", "reply=\"250 2.0.0 Ok\""),
        ("rcpt reply=4511", "reply=4511"),
        ("rcpt reply=\"451 later", "reply=\"451 later"),
        ("rcpt garbage=\"\\q\"", "garbage=\"\\q\""),
        ("rcpt garbage=\"a\"b", "garbage=\"a\"b"),
        ("rcpt garbage", "garbage"),
        ("rcpt delay=2", "delay=2"),
        ("rcpt delay=99999999999999999999s", "delay=99999999999999999999s"),
        ("rcpt throttle=0", "throttle=0"),
        ("rcpt sleep=2s", "sleep=2s"),
        // What can be read, and makes no sense.
        ("rcpt probability=2 reset", "rcpt"),
        ("rcpt after=10 reset", "rcpt"),
        ("rcpt stall=2s", "rcpt"),
        ("rcpt fail", "rcpt"),
        ("mail to=kim@example.org reset", "mail"),
        ("content reply=\"451 later\"", "content"),
        ("content delay=2s", "content"),
        ("tls-handshake reply=\"451 later\"", "tls-handshake"),
    ] {
        let RuleError { word: wrong, expected } = text.parse::<Rule>().unwrap_err();
        assert_eq!(wrong, word, "{text}: {expected}");
        assert!(!expected.is_empty());
    }
}

#[test]
#[should_panic(expected = "'mail': expected to with rcpt")]
fn a_rule_in_the_source_that_makes_no_sense_panics() {
    let _ = Rule::at(On::Mail).to("kim@example.org").reset();
}

#[test]
#[should_panic(expected = "'250 Ok' is no refusal")]
fn an_answer_in_the_source_that_is_no_refusal_panics() {
    let _ = Rule::at(On::Mail).answer("250 Ok");
}

#[test]
fn rules_come_and_go() {
    let faults = Faults::default();
    let [first, second] =
        ["rcpt reset", "mail close"].map(|rule| faults.add(rule.parse().unwrap()));
    assert!(faults.remove(first) && !faults.remove(first));
    let shown = faults
        .rules()
        .iter()
        .map(|(id, rule, hits)| format!("{id} {rule} {hits}"))
        .collect::<Vec<_>>();
    assert_eq!(shown, [format!("{second} mail close 0")]);
    assert_eq!(second.to_string().parse(), Ok(second));
    faults.clone().clear();
    assert!(faults.rules().is_empty());
    assert_ne!(faults.add("rcpt reset".parse().unwrap()), second);
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let on = proptest::sample::select(vec![On::Rcpt, On::Data, On::EndOfData, On::Any]);
    let counted = || proptest::option::of(any::<u64>());
    let conditions = (
        counted(),
        counted(),
        counted(),
        proptest::option::of(0.0..=1.0),
        proptest::option::of(".*"),
    );
    (on, conditions).prop_map(|(on, (nth, connection, times, probability, to))| {
        let mut trigger = Rule::at(on);
        trigger = nth.into_iter().fold(trigger, Trigger::nth);
        trigger = connection.into_iter().fold(trigger, Trigger::on_connection);
        trigger = times.into_iter().fold(trigger, Trigger::times);
        trigger = probability.into_iter().fold(trigger, Trigger::with_probability);
        to.into_iter().fold(trigger, Trigger::to)
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let time = || any::<u64>().prop_map(Duration::from_nanos);
    let text = proptest::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter);
    prop_oneof![
        (trigger(), 400..600_u16, text)
            .prop_map(|(rule, code, text)| rule.answer(&format!("{code} {text}"))),
        (trigger(), time()).prop_map(|(rule, time)| rule.delay(time)),
        (trigger(), 1..=u32::MAX).prop_map(|(rule, rate)| rule.throttle(rate)),
        (trigger(), any::<Vec<u8>>()).prop_map(|(rule, octets)| rule.garbage(octets)),
        (trigger(), any::<usize>()).prop_map(|(rule, bytes)| rule.truncate(bytes)),
        trigger().prop_map(Trigger::close),
        trigger().prop_map(Trigger::half_close),
        trigger().prop_map(Trigger::reset),
        (any::<u64>(), time())
            .prop_map(|(after, time)| Rule::at(On::Content).after(after).stall(time)),
    ]
}

proptest! {
    #[test]
    fn a_rule_is_read_as_what_was_written(rule in rule()) {
        prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
    }

    #[test]
    fn no_text_is_too_much(text in ".*") {
        let _ = text.parse::<Rule>();
    }

    #[test]
    fn no_words_are_too_much(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "rcpt", "content", "connect", "tls-handshake", " ", "\t", "=", "\"", "\\", "\\x", "ff", "reply", "451", "delay", "5s",
            "99999999999999999999", "m", "nth", "times", "to", "probability", "NaN", "-1", "inf", "garbage", "reset", "é", "\u{85}",
        ]), 0..12)
    ) {
        if let Ok(rule) = words.concat().parse::<Rule>() {
            prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
        }
    }
}
