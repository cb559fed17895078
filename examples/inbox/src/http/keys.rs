//! Reading JSON whose keys are spelt in any case.
//!
//! * **In**: octets. **Out**: a value. **Promises**: a key that a type does not have in that spelling is the one that it
//!   has in another case, as Go's decoder has it; maps keep theirs. A type that denies unknown keys names its own.
//!   What is no object is none, empty or not: nothing means everything by accident.
//! * **Limits**: the body's; of a key that stands twice in one spelling the last counts, in two spellings none.
//! * **Panics**: never. **Spec**: RFC 8259.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

pub(super) fn read<T: DeserializeOwned>(octets: &[u8]) -> Result<T, Error> {
    T::deserialize(AnyCase(serde_json::from_slice(octets)?))
}

struct AnyCase(Value);

impl<'de> Deserializer<'de> for AnyCase {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Self)))
            }
            Value::Object(entries) => {
                let entries = entries.into_iter().map(|(key, value)| (key, Self(value)));
                visitor.visit_map(MapDeserializer::new(entries))
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Value::Object(entries) = self.0 else {
            return Err(Error::custom(format!("expected an object with {}", known.join(", "))));
        };
        let respelt = |key: String| {
            let known = known.iter().find(|known| known.eq_ignore_ascii_case(&key));
            known.map_or(key, |known| (*known).to_owned())
        };
        let entries = entries.into_iter().map(|(key, value)| (respelt(key), Self(value)));
        visitor.visit_map(MapDeserializer::new(entries))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for AnyCase {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
    struct Outer {
        #[serde(rename = "IDs")]
        ids: Vec<String>,
        inner: Vec<Inner>,
        headers: BTreeMap<String, String>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
    struct Inner {
        error_code: u16,
    }

    #[test]
    fn keys_are_known_in_any_case_at_any_depth() {
        let json = br#"{"ids": ["a"], "INNER": [{"errorCode": 1}], "headers": {"inner": "x"}}"#;
        let expected = Outer {
            ids: vec!["a".into()],
            inner: vec![Inner { error_code: 1 }],
            headers: BTreeMap::from([("inner".into(), "x".into())]),
        };
        assert_eq!(read::<Outer>(json).unwrap(), expected);
        assert_eq!(read::<Outer>(b"{}").unwrap(), Outer::default());
    }

    #[test]
    fn what_is_unknown_is_named_with_what_is_known() {
        for (json, words) in [
            (r#"{"id": []}"#, "unknown field `id`, expected one of `IDs`, `Inner`, `Headers`"),
            (r#"{"inner": [{"code": 1}]}"#, "unknown field `code`, expected `ErrorCode`"),
            (r#"{"inner": [{"errorcode": "1"}]}"#, "invalid type: string \"1\", expected u16"),
            (r#"{"IDs": [], "ids": ["a"]}"#, "duplicate field `IDs`"),
            (r#"{"IDs": null}"#, "invalid type: null"),
            ("[]", "expected an object with IDs, Inner, Headers"),
            ("null", "expected an object"),
            ("{", "EOF"),
        ] {
            let error = read::<Outer>(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
