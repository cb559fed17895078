//! Whatever prevents it from serving: one line, one code, nothing on standard output.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::client::Client;
use crate::harness::{Mta, run};

/// Runs it and compares the code; the one line must hold `parts`.
#[track_caller]
fn check(directory: &Path, args: &[&str], code: i32, parts: &[&str]) {
    let free = ["--smtp", "127.0.0.1:0", "--submission", "off", "--submissions", "off"];
    let output = run(&directory.join("data"), &[&free, args].concat());
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{args:?}");
    assert!(stderr.starts_with("mta: ") && stderr.ends_with('\n'), "{args:?}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{args:?}: {part} is not in: {stderr}");
    }
}

#[test]
fn usage_is_64() {
    let directory = tempfile::tempdir().expect("a directory");
    for (args, parts) in [
        (&["--unknown"][..], &["--unknown", "--help"][..]),
        (&["-x"], &["-x"]),
        (&["word"], &["word"]),
        (&["--smtp"], &["--smtp"]),
        (&["--smtp", "2525"], &["'2525' is not an address", "127.0.0.1:2525"]),
        (&["--data="], &["--data", "empty"]),
        (&["-o", "alias_database=x"], &["alias_database", "there are myhostname, mydestination"]),
        (&["-o", "relayhost=[x"], &["relayhost", "'[x' is not a destination"]),
        (&["-o", "minimal_backoff_time=soon"], &["'soon' is not a time"]),
        (&["-o", "my_hostname=x"], &["my_hostname", "is it myhostname?"]),
        (&["-o", "myhostname"], &["name=value"]),
        (&["-o", "myhostname=not a name"], &["not a host name"]),
        (&["-o", "mydestination=a..b"], &["'a..b' is not a mail domain"]),
        (&["-o", "mydestination=$other"], &["$other is not known"]),
        (&["-o", "mynetworks=300.0.0.0/8"], &["'300.0.0.0/8' is not a network"]),
        (&["-o", "message_size_limit=10M"], &["not a number"]),
        (&["-o", "smtpd_tls_auth_only=maybe"], &["neither yes nor no"]),
        (&["-o", "smtpd_forbid_bare_newline=no"], &["smuggle"]),
        (&["-o", "smtpd_forbid_bare_newline=note"], &["smuggle"]),
        (&["-o", "local_transport=smtp:x"], &["error:TEXT"]),
        (&["-o", "local_recipient_maps=ldap:x"], &["no table"]),
        (&["-o", "message_size_limit=1\n2"], &["1?2"]),
        (&["passwd"], &["passwd"]),
    ] {
        check(directory.path(), args, 64, parts);
    }
}

#[test]
fn unreadable_files_are_66_and_their_bad_lines_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("a file");
        path.into_os_string().into_string().expect("UTF-8")
    };
    let users = file("users", "# users\nkim:secret\n");
    let recipients = file("recipients", "kim\n\n@b@d\n");
    let no_pem = file("no.pem", "nothing\n");
    let (cert, key) =
        (format!("smtpd_tls_cert_file={no_pem}"), format!("smtpd_tls_key_file={no_pem}"));
    let bad_maps = format!("local_recipient_maps=hash:{recipients}");
    let missing =
        ["-o", "smtpd_tls_cert_file=/no/cert.pem", "-o", "smtpd_tls_key_file=/no/key.pem"];
    for (args, parts) in [
        (&["--passwd", "/no/users"][..], &["/no/users", "No such file"][..]),
        (&["--passwd", "/"], &["cannot read the passwords in /:"]),
        (&["--passwd", &users], &["users:2: ", "mta passwd"]),
        (&["-o", "local_recipient_maps=/no/map"], &["/no/map", "No such file"]),
        (&["-o", &bad_maps], &["recipients:3: "]),
        (&missing, &["/no/cert.pem", "No such file"]),
        (&["-o", &cert, "-o", &key], &["no.pem holds no certificate"]),
    ] {
        check(directory.path(), args, 66, parts);
    }
}

