//! Who may ask.
//!
//! * **In**: each request, each answer. **Out**: the answer, or 401 or 403; header fields that keep browsers from doing
//!   more with an answer than look at it.
//! * **Promises**: a page of another origin can neither change anything here nor, by a name in the DNS that it
//!   points at this host, read anything. Passwords are compared in constant time.
//! * **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 9110 7.2 (Host), 11; RFC 6454 7 (Origin); RFC 7617, RFC 6750 2.1.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::App;
use super::answer::Problem;

/// For what says nothing else: nothing may be loaded, run or framed.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// Who may ask, and by which names.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// Where requests come in.
    pub(crate) bound: SocketAddr,
    /// Further names of this host, in lower case.
    pub(crate) hosts: Vec<String>,
    pub(crate) secret: Option<Secret>,
}

/// What every request has to show.
#[derive(Clone)]
pub(crate) enum Secret {
    /// As the password of basic authentication; the user's name does not matter.
    Password(String),
    /// As a bearer token.
    Token(String),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Stands before everything else.
pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_health = matches!(request.uri().path(), "/livez" | "/readyz");
    let access = &app.access;
    let mut response = match access.check(request.method(), request.headers(), host(&request)) {
        Err(problem) => problem.into_response(),
        Ok(()) if !is_health && !access.is_authorized(request.headers()) => access.challenge(),
        Ok(()) => next.run(request).await,
    };
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 2] =
        [(X_CONTENT_TYPE_OPTIONS, "nosniff"), (REFERRER_POLICY, "no-referrer")];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in [(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn host(request: &Request) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

impl Access {
    fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        host: Option<&str>,
    ) -> Result<(), Problem> {
        let Some(host) = host.filter(|host| self.is_own(host)) else {
            return Err(Problem::Forbidden(
                "this name is not known to be this inbox's: --host NAME makes it so".to_owned(),
            ));
        };
        let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
        let is_reading = matches!(*method, Method::GET | Method::HEAD);
        let origin = origin.to_str().unwrap_or_default();
        let is_same = ["http://", "https://"]
            .iter()
            .filter_map(|scheme| origin.strip_prefix(scheme))
            .any(|authority| authority.eq_ignore_ascii_case(host));
        if is_reading || is_same {
            return Ok(());
        }
        Err(Problem::Forbidden("a page of another origin may change nothing here".to_owned()))
    }

    /// Whether nobody else could have made a browser believe that we have this name.
    fn is_own(&self, host: &str) -> bool {
        let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
        let literal =
            name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
        match literal.parse::<IpAddr>() {
            Ok(ip) => {
                let bound = self.bound.ip();
                ip.is_loopback() || bound.is_unspecified() || ip == bound
            }
            Err(_) => {
                name == "localhost" || name.ends_with(".localhost") || self.hosts.contains(&name)
            }
        }
    }

    fn is_authorized(&self, headers: &HeaderMap) -> bool {
        let Some(secret) = &self.secret else { return true };
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, rest)) = shown.and_then(|shown| shown.split_once(' ')) else {
            return false;
        };
        let (wanted, shown) = match secret {
            Secret::Token(token) if scheme.eq_ignore_ascii_case("bearer") => {
                (token, rest.trim().as_bytes().to_vec())
            }
            Secret::Password(password) if scheme.eq_ignore_ascii_case("basic") => {
                let decoded = STANDARD.decode(rest.trim()).unwrap_or_default();
                let colon =
                    decoded.iter().position(|octet| *octet == b':').unwrap_or(decoded.len());
                (password, decoded.get(colon + 1..).unwrap_or_default().to_vec())
            }
            _ => return false,
        };
        wanted.as_bytes().ct_eq(&shown).into()
    }

    fn challenge(&self) -> Response {
        let challenge = match self.secret {
            Some(Secret::Token(_)) => "Bearer realm=\"inbox\"",
            _ => "Basic realm=\"inbox\", charset=\"UTF-8\"",
        };
        let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))];
        (StatusCode::UNAUTHORIZED, challenge, "this inbox wants to know who asks").into_response()
    }
}

/// `localhost:8025` as `localhost`, `[::1]:8025` as `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(bound: &str, hosts: &[&str]) -> Access {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Access { bound: bound.parse().unwrap(), hosts, secret: None }
    }

    #[test]
    fn names_that_are_ours() {
        let local = access("127.0.0.1:8025", &["inbox.test"]);
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:8025", true),
            ("localhost.:1", true),
            ("a.localhost", true),
            ("127.0.0.1:8025", true),
            ("127.9.9.9", true),
            ("[::1]:8025", true),
            ("inbox.test:80", true),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("192.0.2.1", false),
            ("[2001:db8::1]", false),
            ("", false),
            ("127.0.0.1.evil.example", false),
        ] {
            assert_eq!(local.is_own(host), expected, "{host}");
        }
        let open = access("0.0.0.0:8025", &[]);
        assert!(open.is_own("192.0.2.1:8025") && !open.is_own("evil.example"));
        assert!(access("192.0.2.1:80", &[]).is_own("192.0.2.1"));
    }

    #[test]
    fn origins_that_may_change_things() {
        let access = access("127.0.0.1:8025", &[]);
        for (method, origin, expected) in [
            (Method::POST, Some("http://localhost:8025"), true),
            (Method::POST, Some("https://localhost:8025"), true),
            (Method::POST, None, true),
            (Method::GET, Some("http://evil.example"), true),
            (Method::POST, Some("http://evil.example"), false),
            (Method::PUT, Some("http://localhost:1025"), false),
            (Method::DELETE, Some("null"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            let allowed = access.check(&method, &headers, Some("localhost:8025")).is_ok();
            assert_eq!(allowed, expected, "{method} {origin:?}");
        }
    }

    #[test]
    fn secrets() {
        let shown = |value: &str| {
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
        };
        let mut access = access("127.0.0.1:8025", &[]);
        access.secret = Some(Secret::Token("t0ken".into()));
        assert!(
            access.is_authorized(&shown("Bearer t0ken"))
                && !access.is_authorized(&shown("Bearer t0kem"))
        );
        access.secret = Some(Secret::Password("pass:word".into()));
        let basic = |text: &str| shown(&format!("Basic {}", STANDARD.encode(text)));
        assert!(access.is_authorized(&basic("kim:pass:word")));
        for wrong in ["kim:", "kim", "", "pass:word"] {
            assert!(!access.is_authorized(&basic(wrong)), "{wrong}");
        }
        assert!(!access.is_authorized(&HeaderMap::new()));
        assert_eq!(format!("{:?}", access.secret), "Some(Secret)");
    }
}
