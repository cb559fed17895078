//! The keys and actions of access(5), row by row.

use smtp_server::access::TableType;

use super::{Ask, answer, maps};

/// One table for each of client, HELO, sender and recipient. All keys are different, so that no row meets another.
pub(super) const TABLES: [&str; 4] = [CLIENT, HELLO, SENDER, RECIPIENT];

const CLIENT: &str = "\
10.1.1.1        REJECT
10.1.1.2        REJECT Go away
10.1.1.3        REJECT 5.7.9 Go away
10.1.1.4        REJECT 5.1.1 About an address
10.1.1.5        REJECT 4.7.9 Of another class
10.1.1.6        DEFER
10.1.1.7        DEFER Not now
10.1.1.8        DEFER 4.7.9 Not now
10.1.1.9        421 Bye
10.1.1.10       521 Bye
10.1.1.11       550 Text
10.1.1.12       450 4.3.2 Text
10.1.1.13       550 5.7.1
10.1.1.14       550 4.2.2 Of another class
10.1.1.15       550
10.1.1.16       1234567890
10.1.1.17       OK with a text
10.1.1.18       RELAY
10.1.1.19       DUNNO with a text
10.1.1.20       reject in lower case
10.1.1.21       Reject\tBehind a tab
10.1.1.22       REJECT on
  two lines
10.1.1          REJECT Network of three octets
10.1            REJECT Network of two octets
11              REJECT Network of one octet
12.1.1.1        OK
12.1.1          REJECT Less specific
13.1.1.1        DUNNO
13.1.1          REJECT Hidden
14.1.1.1        REJECT Other network
2001:db8:1      REJECT IPv6 network
2001:db8:2::5   REJECT IPv6 address
host.name.test  REJECT Host
name.test       REJECT Parent
test            REJECT Top level
dunno.test      DUNNO
15.1.1.1        REJECT Address of a host whose name was DUNNO
16.1.1.1        REJECT Address
bl\u{fc}.test      REJECT Umlaut
";

const HELLO: &str = "\
mail.helo.test   REJECT Name
helo.test        REJECT Parent
ok.helo.test     OK
10.1.1.1         REJECT No literal
[10.1.1.2]       REJECT Literal
one.status.test  550 5.1.1 Text
two.status.test  450 4.1.8 Text
";

const SENDER: &str = "\
<>                     REJECT Null
kim@sub.mail.test      REJECT Address
sub.mail.test          REJECT Domain
mail.test              REJECT Parent
lee@                   REJECT User
lee@known.test         OK
max+lists@ext.test     REJECT With extension
max@ext.test           REJECT Without extension
una+lists@             REJECT User with extension
una@                   REJECT User without extension
dunno@mail.test        DUNNO
[192.0.2.1]            REJECT Literal
UPPER@Case.TEST        REJECT Folded
xn--bcher-kva.test     REJECT A-label
a0@status.test         550 5.1.0 Text
a1@status.test         550 5.1.1 Text
a2@status.test         550 5.1.2 Text
a3@status.test         550 5.1.3 Text
a4@status.test         550 5.1.4 Text
a5@status.test         550 5.1.5 Text
a6@status.test         450 4.1.6 Text
a7@status.test         450 4.1.7 Text
a8@status.test         450 4.1.8 Text
a9@status.test         450 4.1.9 Text
b1@status.test         550 5.2.1 Text
";

const RECIPIENT: &str = "\
kim@local.test         REJECT Address
sub.local.test         REJECT Domain
lee@                   REJECT User
lee+ok@local.test      OK
max@local.test         REJECT Without extension
a0@local.test          550 5.1.0 Text
a1@local.test          550 5.1.1 Text
a2@local.test          550 5.1.2 Text
a3@local.test          550 5.1.3 Text
a4@local.test          550 5.1.4 Text
a5@local.test          550 5.1.5 Text
a6@local.test          450 4.1.6 Text
a7@local.test          450 4.1.7 Text
a8@local.test          450 4.1.8 Text
a9@local.test          450 4.1.9 Text
discard@local.test     DISCARD
hold@local.test        HOLD Look at it
redirect@local.test    REDIRECT una@example.net
bcc@local.test         BCC una@example.net
filter@local.test      FILTER scan:[127.0.0.1]:10025
prepend@local.test     PREPEND X-Seen: yes
warn@local.test        WARN Odd
info@local.test        INFO Fine
";