#[test]
fn what_does_not_fit_together_is_78() {
    let directory = tempfile::tempdir().expect("a directory");
    let pem = |name: &str| {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let paths = [("crt", made.cert.pem()), ("key", made.signing_key.serialize_pem())];
        paths.map(|(extension, text)| {
            let path = directory.path().join(format!("{name}.{extension}"));
            fs::write(&path, text).expect("a file");
            format!(
                "smtpd_tls_{}_file={}",
                if extension == "crt" { "cert" } else { "key" },
                path.display()
            )
        })
    };
    let [cert, key] = pem("one.example");
    let [_, other_key] = pem("two.example");
    for (args, parts) in [
        (&["--smtp", "off"][..], &["all listeners are off"][..]),
        (
            &["--smtp", "127.0.0.1:9", "--lmtp", "127.0.0.1:9"],
            &["--lmtp", "127.0.0.1:9 of another"],
        ),
        (&["-o", "mynetworks=0.0.0.0/0"], &["all of IPv4", "open relay"]),
        (
            &["-o", "smtpd_authorized_xclient_hosts=0.0.0.0/0"],
            &["xclient_hosts: ", "all of IPv4", "open relay"],
        ),
        (&["-o", "mynetworks=127.0.0.0/8 [::]/0"], &["all of IPv6"]),
        (&["-o", "mynetworks=0.0.0.0/1, 128.0.0.0/1"], &["all of IPv4"]),
        (&["-o", &cert], &["without -o smtpd_tls_key_file"]),
        (&["-o", &key], &["without -o smtpd_tls_cert_file"]),
        (&["-o", &cert, "-o", &other_key], &["do not fit together"]),
        (&["-o", "smtp_tls_wrappermode=yes"], &["needs -o smtp_tls_security_level=encrypt"]),
    ] {
        check(directory.path(), args, 78, parts);
    }
    let mta = Mta::start(&["-o", &cert, "-o", &key]);
    let ended = mta.terminate();
    assert_eq!(ended.code, Some(0), "what fits is taken: {}", ended.stderr);
    assert!(!ended.stderr.contains("self-signed"), "{}", ended.stderr);
}

#[test]
fn a_taken_port_is_69() {
    let directory = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    check(
        directory.path(),
        &["--lmtp", &address],
        69,
        &[&address, "another program has this port", "--lmtp"],
    );
    check(
        directory.path(),
        &["--smtp", "192.0.2.1:25"],
        69,
        &["192.0.2.1:25", "does not have this address"],
    );
}

#[test]
fn a_data_directory_in_use_is_75() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_owned();
    let mta = Mta::start_in(directory, &[]);
    check(&path, &[], 75, &["in use by another mta (process ", "--data"]);
    let reply = Client::hello(mta.smtp()).deliver("<kim@localhost>", "still served");
    assert!(reply.starts_with("250 "), "{reply}");
    drop(mta.restart(&[]));
}

#[test]
fn a_data_directory_that_cannot_be_written_is_75() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    fs::write(&data, "a file").expect("a file");
    check(directory.path(), &[], 75, &["cannot use the data directory"]);
    fs::remove_file(&data).expect("the file");
    fs::create_dir(&data).expect("a directory");
    // Whatever is written to this device meets a full disk.
    std::os::unix::fs::symlink("/dev/full", data.join("lock")).expect("a link");
    check(directory.path(), &[], 75, &["no room left"]);
}

#[test]
fn help_and_version_are_no_failures() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    for (option, part) in [
        ("--help", "smtpd_forbid_bare_newline"),
        ("-h", "usage: mta"),
        ("--version", "mta 0."),
        ("-V", "mta 0."),
    ] {
        let output = run(&data, &[option]);
        assert_eq!(output.status.code(), Some(0), "{option}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(part), "{option}");
        assert!(output.stderr.is_empty(), "{option}");
    }
    assert!(!data.exists(), "asking creates nothing");
}
