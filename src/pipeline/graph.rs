//! A pipeline as a graph: topics, flows, and what goes where.

use std::fmt;
use std::fmt::Write;

use crate::pipeline::Pipeline;
use crate::pipeline::explain;
use crate::record::TopicName;
use crate::stream::plan::Flow;
use crate::stream::plan::OnError;
use crate::stream::plan::Operator;

/// A pipeline as a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    name: String,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    kind: Kind,
    name: String,
    /// What it does, in a few words.
    about: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Topic,
    Internal,
    Flow,
    /// The part of a flow before its internal topic.
    Keying,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Edge {
    from: usize,
    to: usize,
    label: Label,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Records,
    Late,
    Errors,
}

impl Label {
    const fn name(self) -> &'static str {
        match self {
            Self::Records => "",
            Self::Late => "late",
            Self::Errors => "errors",
        }
    }
}

/// How a graph is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// Lines for people.
    Text,
    /// Mermaid, which Markdown viewers draw.
    Mermaid,
    /// DOT, which Graphviz draws.
    Dot,
}

impl Graph {
    /// The graph of `pipeline`.
    #[must_use]
    pub fn of(pipeline: &Pipeline) -> Self {
        let mut graph = Self {
            name: pipeline.plan.name.to_string(),
            nodes: Vec::new(),
            edges: Vec::new(),
        };
        for flow in &pipeline.plan.flows {
            let internal = match flow.is_rekeyed() {
                true => vec![pipeline.plan.repartition_topic(flow)],
                false => {
                    let outlets = pipeline.plan.internal_topics(flow).into_iter();
                    outlets.map(|outlet| outlet.topic).collect()
                }
            };
            graph.add(flow, &internal);
        }
        graph
    }

    /// The graph, written as `drawing` says, with a line feed at its end.
    #[must_use]
    pub fn draw(&self, drawing: Drawing) -> String {
        let drawn = match drawing {
            Drawing::Text => Text(self).to_string(),
            Drawing::Mermaid => Mermaid(self).to_string(),
            Drawing::Dot => Dot(self).to_string(),
        };
        drawn + "\n"
    }

    fn add(&mut self, flow: &Flow, internal: &[TopicName]) {
        let topics = flow.topics().into_iter();
        let sources: Vec<_> = topics.map(|topic| self.topic(topic)).collect();
        let name = flow.name.to_string();
        let window = match &flow.operator {
            Operator::Map(_) => String::new(),
            Operator::Graph(graph) => {
                let chain = Some(explain::operator_chain(graph)).filter(|chain| !chain.is_empty());
                let windows = graph.windows.as_ref();
                let windows = windows.map(|end| explain::window_kind(&end.aggregate.windows));
                let both: Vec<String> = chain.into_iter().chain(windows).collect();
                both.join(", ")
            }
            Operator::Window(all) => explain::window_kind(&all.windows),
        };
        let mut before = Vec::new();
        before.extend(flow.filter.as_ref().map(|_| "where"));
        before.extend(flow.key.as_ref().map(|_| "key"));
        let before = before.join(", ");
        let entry;
        let end;
        if !internal.is_empty() {
            entry = self.node(Kind::Keying, name.clone(), before);
            let between = internal.iter();
            let between: Vec<_> = between
                .map(|topic| self.node(Kind::Internal, topic.to_string(), String::new()))
                .collect();
            end = self.node(Kind::Flow, name, window);
            for between in between {
                self.edge(entry, between, Label::Records);
                self.edge(between, end, Label::Records);
            }
        } else {
            let parts = [before, window].into_iter().filter(|part| !part.is_empty());
            let about = parts.collect::<Vec<_>>().join(", ");
            entry = self.node(Kind::Flow, name, about);
            end = entry;
        }
        for source in sources {
            self.edge(source, entry, Label::Records);
        }
        let sink = self.topic(&flow.sink.topic);
        self.edge(end, sink, Label::Records);
        if let Some(late) = &flow.late {
            let late = self.topic(late);
            self.edge(end, late, Label::Late);
        }
        if let OnError::DeadLetter(topic) = &flow.on_error {
            let topic = self.topic(topic);
            self.edge(entry, topic, Label::Errors);
        }
    }

    fn topic(&mut self, name: &str) -> usize {
        let known = self.nodes.iter();
        let mut known = known
            .enumerate()
            .filter(|(_, node)| node.kind == Kind::Topic);
        match known.find(|(_, node)| node.name == name) {
            Some((index, _)) => index,
            None => self.node(Kind::Topic, name.to_owned(), String::new()),
        }
    }

    fn node(&mut self, kind: Kind, name: String, about: String) -> usize {
        self.nodes.push(Node { kind, name, about });
        self.nodes.len() - 1
    }

