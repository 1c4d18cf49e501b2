//! A request to the registry, taken apart, and its answer.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::broker::registry::error::RegistryError;

/// What is asked with which method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// GET, and HEAD whose body is dropped.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
    /// Any other, which nothing answers to.
    Other,
}

/// A request, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The method.
    pub(crate) verb: Verb,
    /// The path between slashes, each segment percent-decoded; empty segments are left out.
    pub(crate) path: Vec<String>,
    query: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The answer: JSON, or a schema's text as it stands.
pub(crate) type Answer = Result<Json, RegistryError>;

impl Call {
    /// Takes path and query apart.
    pub(crate) fn new(verb: Verb, path: &str, query: &str, body: Vec<u8>) -> Self {
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decoded(&name.replace('+', " ")),
                decoded(&value.replace('+', " ")),
            )
        };
        Self {
            verb,
            path: segments.map(decoded).collect(),
            query: query
                .split('&')
                .filter(|part| !part.is_empty())
                .map(pair)
                .collect(),
            body,
        }
    }

    /// The value of the query parameter `name`.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the query says `name=true`.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.query(name) == Some("true")
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] where it is no such JSON.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, RegistryError> {
        serde_json::from_slice(&self.body).map_err(RegistryError::body)
    }
}

/// Percent-decoded; what is no valid escape or no UTF-8 stays or is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        match escape(first, tail) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escape(first: u8, tail: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = tail.split_first_chunk::<2>()?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    let byte = u8::from_str_radix(digits, 16).ok()?;
    (first == b'%').then_some((byte, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_decoded_and_broken_escapes_stay() {
        let call = Call::new(
            Verb::Get,
            "/subjects//a%2Fb%zz%2",
            "x=%20y&flag=true&z",
            vec![],
        );
        assert_eq!(call.path, ["subjects", "a/b%zz%2"]);
        assert_eq!(call.query("x"), Some(" y"));
        assert_eq!(call.query("z"), Some(""));
        assert!(call.says("flag") && !call.says("x"));
    }
}
