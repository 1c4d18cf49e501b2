//! Where flows end.

use std::sync::Arc;

use crate::stream::builder::node::Shared;

/// How the values of results are written: [`json`], [`avro`] and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFormat(pub(super) Form);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Avro(Option<Arc<str>>),
    Unchanged,
}

/// JSON.
#[must_use]
pub const fn json() -> OutputFormat {
    OutputFormat(Form::Json)
}

/// Avro with a schema made of what is known of the results, which is registered under the sink
/// topic's name.
#[must_use]
pub const fn avro() -> OutputFormat {
    OutputFormat(Form::Avro(None))
}

/// Avro with the schema whose JSON text is `schema`.
#[must_use]
pub fn avro_with(schema: &str) -> OutputFormat {
    OutputFormat(Form::Avro(Some(schema.into())))
}

/// The bytes of the source's values, as they are. Only of a stream that is filtered and keyed and
/// no more.
#[must_use]
pub const fn unchanged() -> OutputFormat {
    OutputFormat(Form::Unchanged)
}

/// A flow that has its end: what `to` answers.
#[derive(Debug)]
pub struct Flow {
    pub(super) told: Shared,
    pub(super) number: usize,
}

impl Flow {
    /// Gives the flow a name of its own; without one it has its sink topic's.
    ///
    /// Names are unique within a pipeline, and part of the names of internal topics and of what is
    /// committed: a flow of another name starts anew.
    pub fn named(self, name: &str) {
        if let Some(end) = self.told.borrow_mut().ends.get_mut(self.number) {
            name.clone_into(&mut end.name);
        }
    }
}
