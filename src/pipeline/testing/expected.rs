//! The results that a test expects, wherever they stand.

use std::borrow::Cow;

use granit_parser::ScalarStyle;
use serde_json::Map;
use serde_json::Value as Json;

use crate::pipeline::Findings;
use crate::pipeline::Outside;
use crate::pipeline::file::Expected;
use crate::pipeline::file::ExpectedField;
use crate::pipeline::file::Located;
use crate::pipeline::file::TestCase;
use crate::pipeline::finding::Finding;
use crate::pipeline::yaml::Kind;
use crate::pipeline::yaml::Node;
use crate::pipeline::yaml::Scalar;

/// The results that `test` expects; `None` where it does not say.
///
/// # Errors
///
/// Where they stand in a file that cannot be read.
pub(super) fn expected<'t>(
    test: &'t TestCase,
    outside: &Outside<'_>,
) -> Result<Option<Cow<'t, [Expected]>>, Findings> {
    let Some(file) = &test.expect_file else {
        return Ok(test.expect.as_deref().map(Cow::Borrowed));
    };
    match of_file(file, outside) {
        Ok(expected) => Ok(Some(Cow::Owned(expected))),
        Err(finding) => Err(Findings::one(finding)),
    }
}

fn of_file(file: &Located<String>, outside: &Outside<'_>) -> Result<Vec<Expected>, Finding> {
    let at = |message: String, help: &str| Finding::new(message, file.span.clone()).help(help);
    let text = (outside.file)(&file.value).map_err(|reason| {
        let message = format!("read results of {}: {reason}", file.value);
        at(message, "the name is relative to the pipeline file")
    })?;
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let results = lines.map(|(number, line)| {
        let fields: Map<String, Json> = serde_json::from_str(line).map_err(|error| {
            let message = format!("{}:{}: {error}", file.value, number + 1);
            at(
                message,
                "write one JSON object a line, with the fields that matter",
            )
        })?;
        Ok(result(fields, file))
    });
    results.collect()
}

fn result(fields: Map<String, Json>, file: &Located<String>) -> Expected {
    let fields = fields.into_iter().map(|(name, value)| ExpectedField {
        name,
        value,
        node: Node {
            span: file.span.clone(),
            kind: Kind::Scalar(Scalar {
                text: file.value.clone(),
                style: ScalarStyle::Plain,
            }),
        },
    });
    Expected {
        fields: fields.collect(),
        span: file.span.clone(),
    }
}