/// What is asked, and the answer. The recipient delimiter is `+`.
pub(super) const ROWS: &[(Ask, &str)] = &[
    (Ask::Client("10.1.1.1", ""), "554 5.7.1 Access denied"),
    (Ask::Client("10.1.1.2", ""), "554 5.7.1 Go away"),
    (Ask::Client("10.1.1.3", ""), "554 5.7.9 Go away"),
    (Ask::Client("10.1.1.4", ""), "554 5.0.0 About an address"),
    (Ask::Client("10.1.1.5", ""), "554 5.7.9 Of another class"),
    (Ask::Client("10.1.1.6", ""), "450 4.7.1 Access denied"),
    (Ask::Client("10.1.1.7", ""), "450 4.7.1 Not now"),
    (Ask::Client("10.1.1.8", ""), "450 4.7.9 Not now"),
    (Ask::Client("10.1.1.9", ""), "421 4.7.1 Bye (closes)"),
    (Ask::Client("10.1.1.10", ""), "521 5.7.1 Bye (closes)"),
    (Ask::Client("10.1.1.11", ""), "550 5.7.1 Text"),
    (Ask::Client("10.1.1.12", ""), "450 4.3.2 Text"),
    (Ask::Client("10.1.1.13", ""), "550 5.7.1 Access denied"),
    (Ask::Client("10.1.1.14", ""), "550 5.2.2 Of another class"),
    (Ask::Client("10.1.1.15", ""), "ok"),
    (Ask::Client("10.1.1.16", ""), "ok"),
    (Ask::Client("10.1.1.17", ""), "ok"),
    (Ask::Client("10.1.1.18", ""), "ok"),
    (Ask::Client("10.1.1.19", ""), "ok"),
    (Ask::Client("10.1.1.20", ""), "554 5.7.1 in lower case"),
    (Ask::Client("10.1.1.21", ""), "554 5.7.1 Behind a tab"),
    (Ask::Client("10.1.1.22", ""), "554 5.7.1 on  two lines"),
    (Ask::Client("10.1.1.99", ""), "554 5.7.1 Network of three octets"),
    (Ask::Client("10.1.99.99", ""), "554 5.7.1 Network of two octets"),
    (Ask::Client("10.99.99.99", ""), "ok"),
    (Ask::Client("11.99.99.99", ""), "554 5.7.1 Network of one octet"),
    (Ask::Client("110.99.99.99", ""), "ok"),
    (Ask::Client("12.1.1.1", ""), "ok"),
    (Ask::Client("12.1.1.2", ""), "554 5.7.1 Less specific"),
    (Ask::Client("13.1.1.1", ""), "ok"),
    (Ask::Client("13.1.1.2", ""), "554 5.7.1 Hidden"),
    (Ask::Client("14.1.1.1", ""), "554 5.7.1 Other network"),
    (Ask::Client("2001:db8:1::9", ""), "554 5.7.1 IPv6 network"),
    (Ask::Client("2001:db8:1:2:3:4:5:6", ""), "554 5.7.1 IPv6 network"),
    (Ask::Client("2001:db8:2:0:0:0:0:5", ""), "554 5.7.1 IPv6 address"),
    (Ask::Client("2001:db8:2::6", ""), "ok"),
    (Ask::Client("16.9.9.9", "host.name.test"), "554 5.7.1 Host"),
    (Ask::Client("16.9.9.9", "HOST.Name.test"), "554 5.7.1 Host"),
    (Ask::Client("16.9.9.9", "other.name.test"), "554 5.7.1 Parent"),
    (Ask::Client("16.9.9.9", "a.b.c.name.test"), "554 5.7.1 Parent"),
    (Ask::Client("16.9.9.9", "myname.test"), "554 5.7.1 Top level"),
    (Ask::Client("16.9.9.9", "nobody.example"), "ok"),
    (Ask::Client("15.1.1.1", "a.dunno.test"), "ok"),
    (Ask::Client("16.1.1.1", "host.name.test"), "554 5.7.1 Host"),
    (Ask::Client("16.1.1.1", "nobody.example"), "554 5.7.1 Address"),
    (Ask::Hello("mail.helo.test"), "554 5.7.1 Name"),
    (Ask::Hello("MAIL.helo.TEST"), "554 5.7.1 Name"),
    (Ask::Hello("other.helo.test"), "554 5.7.1 Parent"),
    (Ask::Hello("ok.helo.test"), "ok"),
    (Ask::Hello("[10.1.1.1]"), "ok"),
    (Ask::Hello("[10.1.1.2]"), "554 5.7.1 Literal"),
    (Ask::Hello("one.status.test"), "550 5.0.0 Text"),
    (Ask::Hello("two.status.test"), "450 4.0.0 Text"),
    (Ask::Sender(""), "554 5.7.1 Null"),
    (Ask::Sender("kim@sub.mail.test"), "554 5.7.1 Address"),
    (Ask::Sender("KIM@sub.mail.test"), "554 5.7.1 Address"),
    (Ask::Sender("\"kim\"@sub.mail.test"), "554 5.7.1 Address"),
    (Ask::Sender("max@sub.mail.test"), "554 5.7.1 Domain"),
    (Ask::Sender("max@below.sub.mail.test"), "554 5.7.1 Domain"),
    (Ask::Sender("max@other.mail.test"), "554 5.7.1 Parent"),
    (Ask::Sender("max@email.test"), "ok"),
    (Ask::Sender("lee@anywhere.example"), "554 5.7.1 User"),
    (Ask::Sender("lee+x@anywhere.example"), "554 5.7.1 User"),
    (Ask::Sender("lee@known.test"), "ok"),
    (Ask::Sender("max+lists@ext.test"), "554 5.7.1 With extension"),
    (Ask::Sender("max+other@ext.test"), "554 5.7.1 Without extension"),
    (Ask::Sender("max@ext.test"), "554 5.7.1 Without extension"),
    (Ask::Sender("una+lists@example.net"), "554 5.7.1 User with extension"),
    (Ask::Sender("una+other@example.net"), "554 5.7.1 User without extension"),
    (Ask::Sender("dunno@mail.test"), "ok"),
    (Ask::Sender("kim@[192.0.2.1]"), "554 5.7.1 Literal"),
    (Ask::Sender("upper@case.test"), "554 5.7.1 Folded"),
    (Ask::Sender("kim@XN--BCHER-KVA.test"), "554 5.7.1 A-label"),
    (Ask::Sender("a0@status.test"), "550 5.1.0 Text"),
    (Ask::Sender("a1@status.test"), "550 5.1.7 Text"),
    (Ask::Sender("a2@status.test"), "550 5.1.8 Text"),
    (Ask::Sender("a3@status.test"), "550 5.1.7 Text"),
    (Ask::Sender("a4@status.test"), "550 5.1.7 Text"),
    (Ask::Sender("a5@status.test"), "550 5.1.0 Text"),
    (Ask::Sender("a6@status.test"), "450 4.1.7 Text"),
    (Ask::Sender("a7@status.test"), "450 4.1.7 Text"),
    (Ask::Sender("a8@status.test"), "450 4.1.8 Text"),
    (Ask::Sender("a9@status.test"), "450 4.1.0 Text"),
    (Ask::Sender("b1@status.test"), "550 5.2.1 Text"),
    (Ask::Recipient("kim@local.test"), "554 5.7.1 Address"),
    (Ask::Recipient("kim+x@local.test"), "554 5.7.1 Address"),
    (Ask::Recipient("una@local.test"), "ok"),
    (Ask::Recipient("una@sub.local.test"), "554 5.7.1 Domain"),
    (Ask::Recipient("lee@local.test"), "554 5.7.1 User"),
    (Ask::Recipient("lee+ok@local.test"), "ok"),
    (Ask::Recipient("max+x@local.test"), "554 5.7.1 Without extension"),
    (Ask::Recipient("a0@local.test"), "550 5.1.0 Text"),
    (Ask::Recipient("a1@local.test"), "550 5.1.1 Text"),
    (Ask::Recipient("a2@local.test"), "550 5.1.2 Text"),
    (Ask::Recipient("a3@local.test"), "550 5.1.3 Text"),
    (Ask::Recipient("a4@local.test"), "550 5.1.4 Text"),
    (Ask::Recipient("a5@local.test"), "550 5.1.5 Text"),
    (Ask::Recipient("a6@local.test"), "450 4.1.6 Text"),
    (Ask::Recipient("a7@local.test"), "450 4.1.3 Text"),
    (Ask::Recipient("a8@local.test"), "450 4.1.2 Text"),
    (Ask::Recipient("a9@local.test"), "450 4.1.0 Text"),
    (Ask::Recipient("discard@local.test"), "discard"),
    (Ask::Recipient("hold@local.test"), "hold [Look at it]"),
    (Ask::Recipient("redirect@local.test"), "redirect una@example.net"),
    (Ask::Recipient("bcc@local.test"), "bcc una@example.net"),
    (Ask::Recipient("filter@local.test"), "filter scan:[127.0.0.1]:10025"),
    (Ask::Recipient("prepend@local.test"), "prepend X-Seen: yes"),
    (Ask::Recipient("warn@local.test"), "warn [Odd]"),
    (Ask::Recipient("info@local.test"), "info [Fine]"),
];

