//! The pipeline file: read with spans, check, compile to a plan.
//!
//! [`compile()`] takes the text of a file to a [`Pipeline`], or to all that is wrong with it
//! ([`Findings`]), each finding with its place in the file. On the way the text becomes a tree in
//! which everything knows where it stands (`yaml`), then what its author meant (`read`, `file`),
//! then a plan of [`crate::stream`] (`compile`, `aggregate`). The tests in the file run through that
//! plan on a virtual clock ([`testing`]).
//!
//! Nothing here reads a file or the environment; [`Outside`] is how both are asked for.

mod aggregate;
mod alert;
mod branch;
mod compile;
mod connect;
mod delivery;
mod emit;
pub mod explain;
mod field_types;
mod file;
mod finding;
pub mod graph;
mod join;
mod joined;
mod json_schema;
mod keys;
mod likely;
mod operators;
mod outside;
mod parameter;
mod read;
mod read_alerts;
mod read_tests;
mod read_told;
mod sink;
pub mod testing;
mod vocabulary;
mod window;
mod yaml;

use std::sync::Arc;

use crate::stream::alert::Alert;
use crate::stream::plan::Plan;

pub use delivery::Delivery;
pub use file::{
    Chart, Connect, GRACE_DEFAULT, KEY_FORMAT_DEFAULT, Located, Subject, TestCase,
    VALUE_FORMAT_DEFAULT,
};
pub use finding::{Colour, Finding, Findings, render_warnings};
pub use json_schema::json_schema;
pub use outside::Outside;
pub use yaml::FILE_BYTES_MAX;

/// A pipeline, ready to be run.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// How to reach the cluster and the registry.
    pub connect: Connect,
    /// How often a result may come out.
    pub delivery: Delivery,
    /// What is computed.
    pub plan: Plan,
    /// What watches the results of its flows.
    pub alerts: Vec<Arc<Alert>>,
    /// How dashboards draw the results of flows, by their names.
    pub charts: Vec<(Box<str>, Chart)>,
    /// What is right as it stands, and likely not meant; in the order of the text.
    pub warnings: Vec<Finding>,
    /// The tests in the file.
    pub tests: Vec<TestCase>,
}

/// Reads, checks and compiles the pipeline file `text`.
///
/// # Errors
///
/// All that is wrong with it: its author's fault.
///
/// # Examples
///
/// ```
/// use tidemill::pipeline::{Colour, Outside, compile};
///
/// let outside = Outside {
///     variable: &|_| None,
///     file: &|_| Err("no files here".to_owned()),
/// };
/// let text = r#"
/// tidemill: 1
/// name: shop
/// sources:
///   orders: { topic: orders }
/// flows:
///   revenue:
///     from: orders
///     key: value.product
///     window: { tumbling: 1m }
///     aggregate: { revenue: sum(value.price) }
///     to: { topic: revenue }
/// "#;
/// assert_eq!(compile(text, &outside).unwrap().plan.flows.len(), 1);
///
/// let wrong = text.replace("from: orders", "from: order");
/// let findings = compile(&wrong, &outside).unwrap_err();
/// assert!(findings.render("shop.yaml", &wrong, Colour::Never).contains("shop.yaml:8:11"));
/// ```
pub fn compile(text: &str, outside: &Outside<'_>) -> Result<Pipeline, Findings> {
    let mut findings = Vec::new();
    let pipeline = compiled(text, outside, &mut findings);
    match (pipeline, Findings::new(findings)) {
        (Some(pipeline), None) => Ok(pipeline),
        (_, Some(findings)) => Err(findings),
        (None, None) => Err(Findings::unexplained()),
    }
}

fn compiled(text: &str, outside: &Outside<'_>, findings: &mut Vec<Finding>) -> Option<Pipeline> {
    let tree = yaml::parse(text, findings)
        .map_err(|finding| findings.push(finding))
        .ok()?;
    let file = read::read(&tree, outside, findings)?;
    let mut warnings = likely::mistakes(&file);
    warnings.sort_by_key(|warning| warning.span.start);
    let compiled = compile::compiled(text, &file, outside, findings);
    Some(Pipeline {
        connect: file.connect,
        delivery: file.delivery,
        plan: compiled.plan,
        alerts: compiled.alerts.into_iter().map(Arc::new).collect(),
        charts: charts(file.flows),
        warnings,
        tests: file.tests,
    })
}

fn charts(flows: Vec<file::FlowEntry>) -> Vec<(Box<str>, Chart)> {
    let charts = flows.into_iter().filter_map(|flow| {
        let chart = flow.body?.chart?;
        Some((flow.name.value.into(), chart))
    });
    charts.collect()
}
