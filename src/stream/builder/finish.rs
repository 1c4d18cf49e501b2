//! The end of a flow: where its results go, and how they are written.

use std::sync::Arc;

use crate::codec::avro::schema::Schema;
use crate::codec::format::Format;
use crate::codec::projection::Fields;
use crate::expr::Type;
use crate::expr::schema_type::misfits;
use crate::expr::schema_type::schema_for;
use crate::expr::schema_type::through_json;
use crate::stream::builder::build::Made;
use crate::stream::builder::build::Making;
use crate::stream::builder::build::Output;
use crate::stream::builder::lane::Lane;
use crate::stream::builder::mistake::Mistake;
use crate::stream::builder::node::End;
use crate::stream::builder::piece::Piece;
use crate::stream::builder::sink::Form;
use crate::stream::builder::windowing::Windowing;
use crate::stream::graph::topology::Kind;
use crate::stream::plan::Flow;
use crate::stream::plan::GraphInput;
use crate::stream::plan::GraphPlan;
use crate::stream::plan::KeyForm;
use crate::stream::plan::Map;
use crate::stream::plan::Operator;
use crate::stream::plan::Sink;
use crate::stream::plan::ValueFormat;
use crate::stream::window::Windows;

/// What is known of the values that a flow writes.
type Columns = Option<Vec<(String, Type)>>;