#[tokio::test]
async fn the_rows_of_access_5() {
    let access = maps(TableType::Text, TABLES).recipient_delimiter("+");
    for (ask, expected) in ROWS {
        assert_eq!(answer(&access, *ask).await, *expected, "{ask:?}");
    }
}

#[tokio::test]
async fn a_table_and_a_session_may_write_a_domain_differently() {
    let access = maps(TableType::Text, TABLES);
    let umlaut = "554 5.7.1 Umlaut";
    assert_eq!(answer(&access, Ask::Client("16.9.9.9", "xn--bl-yka.test")).await, umlaut);
    let label = "554 5.7.1 A-label";
    assert_eq!(answer(&access, Ask::Sender("kim@b\u{fc}cher.test")).await, label);
    assert_eq!(answer(&access, Ask::Sender("kim@B\u{dc}CHER.test")).await, label);
}

#[tokio::test]
async fn without_a_delimiter_an_extension_is_part_of_the_name() {
    let access = maps(TableType::Text, TABLES);
    assert_eq!(answer(&access, Ask::Sender("max+other@ext.test")).await, "ok");
    let several = maps(TableType::Text, TABLES).recipient_delimiter("-+");
    let without = "554 5.7.1 Without extension";
    assert_eq!(answer(&several, Ask::Sender("max-a+b@ext.test")).await, without);
    assert_eq!(answer(&several, Ask::Sender("+max@ext.test")).await, "ok");
}

#[tokio::test]
async fn dotted_parents_are_about_what_is_below() {
    let table = ".below.test REJECT Below\nitself.test REJECT Itself\n";
    let access = maps(TableType::Text, [table; 4]).dotted_parents();
    for (domain, expected) in [
        ("a.below.test", "554 5.7.1 Below"),
        ("a.b.below.test", "554 5.7.1 Below"),
        ("below.test", "ok"),
        ("itself.test", "554 5.7.1 Itself"),
        ("a.itself.test", "ok"),
    ] {
        assert_eq!(answer(&access, Ask::Hello(domain)).await, expected, "{domain}");
    }
}
