//! The keys and values of Sendmail's access database, row by row.

use smtp_server::access::TableType;

use super::{Ask, answer, maps};

const TABLE: &str = "\
Connect:10.1.1.1           REJECT
Connect:10.1.1             ERROR:4.7.1:450 Network of three octets
Connect:10.1               ERROR:550 Network of two octets
Connect:10                 554 Network of one octet
10.1.2.1                   REJECT
Connect:10.1.2.1           OK
From:10.1.2.2              REJECT
10.1.3                     SKIP
Connect:IPv6:2001:db8:1    ERROR:\"550 5.7.1 IPv6 network\"
ipv6:2001:db8:2::5         REJECT
Connect:host.name.test     OK
Connect:name.test          REJECT
Connect:skipped.test       SKIP
Connect:12.1.1.1           ERROR:5.7.1:550 Address behind a name that is skipped
Connect:[13.1]             ERROR:5.7.1:550 Without a name
Connect:relay.test         RELAY
Connect:14.1.1.1           DISCARD
Connect:14.1.1.2           QUARANTINE:Look at it
Connect:14.1.1.3           421 Bye
From:kim@sub.mail.test     ERROR:5.1.8:553 Address
From:sub.mail.test         ERROR:5.1.8:553 Domain
From:mail.test             REJECT
From:lee@                  ERROR:5.7.1:550 User
From:good@mail.test        OK
plain@                     550 No spam
plain.test                 451 Later
To:tagged.test             REJECT
From:max+lists@ext.test    ERROR:5.7.1:550 With detail
From:max+*@ext.test        ERROR:5.7.1:550 With any detail
From:max@ext.test          ERROR:5.7.1:550 Without detail
From:una+*@                ERROR:5.7.1:550 User with any detail
From:una@                  ERROR:5.7.1:550 User without detail
From:[192.0.2]             ERROR:5.7.1:550 Literal in a network
From:skipped.mail.test     SKIP
From:UPPER@Case.TEST       REJECT
From:d.test                DISCARD
From:q.test                QUARANTINE:From there
<>                         REJECT
From:<>                    REJECT
To:kim@local.test          ERROR:5.2.1:550 Mailbox disabled
To:lee@                    ERROR:5.7.1:550 No mail for lee
To:sub.local.test          550 No mail for this host
To:good@sub.local.test     RELAY
both@local.test            REJECT
To:both@local.test         OK
Spam:kim@local.test        FRIEND
GreetPause:10.1            5000
ClientRate:10.1            10
ClientConn:10.1            3
TLS_Srv:mail.test          ENCR:112
SRV_Features:10.1          V
";

