//! Avro on the command line: schemas by id from the registry, data as JSON.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::client::config::Config;
use crate::client::schema_registry::SchemaRegistry;
use crate::client::schema_registry::Side;
use crate::client::schema_registry::subject;
use crate::codec::avro::Times;
use crate::codec::avro::decode::Decoder;
use crate::codec::avro::render;
use crate::codec::avro::render::Fidelity;
use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::Schema;
use crate::codec::framing;
use crate::codec::framing::SchemaId;
use crate::record::HeadersView;

/// The schemas that were met so far.
#[derive(Debug)]
pub(super) struct Schemas {
    registry: SchemaRegistry,
    decoders: HashMap<SchemaId, Decoder>,
}

/// Why a datum cannot be shown yet, or at all.
#[derive(Debug)]
pub(super) enum NotRendered {
    /// Its schema has to be fetched first.
    Unknown(SchemaId),
    /// It is not what its schema says.
    Broken(String),
}

/// A datum as JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rendered {
    /// Which schema it was written with, where a prefix of the bytes says so.
    pub(super) prefix: Option<SchemaId>,
    /// Whether the JSON gives the bytes back.
    pub(super) fidelity: Fidelity,
}

impl Schemas {
    pub(super) fn new(config: &Config) -> Result<Self, Failure> {
        Ok(Self {
            registry: SchemaRegistry::new(&config.registry)?,
            decoders: HashMap::new(),
        })
    }

    /// Appends the datum in `bytes` to `json`.
    pub(super) fn render(
        &self,
        headers: HeadersView<'_>,
        side: Side,
        bytes: &[u8],
        json: &mut Vec<u8>,
    ) -> Result<Rendered, NotRendered> {
        let header = match side {
            Side::Key => framing::KEY_HEADER,
            Side::Value => framing::VALUE_HEADER,
        };
        let broken = |error: &dyn std::error::Error| NotRendered::Broken(error.to_string());
        let (id, payload) =
            framing::split_with_headers(headers, header, bytes).map_err(|error| broken(&error))?;
        let decoder = self.decoders.get(&id).ok_or(NotRendered::Unknown(id))?;
        let start = json.len();
        match render::put_json(decoder, payload, json) {
            Ok(fidelity) => {
                let prefix = (payload.len() < bytes.len()).then_some(id);
                Ok(Rendered { prefix, fidelity })
            }
            Err(error) => {
                json.truncate(start);
                Err(broken(&error))
            }
        }
    }

    /// Fetches a schema, and returns its text.
    pub(super) async fn fetch(&mut self, id: SchemaId) -> Result<Arc<str>, Failure> {
        let text = self.registry.schema(id).await?;
        if let Entry::Vacant(free) = self.decoders.entry(id) {
            let writer = parse(&text, &format!("schema {id}"))?;
            free.insert(Decoder::new(writer, None, Times::Integers));
        }
        Ok(text)
    }

    /// The schema with this id, which was fetched.
    pub(super) fn known(&self, id: SchemaId) -> Option<&Schema> {
        self.decoders.get(&id).map(Decoder::writer)
    }

    /// The schema to write values of `topic` with, and its id: that of `text`, or the latest of the
    /// topic's subject.
    pub(super) async fn for_writing(
        &self,
        config: &Config,
        topic: &str,
        side: Side,
        text: Option<&str>,
    ) -> Result<(i32, Schema), Failure> {
        let strategy = match side {
            Side::Key => config.registry.key_subject,
            Side::Value => config.registry.value_subject,
        };
        let parsed = text
            .map(|text| parse(text, "the schema file"))
            .transpose()?;
        let record = parsed.as_ref().and_then(record_name);
        let subject = subject(strategy, topic, side, record.as_deref()).ok_or_else(|| {
            Failure::usage("the subject's name needs the name of a record")
                .hint("give a schema file that describes a record, or use TopicNameStrategy")
        })?;
        let (Some(text), Some(schema)) = (text, parsed) else {
            let latest = self.registry.version(&subject, None).await?;
            let schema = parse(
                &latest.schema,
                &format!("version {} of {subject}", latest.version),
            )?;
            return Ok((latest.id, schema));
        };
        if config.registry.auto_register {
            return Ok((self.registry.register(&subject, text).await?, schema));
        }
        match self.registry.look_up(&subject, text).await {
            Ok(found) => Ok((found.id, schema)),
            Err(error) if error.is_not_found() => Err(Failure::from(error).hint(format!(
                "register it with `tidemill schema register {subject} FILE`, or say -X auto.register.schemas=true"
            ))),
            Err(error) => Err(error.into()),
        }
    }
}

fn parse(text: &str, what: &str) -> Result<Schema, Failure> {
    Schema::parse(text).map_err(|error| Failure::new(Exit::Data, format!("{what}: {error}")))
}

fn record_name(schema: &Schema) -> Option<String> {
    match schema.kind(schema.root()) {
        Kind::Record(record) => Some(record.name.full.clone()),
        _ => None,
    }
}
