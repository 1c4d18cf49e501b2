//! Scripts of any operators, run by a graph.

use serde_json::Value as Json;
use tidemill::record::Timestamp;
use tidemill::record::Value;
use tidemill::store::persist::Reader;
use tidemill::store::persist::Writer;
use tidemill::stream::graph::machine::Graph;
use tidemill::stream::graph::message::Key;
use tidemill::stream::graph::message::Message;
use tidemill::stream::graph::topology::NodeId;

use crate::golden::Engine;
use crate::golden::build::Built;
use crate::golden::build::build;
use crate::golden::functions;
use crate::golden::line::Line;

/// A graph at work.
struct Running {
    built: Built,
    graph: Graph,
}

/// An engine for `script`; `None` where it has an operator that is not known.
pub(crate) fn engine(script: &Json) -> Option<Box<dyn Engine>> {
    let built = build(script)?;
    let graph = Graph::new(&built.topology);
    Some(Box::new(Running { built, graph }))
}

impl Engine for Running {
    fn step(&mut self, _index: usize, step: &Json) -> Vec<Line> {
        let Some(topic) = step["pipe"].as_str() else {
            return Vec::new();
        };
        let key = step["key"].as_str().map(functions::own);
        let message = Message::new(
            key.as_ref().and_then(Key::of),
            functions::value_of(&step["value"]),
            Timestamp(step["ts"].as_i64().expect("ts")),
        );
        let mut came_out: Vec<(NodeId, Message)> = Vec::new();
        self.graph
            .take(self.built.sources[topic], message, &mut came_out);
        let lines = came_out.iter();
        let lines = lines.map(|(sink, message)| line(&self.built.sinks[sink], message));
        lines.collect()
    }

    fn cut(&mut self) {
        let mut out = Writer::new();
        self.graph.save(&mut out);
        let bytes = out.into_bytes();
        let mut from = Reader::new(&bytes);
        let mut fresh = Graph::new(&self.built.topology);
        fresh.load(&mut from).expect("what was saved");
        from.end().expect("all of it");
        self.graph = fresh;
    }
}

fn line(topic: &str, message: &Message) -> Line {
    let text = |value: Value<'_>| functions::text(&value);
    Line {
        topic: topic.to_owned(),
        key: message.key.as_ref().map(|key| text(key.value())),
        window: message.window.map(|span| (span.start.0, span.end.0)),
        value: message.value.as_ref().map(|value| functions::text(value)),
        ts: message.time.0,
    }
}