const ROWS: &[(Ask, &str)] = &[
    (Ask::Client("10.1.1.1", ""), "550 5.7.1 Access denied"),
    (Ask::Client("10.1.1.2", ""), "450 4.7.1 Network of three octets"),
    (Ask::Client("10.1.9.9", ""), "550 5.0.0 Network of two octets"),
    (Ask::Client("10.9.9.9", ""), "554 5.0.0 Network of one octet"),
    (Ask::Client("110.9.9.9", ""), "ok"),
    (Ask::Client("10.1.2.1", ""), "ok"),
    (Ask::Client("10.1.2.2", ""), "550 5.0.0 Network of two octets"),
    (Ask::Client("10.1.3.3", ""), "ok"),
    (Ask::Client("2001:db8:1::9", ""), "550 5.7.1 IPv6 network"),
    (Ask::Client("2001:db8:2::5", ""), "550 5.7.1 Access denied"),
    (Ask::Client("2001:db8:2::6", ""), "ok"),
    (Ask::Client("16.9.9.9", "host.name.test"), "ok"),
    (Ask::Client("16.9.9.9", "HOST.name.TEST"), "ok"),
    (Ask::Client("16.9.9.9", "other.name.test"), "550 5.7.1 Access denied"),
    (Ask::Client("16.9.9.9", "a.b.name.test"), "550 5.7.1 Access denied"),
    (Ask::Client("16.9.9.9", "myname.test"), "ok"),
    (Ask::Client("10.1.1.1", "host.name.test"), "ok"),
    (Ask::Client("10.1.1.1", "nobody.example"), "550 5.7.1 Access denied"),
    (Ask::Client("12.1.1.1", "a.skipped.test"), "550 5.7.1 Address behind a name that is skipped"),
    (Ask::Client("13.1.9.9", ""), "550 5.7.1 Without a name"),
    (Ask::Client("13.1.9.9", "nobody.example"), "ok"),
    (Ask::Client("10.1.1.1", "relay.test"), "ok"),
    (Ask::Client("14.1.1.1", ""), "discard"),
    (Ask::Client("14.1.1.2", ""), "hold [Look at it]"),
    (Ask::Client("14.1.1.3", ""), "421 4.0.0 Bye (closes)"),
    (Ask::Client("16.9.9.9", "plain.test"), "451 4.0.0 Later"),
    (Ask::Client("16.9.9.9", "tagged.test"), "ok"),
    (Ask::Client("16.9.9.9", "sub.mail.test"), "ok"),
    (Ask::Hello("plain.test"), "ok"),
    (Ask::Hello("name.test"), "ok"),
    (Ask::Sender(""), "ok"),
    (Ask::Sender("kim@sub.mail.test"), "553 5.1.8 Address"),
    (Ask::Sender("\"KIM\"@Sub.Mail.test"), "553 5.1.8 Address"),
    (Ask::Sender("max@sub.mail.test"), "553 5.1.8 Domain"),
    (Ask::Sender("max@below.sub.mail.test"), "553 5.1.8 Domain"),
    (Ask::Sender("max@other.mail.test"), "550 5.7.1 Access denied"),
    (Ask::Sender("max@email.test"), "ok"),
    (Ask::Sender("good@mail.test"), "ok"),
    (Ask::Sender("lee@anywhere.example"), "550 5.7.1 User"),
    (Ask::Sender("lee@sub.mail.test"), "550 5.7.1 User"),
    (Ask::Sender("lee+x@anywhere.example"), "550 5.7.1 User"),
    (Ask::Sender("plain@anywhere.example"), "550 5.0.0 No spam"),
    (Ask::Sender("max@plain.test"), "451 4.0.0 Later"),
    (Ask::Sender("max@tagged.test"), "ok"),
    (Ask::Sender("max+lists@ext.test"), "550 5.7.1 With detail"),
    (Ask::Sender("max+other@ext.test"), "550 5.7.1 With any detail"),
    (Ask::Sender("max@ext.test"), "550 5.7.1 Without detail"),
    (Ask::Sender("una+x@anywhere.example"), "550 5.7.1 User with any detail"),
    (Ask::Sender("una@anywhere.example"), "550 5.7.1 User without detail"),
    (Ask::Sender("max@[192.0.2.9]"), "550 5.7.1 Literal in a network"),
    (Ask::Sender("max@[192.0.3.9]"), "ok"),
    (Ask::Sender("max@skipped.mail.test"), "ok"),
    (Ask::Sender("lee@skipped.mail.test"), "550 5.7.1 User"),
    (Ask::Sender("upper@case.test"), "550 5.7.1 Access denied"),
    (Ask::Sender("max@d.test"), "discard"),
    (Ask::Sender("max@q.test"), "hold [From there]"),
    (Ask::Recipient("kim@local.test"), "550 5.2.1 Mailbox disabled"),
    (Ask::Recipient("kim+x@local.test"), "550 5.2.1 Mailbox disabled"),
    (Ask::Recipient("max@local.test"), "ok"),
    (Ask::Recipient("lee@local.test"), "550 5.7.1 No mail for lee"),
    (Ask::Recipient("max@sub.local.test"), "550 5.0.0 No mail for this host"),
    (Ask::Recipient("max@below.sub.local.test"), "550 5.0.0 No mail for this host"),
    (Ask::Recipient("good@sub.local.test"), "ok"),
    (Ask::Recipient("max@tagged.test"), "550 5.7.1 Access denied"),
    (Ask::Recipient("max@mail.test"), "ok"),
    (Ask::Recipient("plain@anywhere.example"), "550 5.0.0 No spam"),
    (Ask::Recipient("both@local.test"), "ok"),
    (Ask::Recipient("postmaster"), "ok"),
];

#[tokio::test]
async fn the_rows_of_the_access_database() {
    let access = maps(TableType::Sendmail, [TABLE; 4]);
    for (ask, expected) in ROWS {
        assert_eq!(answer(&access, *ask).await, *expected, "{ask:?}");
    }
}
