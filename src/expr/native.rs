//! Functions of Rust in the place of expressions.

use std::sync::Arc;

use crate::codec::projection::Row;
use crate::expr::Program;
use crate::expr::Type;
use crate::expr::code::Code;
use crate::record::Value;

impl Program {
    /// The program that is `function`, whose results are of type `ty`; `name` stands for it in
    /// messages.
    ///
    /// The function sees a record with the slots that whoever made it has reserved
    /// ([`crate::codec::projection::Fields::slot`]). It must always give the same for the same
    /// record: where it refuses one, it is asked again for the reason.
    #[must_use]
    pub fn native(
        name: &str,
        ty: Type,
        function: impl Fn(&Row<'_>) -> Result<Value<'static>, Box<str>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: Arc::from(name),
            ty,
            code: Code::Native(Box::new(function)),
            constants: Box::default(),
        }
    }
}
