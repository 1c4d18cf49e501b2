//! Aggregates by key and window: the built-in ones.

use std::panic::Location;

use crate::codec::projection::Fields;
use crate::expr::Program;
use crate::expr::Scope;
use crate::expr::Type;
use crate::stream::aggregate::Function;
use crate::stream::builder::aggregate::Spec;
use crate::stream::builder::build::Made;
use crate::stream::builder::build::Making;
use crate::stream::builder::build::about;
use crate::stream::builder::computed::Expression;
use crate::stream::builder::lane::Lane;
use crate::stream::builder::mistake::Mistake;
use crate::stream::builder::node::Emission;
use crate::stream::builder::node::Link;
use crate::stream::builder::windows::Window;
use crate::stream::emit::Emit;
use crate::stream::empty::Empty;
use crate::stream::plan::KeyForm;
use crate::stream::plan::NamedAggregate;
use crate::stream::plan::Select;
use crate::stream::plan::WindowAggregate;
use crate::stream::window::Windows;

/// A lane that is aggregated.
pub(super) struct Windowing {
    pub(super) lane: Lane,
    pub(super) all: WindowAggregate,
    /// What its results are.
    pub(super) columns: Vec<(String, Type)>,
    /// How the keys of results are written.
    pub(super) key_form: KeyForm,
    key_type: Type,
    types: Vec<(String, Type)>,
}

impl Making<'_> {
    /// Columns of results.
    pub(super) fn selected_results(
        &mut self,
        mut windowing: Windowing,
        columns: &[(String, Expression)],
    ) -> Option<Windowing> {
        let scope = Scope::result(windowing.key_type.clone(), windowing.types.clone());
        let mut fields = Fields::default();
        let (columns, types) = self.columns(columns, &scope, &mut fields)?;
        windowing.all.select = Some(Select { fields, columns });
        windowing.columns = types;
        Some(windowing)
    }

    /// Aggregates by key and window.
    pub(super) fn aggregated(
        &mut self,
        of: &Link,
        window: Option<&Window>,
        aggregates: &[Spec],
        emission: Emission,
        at: &'static Location<'static>,
    ) -> Option<Made> {
        let lane = match self.made(of)? {
            Made::Lane(lane) if lane.select.is_none() => lane,
            _ => {
                let mistake = Mistake::new("aggregates of what is not read from a topic", at);
                self.report(mistake.help(
                    "write it to a topic and read it from there: `.through(\"topic\", json())`",
                ));
                return None;
            }
        };
        let mut lane = *lane;
        let scope = lane.scope();
        let windows = self.windows(window);
        let named = self.named(aggregates, &scope, &mut lane.fields);
        let (windows, (aggregates, mut types)) = (windows?, named?);
        self.check_emission(&windows, emission, at);
        let empty = self.empty(window, &windows, lane.key.as_ref());
        for (named, (_, ty)) in aggregates.iter().zip(&mut types) {
            if named.function == Function::Rate && !windows.has_bounds() {
                let mistake = Mistake::new("`rate` where windows have no length", at);
                self.report(
                    mistake.help("add a window of event time, or take `count()` or `sum(…)`"),
                );
            }
            if empty != Empty::Never && named.function.is_null_of_nothing() {
                *ty = std::mem::take(ty).nullable();
            }
        }
        let key_type = lane.key.as_ref().map(|key| key.ty().clone());
        let key_type = key_type.unwrap_or_else(|| lane.key_type.clone());
        Some(Made::Windowing(Box::new(Windowing {
            columns: columns(&windows, &key_type, &types),
            all: WindowAggregate {
                emit: emission.emit.unwrap_or(windows.default_emit()),
                windows,
                aggregates,
                select: None,
                empty,
                thinning: emission.thinning,
            },
            key_form: emission.key,
            lane,
            key_type,
            types,
        })))
    }

    fn windows(&mut self, window: Option<&Window>) -> Option<Windows> {
        match window.map_or(Ok(Windows::Running), Window::windows) {
            Ok(windows) => Some(windows),
            Err(mistake) => {
                self.report(mistake);
                None
            }
        }
    }

    fn empty(
        &mut self,
        window: Option<&Window>,
        windows: &Windows,
        key: Option<&Program>,
    ) -> Empty {
        match window.map_or(Ok(Empty::Never), |window| window.empty(windows, key)) {
            Ok(empty) => empty,
            Err(mistake) => {
                self.report(mistake);
                Empty::Never
            }
        }
    }

    fn check_emission(
        &mut self,
        windows: &Windows,
        emission: Emission,
        at: &'static Location<'static>,
    ) {
        if let (Windows::Running, Some(Emit::Final)) = (windows, emission.emit) {
            let mistake = Mistake::new("final results without a window", at);
            self.report(mistake.help("only windows close: `.emit_updates()`"));
        }
        if emission.key == KeyForm::Windowed && !windows.has_bounds() {
            let mistake = Mistake::new("windowed keys where results have no window", at);
            self.report(mistake.help("add a window of event time, or remove it"));
        }
    }

    /// Aggregates by name, and the types of their results by name.
    #[expect(
        clippy::type_complexity,
        reason = "aggregates, and their types by name"
    )]
    pub(super) fn named(
        &mut self,
        aggregates: &[Spec],
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<(Vec<NamedAggregate>, Vec<(String, Type)>)> {
        let made = aggregates
            .iter()
            .map(|spec| self.named_one(spec, scope, fields));
        let made: Vec<Option<_>> = made.collect();
        let (named, types): (Vec<NamedAggregate>, Vec<(String, Type)>) =
            made.into_iter().collect::<Option<_>>()?;
        for (number, (name, _)) in types.iter().enumerate() {
            let is_taken = types.iter().take(number).any(|(other, _)| other == name);
            if let (true, Some(spec)) = (is_taken, aggregates.get(number)) {
                let mistake = Mistake::new(format!("two aggregates named `{name}`"), spec.at);
                self.report(mistake.help("give one of them another: `.named(\"…\")`"));
            }
        }
        Some((named, types))
    }

    fn named_one(
        &mut self,
        spec: &Spec,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<(NamedAggregate, (String, Type))> {
        let argument = match &spec.argument {
            None => None,
            Some(argument) => Some(self.program(argument, scope, fields)?),
        };
        let function = match spec.function {
            Ok(function) => function,
            Err(error) => {
                self.report(Mistake::new(error.to_string(), spec.at));
                return None;
            }
        };
        if let (Some(program), Some(computed)) = (&argument, &spec.argument)
            && !function.takes(program.ty())
        {
            let wanted = function.wanted();
            let message = format!("`{function}` takes {wanted}, not {}", program.ty());
            self.report(about(message, computed));
            return None;
        }
        let name = spec.name.as_deref().unwrap_or(function.name());
        let ty = function.result_type(argument.as_ref().map(Program::ty));
        let named = NamedAggregate {
            name: name.into(),
            function,
            argument,
        };
        Some((named, (name.to_owned(), ty)))
    }
}

/// What results are where nothing is selected from them.
fn columns(windows: &Windows, key: &Type, types: &[(String, Type)]) -> Vec<(String, Type)> {
    let instants = ["start", "end"].map(|name| (name.to_owned(), Type::Timestamp));
    let window = Type::record("window", instants);
    let window = windows.has_bounds().then(|| ("window".to_owned(), window));
    let key = ("key".to_owned(), key.clone());
    let all = [key].into_iter().chain(window);
    all.chain(types.iter().cloned()).collect()
}
