//! Which path is answered by what.

use serde_json::json;

use crate::broker::registry::Registry;
use crate::broker::registry::call::Answer;
use crate::broker::registry::call::Call;
use crate::broker::registry::call::Verb;
use crate::broker::registry::compatibility;
use crate::broker::registry::config;
use crate::broker::registry::error::RegistryError;
use crate::broker::registry::schemas;
use crate::broker::registry::subjects;
use crate::broker::registry::versions;

impl Registry {
    /// Answers one request.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] for the client.
    pub(crate) fn answer(&self, call: &Call) -> Answer {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["subjects", rest @ ..] => self.subjects(call, rest),
            ["schemas", rest @ ..] => self.schemas(call, rest),
            ["config", rest @ ..] => self.config(call, rest),
            ["mode", rest @ ..] => self.mode(call, rest),
            ["compatibility", "subjects", rest @ ..] => self.compatibility(call, rest),
            [] => read_only(call, || Ok(json!({}))),
            ["contexts"] => read_only(call, || Ok(json!(["."]))),
            ["v1", "metadata", "id"] => read_only(call, || Ok(self.cluster())),
            ["v1", "metadata", "version"] => read_only(call, || Ok(version())),
            // `associations` among them: clients fall back to topic names on 404.
            _ => Err(RegistryError::not_found()),
        }
    }

    fn subjects(&self, call: &Call, path: &[&str]) -> Answer {
        match (call.verb, path) {
            (Verb::Get, []) => subjects::list(self, call),
            (Verb::Post, [subject]) => subjects::look_up(self, call, subject),
            (Verb::Delete, [subject]) => subjects::delete(self, call, subject),
            (Verb::Get, [subject, "versions"]) => versions::list(self, call, subject),
            (Verb::Post, [subject, "versions"]) => versions::register(self, call, subject),
            (Verb::Get, [subject, "versions", version]) => {
                versions::read(self, call, subject, version)
            }
            (Verb::Delete, [subject, "versions", version]) => {
                versions::delete(self, call, subject, version)
            }
            (Verb::Get, [subject, "versions", version, "schema"]) => {
                versions::text(self, call, subject, version)
            }
            (Verb::Get, [subject, "versions", version, "referencedby"]) => {
                versions::referenced_by(self, subject, version)
            }
            (_, [] | [_] | [_, "versions"] | [_, "versions", _]) => Err(RegistryError::method()),
            _ => Err(RegistryError::not_found()),
        }
    }

    fn schemas(&self, call: &Call, path: &[&str]) -> Answer {
        match path {
            [] => read_only(call, || schemas::list(self, call)),
            ["types"] => read_only(call, || Ok(json!(["JSON", "PROTOBUF", "AVRO"]))),
            ["ids", id] => read_only(call, || schemas::read(self, call, id)),
            ["ids", id, "schema"] => read_only(call, || schemas::text(self, id)),
            ["ids", id, "subjects"] => read_only(call, || schemas::subjects(self, call, id)),
            ["ids", id, "versions"] => read_only(call, || schemas::versions(self, call, id)),
            _ => Err(RegistryError::not_found()),
        }
    }

    fn config(&self, call: &Call, path: &[&str]) -> Answer {
        let subject = match path {
            [] => None,
            [subject] => Some(*subject),
            _ => return Err(RegistryError::not_found()),
        };
        match call.verb {
            Verb::Get => config::read(self, call, subject),
            Verb::Put => config::write(self, call, subject),
            Verb::Delete => config::remove(self, subject),
            Verb::Post | Verb::Other => Err(RegistryError::method()),
        }
    }

    fn mode(&self, call: &Call, path: &[&str]) -> Answer {
        let subject = match path {
            [] => None,
            [subject] => Some(*subject),
            _ => return Err(RegistryError::not_found()),
        };
        match call.verb {
            Verb::Get => config::read_mode(call, subject),
            Verb::Put => config::write_mode(call),
            Verb::Post | Verb::Delete | Verb::Other => Err(RegistryError::method()),
        }
    }

    fn compatibility(&self, call: &Call, path: &[&str]) -> Answer {
        match (call.verb, path) {
            (Verb::Post, [subject, "versions"]) => compatibility::with_all(self, call, subject),
            (Verb::Post, [subject, "versions", version]) => {
                compatibility::with_one(self, call, subject, version)
            }
            (_, [_, "versions"] | [_, "versions", _]) => Err(RegistryError::method()),
            _ => Err(RegistryError::not_found()),
        }
    }

    fn cluster(&self) -> serde_json::Value {
        json!({
            "scope": {
                "path": [],
                "clusters": {
                    "kafka-cluster": self.shared.cluster_id,
                    "schema-registry-cluster": "schema-registry",
                },
            },
        })
    }
}

fn version() -> serde_json::Value {
    json!({ "version": env!("CARGO_PKG_VERSION"), "commitId": "" })
}

fn read_only(call: &Call, answer: impl FnOnce() -> Answer) -> Answer {
    if call.verb == Verb::Get {
        answer()
    } else {
        Err(RegistryError::method())
    }
}
