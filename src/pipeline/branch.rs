//! `branch:`: one flow for each branch, which takes what those before it leave.

use std::fmt::Write as _;

use crate::codec::projection::Fields;
use crate::expr;
use crate::expr::Program;
use crate::expr::Scope;
use crate::pipeline::compile::Compiler;
use crate::pipeline::file::BranchBody;
use crate::pipeline::file::Expression;
use crate::pipeline::file::FlowBody;
use crate::pipeline::file::FlowEntry;
use crate::pipeline::file::Located;
use crate::pipeline::finding::Finding;
use crate::pipeline::keys::Keys;
use crate::pipeline::keys::entries;
use crate::pipeline::read::Reader;
use crate::pipeline::vocabulary::BRANCH;
use crate::pipeline::vocabulary::BRANCHED;
use crate::pipeline::yaml::Key;
use crate::pipeline::yaml::Node;

impl Reader<'_, '_> {
    /// The flows that the branches of a flow are.
    pub(super) fn branches(&mut self, key: &Key, node: &Node) -> Vec<FlowEntry> {
        let Some(keys) = self.keys(node, &key.span, &BRANCHED) else {
            return Vec::new();
        };
        let branches = keys.optional("branch");
        let branches = branches.and_then(|node| entries(node, "branches by name", self.findings));
        let (mut flows, mut before) = (Vec::new(), Vec::new());
        let mut rest: Option<&Key> = None;
        for (name, node) in branches.unwrap_or_default() {
            if let Some(rest) = rest.take() {
                let message = format!("`{}` leaves nothing to the branches after it", rest.name);
                let finding = Finding::new(message, rest.span.clone());
                self.report(finding.help("give it a `where`, or put it last"));
            }
            let body = self.branch(keys, (name, node), &before);
            let condition = body.as_ref().and_then(|body| body.branch.as_ref());
            let condition = condition.and_then(|branch| branch.condition.clone());
            rest = (body.is_some() && condition.is_none()).then_some(name);
            before.extend(condition);
            flows.push(FlowEntry {
                name: self.branch_name(key, name),
                body,
            });
        }
        flows
    }

    fn branch_name(&mut self, flow: &Key, branch: &Key) -> Located<String> {
        let value = format!("{}-{}", flow.name, branch.name);
        self.check_topic_like(&value, &branch.span, "a flow");
        let span = branch.span.clone();
        Located { value, span }
    }

    fn branch(
        &mut self,
        flow: Keys<'_>,
        (name, node): (&Key, &Node),
        before: &[Expression],
    ) -> Option<FlowBody> {
        let keys = self.keys(node, &name.span, &BRANCH)?;
        let condition = keys.optional("where");
        let condition = condition.and_then(|node| self.expression(node));
        let select = keys.optional("select");
        let select = select.map(|node| self.columns(node, "fields by name"));
        let chart = keys.optional("chart").and_then(|node| self.chart(node));
        let to = keys.optional("to").and_then(|node| self.sink(node));
        let of_flow = |reader: &mut Self, key| {
            let node = flow.optional(key)?;
            reader.expression(node)
        };
        let from = flow.optional("from").map(|node| self.from(node));
        let mut from = from.unwrap_or_default().into_iter();
        Some(FlowBody {
            filter: of_flow(self, "where"),
            key: of_flow(self, "key"),
            branch: Some(BranchBody {
                before: before.to_vec(),
                condition,
                span: name.span.clone(),
            }),
            window: None,
            aggregate: None,
            select,
            emit: None,
            late: None,
            flat_map: None,
            distinct: None,
            join: None,
            from: from.next()?,
            others: from.collect(),
            chart,
            to: to?,
        })
    }
}

impl Compiler<'_, '_> {
    /// Which records a flow takes: those of its `where`, and of a branch those that are its own.
    pub(super) fn filter_of(
        &mut self,
        body: &FlowBody,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<Program> {
        let filter = body.filter.as_ref();
        let Some(branch) = &body.branch else {
            return self.condition_of(filter?, scope, fields);
        };
        // What is wrong with the `where` of the flow is told with its first branch.
        let told = filter.filter(|_| branch.before.is_empty());
        for condition in told.into_iter().chain(&branch.condition) {
            self.condition_of(condition, scope, &mut Fields::default());
        }
        let mut text = String::new();
        let own = filter.into_iter().map(|filter| (filter, ""));
        let own = own.chain(branch.before.iter().map(|before| (before, "!")));
        for (part, not) in own.chain(branch.condition.iter().map(|condition| (condition, ""))) {
            let and = if text.is_empty() { "" } else { " && " };
            // A comment ends with its line.
            let end = if part.text.contains("//") { "\n" } else { "" };
            let _infallible = write!(text, "{and}{not}({}{end})", part.text);
        }
        match text.is_empty() {
            true => None,
            // Where a part is wrong, that is reported with it.
            false => expr::compile(&text, scope, fields).ok(),
        }
    }
}
