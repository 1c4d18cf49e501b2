//! `emit:`: when results come out, and how they are thinned out.

use chrono::TimeDelta;

use crate::pipeline::file::EmitBody;
use crate::pipeline::finding::Finding;
use crate::pipeline::keys::Keys;
use crate::pipeline::read::Reader;
use crate::pipeline::vocabulary::EMIT;
use crate::pipeline::vocabulary::EMIT_WORDS;
use crate::pipeline::vocabulary::FULL_WORDS;
use crate::pipeline::yaml::Node;
use crate::stream::held::Bounds;
use crate::stream::held::WhenFull;
use crate::stream::plan::Emit;
use crate::stream::plan::Thinning;

impl Reader<'_, '_> {
    pub(super) fn emit(&mut self, node: &Node) -> Option<EmitBody> {
        let (value, thinning) = match node.text() {
            Some(word) => (self.emit_word(word, node)?, Thinning::Off),
            None => self.thinned(node)?,
        };
        Some(EmitBody {
            value,
            thinning,
            span: node.span.clone(),
        })
    }

    fn emit_word(&mut self, word: &str, node: &Node) -> Option<Emit> {
        match word {
            "final" => Some(Emit::Final),
            "updates" => Some(Emit::Updates),
            "every-update" => Some(Emit::EveryUpdate),
            other => {
                let message = format!("unknown `emit: {other}`");
                self.unknown_word(message, other, EMIT_WORDS, &node.span);
                None
            }
        }
    }

    /// `{ updates: 5s }`, or `{ hold: 30s }` and its bounds.
    fn thinned(&mut self, node: &Node) -> Option<(Emit, Thinning)> {
        let keys = self.keys(node, &node.span, &EMIT)?;
        match (keys.optional("updates"), keys.optional("hold")) {
            (Some(updates), None) => {
                self.without_bounds(keys);
                let every = self.some_time(updates)?;
                Some((Emit::Updates, Thinning::Every(every)))
            }
            (None, Some(hold)) => {
                let bounds = self.bounds_of(keys);
                let limit = self.some_time(hold)?;
                Some((Emit::EveryUpdate, Thinning::Hold(limit, bounds?)))
            }
            (Some(_), Some(hold)) => {
                let finding = Finding::new("`updates` beside `hold`", hold.span.clone());
                self.report(finding.help("say one of the two"));
                None
            }
            (None, None) => {
                let finding = Finding::new("`emit` without a time", node.span.clone());
                self.report(finding.help("write `emit: { updates: 5s }` or `emit: { hold: 30s }`"));
                None
            }
        }
    }

    /// A duration above 0.
    fn some_time(&mut self, node: &Node) -> Option<TimeDelta> {
        let time = self.span(node)?;
        if time >= TimeDelta::milliseconds(1) {
            return Some(time);
        }
        let finding = Finding::new("expected at least a millisecond", node.span.clone());
        self.report(finding.help("write `5s`, or `emit: updates` for every commit"));
        None
    }

    fn without_bounds(&mut self, keys: Keys<'_>) {
        for key in ["records", "bytes", "when_full"] {
            if let Some(stray) = keys.optional(key) {
                let finding = Finding::new(format!("`{key}` of `updates`"), stray.span.clone());
                self.report(finding.help("only `hold` holds results back; remove it"));
            }
        }
    }

    fn bounds_of(&mut self, keys: Keys<'_>) -> Option<Bounds> {
        let records = keys.optional("records").map(|node| self.amount(node));
        let bytes = keys.optional("bytes").map(|node| self.amount(node));
        let when_full = keys.optional("when_full").map(|node| self.when_full(node));
        if let (Some(node), None, None) = (keys.optional("when_full"), &records, &bytes) {
            let finding = Finding::new("`when_full` where it never is", node.span.clone());
            self.report(finding.help("add `records: 10000` or `bytes: 64000000`, or remove it"));
        }
        Some(Bounds {
            records: records.map_or(Some(None), |records| records.map(Some))?,
            bytes: bytes.map_or(Some(None), |bytes| bytes.map(Some))?,
            when_full: when_full.map_or(Some(WhenFull::default()), |when_full| when_full)?,
        })
    }

    fn amount(&mut self, node: &Node) -> Option<usize> {
        let amount = node.text().and_then(|text| text.parse().ok());
        if amount.is_none() {
            let finding = Finding::new("expected a number", node.span.clone());
            self.report(finding.help("write a whole number, 0 or more, as in `10000`"));
        }
        amount
    }

    fn when_full(&mut self, node: &Node) -> Option<WhenFull> {
        let text = self.text(node, "`emit-early` or `stop`")?;
        match text.value.as_str() {
            "emit-early" => Some(WhenFull::EmitEarly),
            "stop" => Some(WhenFull::Stop),
            other => {
                let message = format!("unknown `when_full: {other}`");
                self.unknown_word(message, other, FULL_WORDS, &text.span);
                None
            }
        }
    }
}
