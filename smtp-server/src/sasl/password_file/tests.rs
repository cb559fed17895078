//! Known hashes, the file's lines, and who is right.

use super::*;

/// Of the password `secret`, as cheap as argon2 allows.
const ARGON2ID: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$QQCd8VPOryZiCF3MtwQnPTK7odKCaPcXJGplgNEuj1A";
/// Of the password `Hello world!`, from the specification of SHA-crypt.
const SHA512_CRYPT: &str = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
const SHA512_CRYPT_ROUNDS: &str = "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.";
/// Of the password `secret`: 100 iterations, for speed.
const SCRAM: &str = "KEYS";

fn scram(hash: ScramHash) -> String {
    ScramKeys::derive(hash, "secret", 100).unwrap().to_text(hash)
}

fn file(text: &str) -> PasswordFile {
    text.replace(SCRAM, &scram(ScramHash::Sha256)).parse().unwrap()
}

#[tokio::test]
async fn each_kind_of_hash_is_checked() {
    let bcrypt = bcrypt::hash_with_salt("secret", 4, [7; 16]).unwrap().to_string();
    let sha_1 = scram(ScramHash::Sha1);
    for (hash, password) in [
        (ARGON2ID, "secret"),
        // Of crypt(3).
        (
            "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
            "correctbatteryhorsestapler",
        ),
        ("$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "secret"),
        (&bcrypt, "secret"),
        (SHA512_CRYPT, "Hello world!"),
        (SHA512_CRYPT_ROUNDS, "Hello world!"),
        (SCRAM, "secret"),
        (&sha_1, "secret"),
    ] {
        let users = file(&format!("kim:{hash}\nlee:{hash}"));
        for (user, tried, is_right) in [
            ("kim", password, true),
            ("lee", password, true),
            ("kim", "Secret", false),
            ("kim", &format!("{password}x"), false),
            ("kim", "", false),
            ("Kim", password, false),
            ("unknown", password, false),
            ("", password, false),
        ] {
            let identity = users.verify(user, tried).await.unwrap();
            let expected = is_right.then_some(user);
            let found = identity.as_ref().map(|identity| identity.authcid.as_str());
            assert_eq!(found, expected, "{hash} {user} {tried}");
        }
    }
}

#[tokio::test]
async fn nobody_has_no_password() {
    for text in ["", "# none\n"] {
        let users = file(text);
        assert!(users.is_empty() && users.scram_parameters().is_empty());
        assert!(users.verify("kim", "secret").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn scram_is_offered_if_everybody_has_keys() {
    let sha_1 = scram(ScramHash::Sha1);
    for (text, expected) in [
        ("kim:KEYS", &[ScramHash::Sha256][..]),
        (&format!("kim:{sha_1}"), &[ScramHash::Sha1]),
        (
            &format!("kim:{ARGON2ID} KEYS {sha_1}\nlee:KEYS {sha_1}"),
            &[ScramHash::Sha256, ScramHash::Sha1],
        ),
        (&format!("kim:KEYS {sha_1}\nlee:KEYS"), &[ScramHash::Sha256]),
        (&format!("kim:KEYS\nlee:{ARGON2ID}"), &[]),
    ] {
        let users = file(text);
        let parameters = users.scram_parameters();
        let hashes = parameters.iter().map(|parameters| parameters.hash).collect::<Vec<_>>();
        assert_eq!(hashes, expected, "{text}");
        for hash in hashes {
            let keys = users.scram_keys("kim", hash).await.unwrap().unwrap();
            assert_eq!((keys.iterations, keys.salt.len()), (100, 16));
            assert!(users.scram_keys("unknown", hash).await.unwrap().is_none());
        }
        assert!(users.identity("kim").await.unwrap().is_some());
        assert!(users.identity("unknown").await.unwrap().is_none());
    }
}

#[test]
fn lines_are_users() {
    let text =
        format!("# who\n\nkim:{ARGON2ID}\n  lee@example.org:{ARGON2ID}  \r\nдима x:{ARGON2ID}");
    let mut names = file(&text).by_name.into_keys().collect::<Vec<_>>();
    names.sort_unstable();
    assert_eq!(names, ["kim", "lee@example.org", "дима x"]);
}

#[test]
fn bad_lines_are_named_and_no_hash_is_shown() {
    let other = ARGON2ID.replace("argon2id", "scrypt");
    let no_output = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ";
    for (text, line, reason) in [
        ("kim".to_owned(), 1, "no colon"),
        (format!("#\n:{ARGON2ID}"), 2, "not a user name"),
        ("kim:".to_owned(), 1, "not a password hash"),
        ("kim:secret".to_owned(), 1, "not a password hash"),
        (format!("kim:{ARGON2ID} secret"), 1, "not a password hash"),
        (format!("kim:{other}"), 1, "not a password hash"),
        (format!("kim:{no_output}"), 1, "not a password hash"),
        ("kim:$2b$04$secret".to_owned(), 1, "not a password hash"),
        ("kim:$6$salt$secret".to_owned(), 1, "not a password hash"),
        (format!("kim:{}", SHA512_CRYPT_ROUNDS.replace("10000", "10")), 1, "not a password hash"),
        (format!("kim:{ARGON2ID}\nkim:{ARGON2ID}"), 2, "has line 1"),
        (format!("kim:{ARGON2ID}\nk\u{ad}im:{ARGON2ID}"), 2, "has line 1"),
    ] {
        let error = text.parse::<PasswordFile>().expect_err(&text);
        assert!(matches!(error, PasswordFileError::Line { line: at, .. } if at == line), "{error}");
        let message = error.to_string();
        assert!(message.contains(reason) && !message.contains("secret"), "{message}");
    }
}

#[tokio::test]
async fn a_line_is_replaced_or_added() {
    let lee = format!("lee:{ARGON2ID}");
    let text = format!("# c\nkim:{ARGON2ID}\n\n{lee}");
    for kind in [HashKind::Argon2id, HashKind::ScramSha256] {
        let new = PasswordFile::with_password(&text, "kim", "pass\u{2168}", kind).unwrap();
        let again = PasswordFile::with_password(&text, "kim", "pass\u{2168}", kind).unwrap();
        assert_ne!(new, again, "a new salt");
        let lines = new.lines().collect::<Vec<_>>();
        assert_eq!((lines.len(), lines[0], lines[2], lines[3]), (4, "# c", "", lee.as_str()));
        assert!(new.ends_with('\n'));
        let users: PasswordFile = new.parse().unwrap();
        assert!(users.verify("kim", "passIX").await.unwrap().is_some(), "prepared");
        assert!(users.verify("kim", "pass\u{2168}").await.unwrap().is_none());
        let added = PasswordFile::with_password(&text, "ki\u{ad}", "x", kind).unwrap();
        assert_eq!(added.lines().count(), 5);
        assert!(added.lines().last().unwrap().starts_with("ki:"));
    }
}

#[test]
fn what_no_client_can_send_is_not_stored() {
    let with = |user, password| {
        PasswordFile::with_password("", user, password, HashKind::Argon2id).unwrap_err()
    };
    for user in ["", " kim", "kim ", "#kim", "a:b", "a\nb", "a\0b", "\u{ad}"] {
        assert_eq!(with(user, "secret"), PasswordFileError::User(user.to_owned()));
    }
    for password in ["", "a\0b", "a\nb", "\u{ad}"] {
        assert_eq!(with("kim", password), PasswordFileError::Password, "{password:?}");
    }
}

/// A deposit of the checks: while all permits are taken, a check waits and the thread does not.
#[tokio::test]
async fn checks_wait_for_a_permit() {
    let users = file(&format!("kim:{ARGON2ID}"));
    let permits = u32::try_from(users.checks.available_permits()).unwrap();
    let taken = users.checks.clone().acquire_many_owned(permits).await.unwrap();
    let mut check = users.verify("kim", "secret");
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(check.as_mut().poll(&mut context).is_pending());
    drop(taken);
    assert!(check.await.unwrap().is_some());
}