    fn edge(&mut self, from: usize, to: usize, label: Label) {
        self.edges.push(Edge { from, to, label });
    }

    fn edges_from(&self, from: usize) -> impl Iterator<Item = (&Edge, &Node)> {
        let edges = self.edges.iter().filter(move |edge| edge.from == from);
        edges.filter_map(|edge| Some((edge, self.nodes.get(edge.to)?)))
    }
}

/// Each topic that is read, what flows from it, and where that goes.
struct Text<'g>(&'g Graph);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let graph = self.0;
        let mut is_first = true;
        for (index, node) in graph.nodes.iter().enumerate() {
            if node.kind != Kind::Topic || graph.edges_from(index).next().is_none() {
                continue;
            }
            let separator = if is_first { "" } else { "\n" };
            write!(f, "{separator}{}", node.name)?;
            is_first = false;
            let flows: Vec<_> = graph.edges_from(index).collect();
            for (number, (edge, flow)) in flows.iter().enumerate() {
                let (branch, stem) = match number + 1 == flows.len() {
                    true => ("└─", "  "),
                    false => ("├─", "│ "),
                };
                write!(f, "\n{branch} {}{}", flow.name, in_brackets(&flow.about))?;
                put_targets(f, graph, edge.to, stem)?;
            }
        }
        Ok(())
    }
}

/// Where a flow's records go, each on a line.
fn put_targets(f: &mut fmt::Formatter<'_>, graph: &Graph, from: usize, stem: &str) -> fmt::Result {
    for (edge, target) in graph.edges_from(from) {
        let word = match (edge.label, target.kind) {
            (Label::Records, Kind::Internal) => "through",
            (Label::Records, _) => "",
            (label, _) => label.name(),
        };
        match target.kind {
            Kind::Flow | Kind::Keying => {
                let about = in_brackets(&target.about);
                write!(f, "\n{stem}   then    → {}{about}", target.name)?;
            }
            Kind::Topic | Kind::Internal => write!(f, "\n{stem}   {word:7} → {}", target.name)?,
        }
        if target.kind != Kind::Topic {
            put_targets(f, graph, edge.to, stem)?;
        }
    }
    Ok(())
}

fn in_brackets(about: &str) -> String {
    match about {
        "" => String::new(),
        about => format!(" ({about})"),
    }
}

struct Mermaid<'g>(&'g Graph);

impl fmt::Display for Mermaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flowchart LR")?;
        for (index, node) in self.0.nodes.iter().enumerate() {
            let name = mermaid_text(&node.name);
            let about = match &*node.about {
                "" => String::new(),
                about => format!("<br/>{}", mermaid_text(about)),
            };
            match node.kind {
                Kind::Topic => write!(f, "\n  n{index}[(\"{name}\")]")?,
                Kind::Internal => write!(f, "\n  n{index}[(\"{name}\")]:::internal")?,
                Kind::Flow | Kind::Keying => write!(f, "\n  n{index}[\"{name}{about}\"]")?,
            }
        }
        for Edge { from, to, label } in &self.0.edges {
            match label {
                Label::Records => write!(f, "\n  n{from} --> n{to}")?,
                other => write!(f, "\n  n{from} -. {} .-> n{to}", other.name())?,
            }
        }
        f.write_str("\n  classDef internal stroke-dasharray: 4")
    }
}

/// Text between double quotes in Mermaid.
fn mermaid_text(text: &str) -> String {
    text.replace('"', "#quot;")
}

struct Dot<'g>(&'g Graph);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digraph \"{}\" {{", dot_text(&self.0.name))?;
        f.write_str("  rankdir=LR;\n")?;
        for (index, node) in self.0.nodes.iter().enumerate() {
            let (shape, style) = match node.kind {
                Kind::Topic => ("cylinder", "solid"),
                Kind::Internal => ("cylinder", "dashed"),
                Kind::Flow | Kind::Keying => ("box", "rounded"),
            };
            let mut label = dot_text(&node.name);
            if !node.about.is_empty() {
                // Writing to a text cannot fail.
                let _ = write!(label, "\\n{}", dot_text(&node.about));
            }
            writeln!(
                f,
                "  n{index} [label=\"{label}\", shape={shape}, style={style}];"
            )?;
        }
        for Edge { from, to, label } in &self.0.edges {
            match label {
                Label::Records => writeln!(f, "  n{from} -> n{to};")?,
                other => writeln!(
                    f,
                    "  n{from} -> n{to} [label=\"{}\", style=dashed];",
                    other.name()
                )?,
            }
        }
        f.write_str("}")
    }
}

/// Text between double quotes in DOT.
fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
