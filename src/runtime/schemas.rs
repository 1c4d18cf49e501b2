//! Schemas that tasks ask for.

use std::sync::Arc;

use crate::client::schema_registry::RegistryError;
use crate::client::schema_registry::SchemaRegistry;
use crate::runtime::error::RunError;
use crate::runtime::input::MissingSchema;
use crate::runtime::input::Run;

/// The schema registry, where the pipeline has one.
#[derive(Clone, Debug)]
pub(super) struct Schemas(Option<Arc<SchemaRegistry>>);

impl Schemas {
    pub(super) const fn new(registry: Option<Arc<SchemaRegistry>>) -> Self {
        Self(registry)
    }

    /// Fetches the schema that is missing and makes it known to the task.
    pub(super) async fn provide(
        &self,
        missing: MissingSchema,
        run: &mut Run,
    ) -> Result<(), RunError> {
        let registry = self.0.as_ref().ok_or(RegistryError::NoUrl)?;
        let text = registry.schema(missing.id).await?;
        let MissingSchema { input, root, id } = missing;
        let added = run.task.add_schema_of(input, root, id, &text);
        added.map_err(|source| RunError::Schema {
            what: format!("schema {}", missing.id),
            source,
        })
    }
}