impl Making<'_> {
    /// The flow that ends at `end`, and what it puts out.
    pub(super) fn flow(&mut self, end: &End) -> (Option<Flow>, Output) {
        let made = self.made(&end.of);
        let flow = made.and_then(|made| match made {
            Made::Lane(lane) => self.mapped(*lane, end),
            Made::Windowing(windowing) => self.windowing(*windowing, end),
            Made::Piece(piece) => self.graph(piece, end),
        });
        let (flow, value_type) = flow.unzip();
        if let Some(flow) = &flow {
            self.check_topics(flow, end);
        }
        let value_format = match (&end.format.0, &flow) {
            (Form::Json, _) | (Form::Unchanged, None) => Format::Json,
            (Form::Avro(_), _) => Format::Avro,
            (Form::Unchanged, Some(flow)) => flow.source.value_format,
        };
        let output = Output {
            topic: Arc::clone(&end.topic),
            value_type: value_type.unwrap_or_default(),
            value_format,
        };
        (flow, output)
    }

    fn check_topics(&mut self, flow: &Flow, end: &End) {
        if flow.topics().contains(&&end.topic) {
            let message = "a flow that writes into the topic that it reads";
            let mistake = Mistake::new(message, end.at);
            self.report(mistake.help("give the results a topic of their own"));
        }
    }

    fn mapped(&mut self, mut lane: Lane, end: &End) -> Option<(Flow, Type)> {
        self.check_late(end, false);
        if let Some(columns) = lane.select.take() {
            let scope = lane.scope();
            let (columns, types) = self.columns(&columns, &scope, &mut lane.fields)?;
            let value = self.value_format(end, Some(&types))?;
            let ty = written(end, Some(types), Type::Dyn);
            let operator = Operator::Map(Map {
                select: Some(columns),
            });
            return Some((self.flow_of(lane, operator, value, end), ty));
        }
        let is_same = match &end.format.0 {
            Form::Json => lane.source.value_format == Format::Json,
            Form::Avro(None) => lane.source.value_format == Format::Avro,
            Form::Avro(Some(_)) => false,
            Form::Unchanged => true,
        };
        if !is_same {
            let piece = self.piece_of(Made::Lane(Box::new(lane)), end.at)?;
            return self.graph(piece, end);
        }
        let (operator, value_type) = (Operator::Map(Map { select: None }), lane.value_type.clone());
        let flow = self.flow_of(lane, operator, ValueFormat::Json, end);
        Some((flow, value_type))
    }

    fn windowing(&mut self, windowing: Windowing, end: &End) -> Option<(Flow, Type)> {
        let Windowing {
            lane,
            all,
            columns,
            key_form,
            ..
        } = windowing;
        self.check_late(
            end,
            !matches!(all.windows, Windows::Running | Windows::Rows(_)),
        );
        let value = self.value_format(end, Some(&columns))?;
        let ty = written(end, Some(columns), Type::Dyn);
        let mut flow = self.flow_of(lane, Operator::Window(all), value, end);
        flow.sink.key = key_form;
        Some((flow, ty))
    }

    /// Reports a topic for late records where there are none.
    fn check_late(&mut self, end: &End, closes: bool) {
        if self.late.is_some() && !closes {
            let mistake = Mistake::new("late records where nothing ever is late", end.at);
            self.report(mistake.help("only windows of event time close; remove `.late_to(…)`"));
        }
    }

    fn flow_of(&self, lane: Lane, operator: Operator, value: ValueFormat, end: &End) -> Flow {
        Flow {
            name: end.name.as_str().into(),
            source: lane.source,
            fields: lane.fields,
            filter: lane.filter,
            key: lane.key,
            operator,
            late: self.late.clone(),
            on_error: self.told.on_error.clone(),
            sink: sink(end, value),
        }
    }

    fn graph(&mut self, piece: Piece, end: &End) -> Option<(Flow, Type)> {
        if end.format.0 == Form::Unchanged {
            let mistake = Mistake::new("values unchanged where they are made anew", end.at);
            self.report(mistake.help("say how they are written: `json()`, `avro()`"));
            return None;
        }
        let columns: Columns = match &piece.value_type {
            Type::Record(record) => Some(record.fields.clone()),
            _ => None,
        };
        let value = self.value_format(end, columns.as_deref())?;
        self.node("to", Kind::Sink, [piece.feed], end.at)?;
        let ty = written(end, columns, piece.value_type);
        Some((self.graph_flow(value, end)?, ty))
    }

    fn graph_flow(&mut self, value: ValueFormat, end: &End) -> Option<Flow> {
        let sink = sink(end, value);
        let name: Box<str> = end.name.as_str().into();
        let (late, on_error) = (self.late.clone(), self.told.on_error.clone());
        let source = self.inputs.first()?.source.bare();
        let flow = |source, operator| Flow {
            name: name.clone(),
            source,
            fields: Fields::default(),
            filter: None,
            key: None,
            operator,
            late: late.clone(),
            on_error: on_error.clone(),
            sink: sink.clone(),
        };
        let inputs = self.inputs.drain(..).map(|opened| GraphInput {
            node: opened.node,
            value_slot: opened.value_slot,
            extent: opened.extent,
            flow: Arc::new(Flow {
                fields: opened.fields,
                filter: opened.filter,
                key: opened.key,
                ..flow(opened.source, Operator::Map(Map { select: None }))
            }),
        });
        let inputs = inputs.collect();
        let topology = std::mem::take(&mut self.topology);
        Some(flow(
            source,
            Operator::Graph(GraphPlan {
                topology,
                inputs,
                windows: None,
            }),
        ))
    }

    fn value_format(
        &mut self,
        end: &End,
        columns: Option<&[(String, Type)]>,
    ) -> Option<ValueFormat> {
        match (&end.format.0, columns) {
            (Form::Json, _) => Some(ValueFormat::Json),
            (Form::Avro(None), Some(columns)) => Some(ValueFormat::Avro {
                schema: schema_for(&end.name, columns).into(),
            }),
            (Form::Avro(None), None) => {
                let mistake = Mistake::new("Avro of values of which nothing is known", end.at);
                self.report(mistake.help("give a schema, `avro_with(…)`, or select columns"));
                None
            }
            (Form::Avro(Some(schema)), columns) => match Schema::parse(schema) {
                Ok(parsed) => {
                    for misfit in columns.map_or_else(Vec::new, |all| misfits(&parsed, all)) {
                        self.report(Mistake::about(misfit, end.at));
                    }
                    Some(ValueFormat::Avro {
                        schema: Arc::clone(schema),
                    })
                }
                Err(error) => {
                    self.report(Mistake::new(error.to_string(), end.at));
                    None
                }
            },
            (Form::Unchanged, _) => {
                let mistake = Mistake::new("values unchanged where they are made anew", end.at);
                self.report(mistake.help("say how they are written: `json()`, `avro()`"));
                None
            }
        }
    }
}

fn sink(end: &End, value: ValueFormat) -> Sink {
    Sink {
        topic: Arc::clone(&end.topic),
        key: KeyForm::Text,
        value,
    }
}

/// What stands in the topic, as far as it is known.
fn written(end: &End, columns: Columns, value_type: Type) -> Type {
    let ty = match columns {
        Some(columns) => Type::record(end.name.clone(), columns),
        None => value_type,
    };
    match &end.format.0 {
        Form::Avro(_) => ty,
        Form::Json | Form::Unchanged => through_json(&ty),
    }
}
