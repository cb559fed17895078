//! The client's messages of SCRAM.
//!
//! * **In**: octets. **Out**: their parts, or `None` for what is not of the grammar.
//! * **Promises**: attributes stand in their order; mandatory extensions (`m=`), of which there are none, fail; other
//!   attributes behind the fixed ones are passed over. What is signed is kept as it came.
//! * **Limits**: the AUTH line's. **Panics**: never. **Spec**: RFC 5802 5.1, 7.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What the client says of channel binding.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BindingFlag {
    /// `n`: it has none.
    None,
    /// `y`: it has some, and thinks that the server has none.
    NotOffered,
    /// `p=`: it uses this type.
    Used(String),
}

/// `gs2-header client-first-message-bare`
pub(super) struct ClientFirst {
    pub(super) flag: BindingFlag,
    pub(super) authzid: Option<String>,
    pub(super) name: String,
    pub(super) nonce: String,
    /// The gs2-header as it came.
    pub(super) header: String,
    /// The rest as it came.
    pub(super) bare: String,
}

pub(super) struct ClientFinal {
    pub(super) channel: Vec<u8>,
    pub(super) nonce: String,
    pub(super) proof: Vec<u8>,
    /// All before the proof as it came.
    pub(super) without_proof: String,
}

impl ClientFirst {
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?;
        let (flag, rest) = text.split_once(',')?;
        let (authzid, bare) = rest.split_once(',')?;
        let header = text.strip_suffix(bare)?;
        let flag = match flag {
            "n" => BindingFlag::None,
            "y" => BindingFlag::NotOffered,
            _ => BindingFlag::Used(flag.strip_prefix("p=")?.to_owned()),
        };
        let authzid = match authzid {
            "" => None,
            _ => Some(name(authzid.strip_prefix("a=")?)?),
        };
        let mut attributes = bare.split(',');
        let user = name(attributes.next()?.strip_prefix("n=")?)?;
        let nonce = nonce(attributes.next()?)?;
        attributes.all(is_ignored).then(|| Self {
            flag,
            authzid,
            name: user,
            nonce,
            header: header.to_owned(),
            bare: bare.to_owned(),
        })
    }
}

impl ClientFinal {
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(message).ok()?;
        let (without_proof, proof) = text.rsplit_once(",p=")?;
        let mut attributes = without_proof.split(',');
        let channel = attributes.next()?.strip_prefix("c=")?;
        let nonce = nonce(attributes.next()?)?;
        if !attributes.all(is_ignored) {
            return None;
        }
        Some(Self {
            channel: STANDARD.decode(channel).ok()?,
            nonce,
            proof: STANDARD.decode(proof).ok()?,
            without_proof: without_proof.to_owned(),
        })
    }
}

/// A name, in which `=2C` is a comma and `=3D` an equals sign.
pub(super) fn name(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (octet, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        name.push(octet);
        name.push_str(rest);
    }
    (!name.is_empty() && !name.contains('\0')).then_some(name)
}

fn nonce(attribute: &str) -> Option<String> {
    let nonce = attribute.strip_prefix("r=")?;
    let is_printable = nonce.bytes().all(|octet| octet.is_ascii_graphic());
    (!nonce.is_empty() && is_printable).then(|| nonce.to_owned())
}

/// Whether it is an attribute that may be passed over.
fn is_ignored(attribute: &str) -> bool {
    match attribute.as_bytes() {
        [name, b'=', value @ ..] => {
            name.is_ascii_alphabetic() && *name != b'm' && !value.is_empty() && !value.contains(&0)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(message: &str) -> Option<(BindingFlag, Option<String>, String, String)> {
        let parsed = ClientFirst::parse(message.as_bytes())?;
        assert_eq!(format!("{}{}", parsed.header, parsed.bare), message);
        Some((parsed.flag, parsed.authzid, parsed.name, parsed.nonce))
    }

    // rows: 5802-5-a, 5802-5.1-a, 5802-5.1-b, 5802-5.1-c
    #[test]
    fn the_first_message_has_a_fixed_order() {
        let own = |text: &str| text.to_owned();
        for (message, expected) in [
            ("n,,n=kim,r=x", Some((BindingFlag::None, None, own("kim"), own("x")))),
            ("y,,n=kim,r=x", Some((BindingFlag::NotOffered, None, own("kim"), own("x")))),
            (
                "p=tls-exporter,a=lee,n=kim,r=x=,",
                None, // an empty attribute
            ),
            (
                "p=tls-exporter,a=l=3Dee,n=k=2Cim,r=x=",
                Some((
                    BindingFlag::Used(own("tls-exporter")),
                    Some(own("l=ee")),
                    own("k,im"),
                    own("x="),
                )),
            ),
            ("n,,n=kim,r=x,a=b,Z=1", Some((BindingFlag::None, None, own("kim"), own("x")))),
            ("n,,n=kim,r=x,m=1", None),
            ("n,,m=1,n=kim,r=x", None),
            ("n,,r=x,n=kim", None),
            ("n,,N=kim,r=x", None),
            ("n,,n=kim,R=x", None),
            ("n,,n=kim", None),
            ("n,,n=kim,r=", None),
            ("n,,n=,r=x", None),
            ("n,,n=k=2cim,r=x", None),
            ("n,,n=k=im,r=x", None),
            ("n,,n=k=,r=x", None),
            ("n,a=,n=kim,r=x", None),
            ("n,lee,n=kim,r=x", None),
            ("x,,n=kim,r=x", None),
            ("N,,n=kim,r=x", None),
            ("p,,n=kim,r=x", None),
            ("n=kim,r=x", None),
            ("", None),
            (",", None),
            ("n,,n=kim,r=x y", None),
        ] {
            assert_eq!(first(message), expected, "{message}");
        }
        assert!(ClientFirst::parse(b"n,,n=k\xff,r=x").is_none());
    }

    // rows: 5802-5.1-a, 5802-5.1-c
    #[test]
    fn the_last_message_has_a_fixed_order() {
        for (message, is_right) in [
            ("c=biws,r=xy,p=AAAA", true),
            ("c=biws,r=xy,e=1,p=AAAA", true),
            ("c=biws,r=xy,m=1,p=AAAA", false),
            ("r=xy,c=biws,p=AAAA", false),
            ("c=biws,p=AAAA,r=xy", false),
            ("c=biws,r=xy", false),
            ("c=biws,r=xy,p=AAA", false),
            ("c=!,r=xy,p=AAAA", false),
            ("C=biws,r=xy,p=AAAA", false),
            ("", false),
        ] {
            let parsed = ClientFinal::parse(message.as_bytes());
            assert_eq!(parsed.is_some(), is_right, "{message}");
            if let Some(parsed) = parsed {
                assert_eq!((parsed.channel.as_slice(), parsed.proof.len()), (&b"n,,"[..], 3));
                assert!(message.starts_with(&parsed.without_proof) && parsed.nonce == "xy");
            }
        }
    }
}
