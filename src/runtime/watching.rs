//! Alerts in a run: what a task puts out is judged on its way out, and what alerts tell goes where
//! they say.
//!
//! A notice for a topic is written behind the results that it is of, and counts as they do. An alert
//! knows what its task has put out since the task started: after a restart, what still holds fires
//! once more, and what ended meanwhile is not cleared.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;

use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::record::Timestamp;
use crate::runtime::error::RunError;
use crate::stream::alert::Alert;
use crate::stream::alert::AlertSink;
use crate::stream::alert::Notice;
use crate::stream::alert::Watch;
use crate::stream::alert::WatchError;
use crate::stream::alert::needs_schemas;
use crate::stream::effects::Destination;
use crate::stream::effects::Effects;
use crate::stream::plan::Plan;
use crate::stream::plan::ValueFormat;
use crate::stream::stage::Stage;

/// What a run tells besides its results.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// What watches the results of the plan's flows.
    pub alerts: Vec<Arc<Alert>>,
    /// Takes a line for each thing that is told to the log.
    pub log: fn(&str),
}

impl Default for Alerts {
    /// Nothing.
    fn default() -> Self {
        Self {
            alerts: Vec::new(),
            log: |_| {},
        }
    }
}

impl Alerts {
    /// Refuses what could not be told.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), RunError> {
        for alert in &self.alerts {
            let refused = |reason| RunError::Alert {
                alert: Arc::clone(&alert.name),
                reason,
            };
            let is_webhook = |sink: &AlertSink| matches!(sink, AlertSink::Webhook { .. });
            if alert.to.iter().any(is_webhook) {
                return Err(refused("webhooks are not told yet; take it out of `to`"));
            }
            let mut flows = plan.flows.iter();
            let flow = flows.find(|flow| flow.name == alert.flow);
            let flow = flow.ok_or_else(|| refused("there is no such flow as it watches"))?;
            if needs_schemas(flow) {
                return Err(refused(
                    "its flow passes Avro on as it is, which alerts cannot read yet; give the flow a `select`",
                ));
            }
        }
        Ok(())
    }

    /// The topics that something is told to.
    pub(super) fn topics(&self) -> BTreeSet<&str> {
        let sinks = self.alerts.iter().flat_map(|alert| &alert.to);
        let topics = sinks.filter_map(|sink| match sink {
            AlertSink::Topic(topic) => Some(topic.as_str()),
            AlertSink::Log | AlertSink::Webhook { .. } => None,
        });
        topics.collect()
    }

    /// Those that watch what a task of `stage` puts out, whose Avro is framed with `sink`.
    pub(super) fn of(&self, stage: &Stage, sink: Option<SchemaId>) -> Result<Watching, RunError> {
        let writes_results = stage.destination(Destination::Sink).is_some();
        let flow = &stage.flow;
        let alerts = self.alerts.iter();
        let alerts = alerts.filter(|alert| writes_results && alert.flow == flow.name);
        let watches = alerts.map(|alert| {
            let mut watch = Watch::new(alert, flow);
            if let (ValueFormat::Avro { schema }, Some(id)) = (&flow.sink.value, sink) {
                let added = watch.add_schema(Root::Value, id, schema);
                added.map_err(|source| RunError::Schema {
                    what: format!("sink of flow {}", flow.name),
                    source,
                })?;
            }
            Ok(watch)
        });
        Ok(Watching {
            watches: watches.collect::<Result<_, RunError>>()?,
            log: self.log,
            notices: Vec::new(),
            has_failed: false,
        })
    }
}

/// The alerts at the end of one task.
#[derive(Debug)]
pub(super) struct Watching {
    watches: Vec<Watch>,
    pub(super) log: fn(&str),
    /// What has not been told yet.
    notices: Vec<(Arc<Alert>, Notice)>,
    /// Whether a result could not be judged, and it was said.
    has_failed: bool,
}

impl Watching {
    /// Judges what the task has put out by the wall clock `now`.
    pub(super) fn judge(&mut self, effects: &Effects, now: Timestamp) {
        if self.watches.is_empty() {
            return;
        }
        let mut notices = Vec::new();
        let mut failed = None;
        for output in effects.outputs() {
            for watch in &mut self.watches {
                if let Err(error) = watch.take(&output, now, &mut notices) {
                    failed.get_or_insert_with(|| (Arc::clone(watch.alert()), error));
                }
                let alert = watch.alert();
                let told = notices.drain(..);
                self.notices
                    .extend(told.map(|notice| (Arc::clone(alert), notice)));
            }
        }
        if let Some((alert, error)) = failed {
            self.say_failed(&alert, &error);
        }
    }

    /// Says so the first time: it may be every result.
    fn say_failed(&mut self, alert: &Alert, error: &WatchError) {
        if !mem::replace(&mut self.has_failed, true) {
            let name = &alert.name;
            (self.log)(&format!(
                "alert {name}: a result cannot be judged, and further ones may not be: {error}"
            ));
        }
    }

    /// Lets the wall clock go on, where the task has read all there is.
    pub(super) fn tick(&mut self, now: Timestamp) {
        let mut notices = Vec::new();
        for watch in &mut self.watches {
            watch.tick(now, &mut notices);
            let alert = watch.alert();
            let told = notices.drain(..);
            self.notices
                .extend(told.map(|notice| (Arc::clone(alert), notice)));
        }
    }

    /// What is to be told, in order.
    pub(super) fn take_notices(&mut self) -> Vec<(Arc<Alert>, Notice)> {
        mem::take(&mut self.notices)
    }
}
