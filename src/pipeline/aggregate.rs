//! `aggregate:`: which function, of what.

use std::ops::Range;

use crate::codec::projection::Fields;
use crate::expr;
use crate::expr::Diagnostic;
use crate::expr::Program;
use crate::expr::Scope;
use crate::expr::Type;
use crate::expr::ast::Expr;
use crate::expr::ast::Node;
use crate::pipeline::compile::Compiler;
use crate::pipeline::file::Expression;
use crate::pipeline::file::Located;
use crate::pipeline::parameter;
use crate::stream::aggregate::Function;
use crate::stream::aggregate::parameter::Divisor;
use crate::stream::plan::NamedAggregate;

/// How an aggregate is written.
struct Form {
    name: &'static str,
    /// How many arguments it takes, in words.
    takes: &'static str,
    least: usize,
    most: usize,
    example: &'static str,
}

const FORMS: [Form; 16] = [
    form("count", "none or one", (0, 1), "count(value.status >= 500)"),
    form("sum", ONE, (1, 1), "sum(value.price)"),
    form("avg", ONE, (1, 1), "avg(value.price)"),
    form("min", ONE, (1, 1), "min(value.price)"),
    form("max", ONE, (1, 1), "max(value.price)"),
    form("first", ONE, (1, 1), "first(value.price)"),
    form("last", ONE, (1, 1), "last(value.price)"),
    form("variance", "one or two", (1, 2), "variance(value.price)"),
    form("stddev", "one or two", (1, 2), "stddev(value.price)"),
    form("ema", TWO, (2, 2), "ema(value.price, duration(\"5m\"))"),
    form("ewma", TWO, (2, 2), "ewma(value.price, 0.2)"),
    form("distinct", ONE, (1, 1), "distinct(value.user)"),
    form("quantile", TWO, (2, 2), "quantile(value.price, 0.99)"),
    form("top", TWO, (2, 2), "top(3, value.price)"),
    form("collect", TWO, (2, 2), "collect(value.price, 10)"),
    form("rate", "none or one", (0, 1), "rate()"),
];

const ONE: &str = "one";
const TWO: &str = "two";

const fn form(
    name: &'static str,
    takes: &'static str,
    (least, most): (usize, usize),
    example: &'static str,
) -> Form {
    Form {
        name,
        takes,
        least,
        most,
        example,
    }
}

const EXAMPLE: &str = "write an aggregate such as `sum(value.price)` or `count()`";

impl Compiler<'_, '_> {
    /// Compiles one aggregate, and says what is known of the type of its results.
    pub(super) fn aggregate(
        &mut self,
        name: &Located<String>,
        expression: &Expression,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<(Type, NamedAggregate)> {
        match read(&expression.text, scope, fields) {
            Ok((function, argument)) => Some((
                function.result_type(argument.as_ref().map(Program::ty)),
                NamedAggregate {
                    name: name.value.as_str().into(),
                    function,
                    argument,
                },
            )),
            Err(diagnostics) => {
                for diagnostic in diagnostics {
                    self.diagnose(expression, diagnostic);
                }
                None
            }
        }
    }
}

fn read(
    source: &str,
    scope: &Scope,
    fields: &mut Fields,
) -> Result<(Function, Option<Program>), Vec<Diagnostic>> {
    let call = expr::parse(source).map_err(|error| vec![error])?;
    let Node::Call {
        target: None,
        function: written,
        args,
    } = &call.node
    else {
        let found = Diagnostic::new("expected an aggregate", call.span);
        return Err(vec![found.help(EXAMPLE)]);
    };
    let form = FORMS.iter().find(|form| *form.name == *written.name);
    let form = form.ok_or_else(|| vec![unknown(&written.name, written.span.clone())])?;
    if !(form.least..=form.most).contains(&args.len()) {
        return Err(vec![form.refuse(args.len(), call.span)]);
    }
    // Of `top` the parameter stands before the argument.
    let (argument, parameter) = match (form.name, args.as_slice()) {
        ("top", [parameter, argument]) => (Some(argument), Some(parameter)),
        (_, args) => (args.first(), args.get(1)),
    };
    let function = form.function(parameter);
    let program = argument.map(|argument| {
        let program = expr::compile_expr(argument, source, scope, fields)?;
        match &function {
            Ok(function) => {
                check_type(*function, argument, program.ty(), form.example).map(|()| program)
            }
            Err(_) => Ok(program),
        }
    });
    match (function, program.transpose()) {
        (Ok(function), Ok(program)) => Ok((function, program)),
        (function, program) => {
            let mut diagnostics = program.err().unwrap_or_default();
            diagnostics.extend(function.err());
            Err(diagnostics)
        }
    }
}

impl Form {
    /// The function with its parameter, which is there where it must be.
    fn function(&self, parameter: Option<&Expr>) -> Result<Function, Diagnostic> {
        let divisor = || parameter.map_or(Ok(Divisor::Sample), parameter::divisor);
        Ok(match (self.name, parameter) {
            ("count", _) => Function::Count,
            ("sum", _) => Function::Sum,
            ("avg", _) => Function::Avg,
            ("min", _) => Function::Min,
            ("max", _) => Function::Max,
            ("first", _) => Function::First,
            ("last", _) => Function::Last,
            ("variance", _) => Function::Variance(divisor()?),
            ("stddev", _) => Function::Stddev(divisor()?),
            ("ema", Some(expr)) => Function::Ema(parameter::half_life(expr)?),
            ("ewma", Some(expr)) => Function::Ewma(parameter::smoothing(expr)?),
            ("distinct", _) => Function::Distinct,
            ("quantile", Some(expr)) => Function::Quantile(parameter::rank(expr)?),
            ("top", Some(expr)) => Function::Top(parameter::limit(expr)?),
            ("collect", Some(expr)) => Function::Collect(parameter::limit(expr)?),
            _ => Function::Rate,
        })
    }

    fn refuse(&self, count: usize, span: Range<usize>) -> Diagnostic {
        let arguments = if self.most == 1 {
            "argument"
        } else {
            "arguments"
        };
        let message = format!(
            "`{}` takes {} {arguments}, not {count}",
            self.name, self.takes
        );
        Diagnostic::new(message, span).help(format!("write it as `{}`", self.example))
    }
}

fn unknown(name: &str, span: Range<usize>) -> Diagnostic {
    Diagnostic::new(format!("unknown aggregate `{name}`"), span)
        .nearest(name, Function::NAMES)
        .help(format!("the aggregates are {}", Function::NAMES.join(", ")))
}

fn check_type(
    function: Function,
    argument: &Expr,
    ty: &Type,
    example: &str,
) -> Result<(), Vec<Diagnostic>> {
    if function.takes(ty) {
        return Ok(());
    }
    let message = format!("`{function}` takes {}, not {ty}", function.wanted());
    let refused = Diagnostic::new(message, argument.span.clone());
    Err(vec![refused.help(format!("for example `{example}`"))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_a_form_and_its_example_is_of_it() {
        assert_eq!(FORMS.each_ref().map(|form| form.name), Function::NAMES);
        for form in &FORMS {
            let (function, _) = read(
                form.example,
                &Scope::record(Type::Dyn, Type::Text),
                &mut Fields::default(),
            )
            .unwrap_or_else(|found| panic!("{}: {found:?}", form.example));
            assert_eq!(function.name(), form.name);
        }
    }
}
