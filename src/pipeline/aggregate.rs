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
use crate::stream::aggregate::Function;
use crate::stream::aggregate::parameter::Divisor;
use crate::stream::plan::NamedAggregate;

/// Functions that will be, which are refused rather than unknown.
const LATER: [&str; 7] = [
    "distinct", "quantile", "top", "collect", "ema", "ewma", "rate",
];

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
        match read(expression, scope, fields) {
            Ok((function, argument)) => Some((
                result_type(function, argument.as_ref()),
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
    expression: &Expression,
    scope: &Scope,
    fields: &mut Fields,
) -> Result<(Function, Option<Program>), Vec<Diagnostic>> {
    let source = &expression.text;
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
    let function =
        named(&written.name).ok_or_else(|| vec![unknown(&written.name, written.span.clone())])?;
    let argument = match args.as_slice() {
        [] if function == Function::Count => return Ok((function, None)),
        [argument] => argument,
        _ => {
            let message = format!("`{function}` takes one argument, not {}", args.len());
            return Err(vec![Diagnostic::new(message, call.span)]);
        }
    };
    let program = expr::compile_expr(argument, source, scope, fields)?;
    check_type(function, argument, program.ty())?;
    Ok((function, Some(program)))
}

fn named(name: &str) -> Option<Function> {
    Some(match name {
        "count" => Function::Count,
        "sum" => Function::Sum,
        "avg" => Function::Avg,
        "min" => Function::Min,
        "max" => Function::Max,
        "first" => Function::First,
        "last" => Function::Last,
        "variance" => Function::Variance(Divisor::Sample),
        "stddev" => Function::Stddev(Divisor::Sample),
        _ => return None,
    })
}

fn unknown(name: &str, span: Range<usize>) -> Diagnostic {
    if LATER.contains(&name) {
        let message = format!("aggregate `{name}` is not supported yet");
        return Diagnostic::new(message, span);
    }
    Diagnostic::new(format!("unknown aggregate `{name}`"), span)
        .nearest(name, Function::NAMES)
        .help(format!("the aggregates are {}", Function::NAMES.join(", ")))
}

fn check_type(function: Function, argument: &Expr, ty: &Type) -> Result<(), Vec<Diagnostic>> {
    let (expected, fits) = match function {
        Function::Count => ("a condition", ty.may_be(&Type::Bool)),
        Function::Sum | Function::Avg | Function::Variance(_) | Function::Stddev(_) => {
            ("a number", ty.is_number() || ty.is_dyn())
        }
        Function::First | Function::Last => ("a value", true),
        Function::Min | Function::Max => (
            "a value with an order",
            !matches!(
                ty.non_null(),
                Type::List(_) | Type::Map(..) | Type::Record(_)
            ),
        ),
    };
    if fits {
        return Ok(());
    }
    let message = format!("`{function}` takes {expected}, not {ty}");
    Err(vec![Diagnostic::new(message, argument.span.clone())])
}

/// Sums, means and extremes are null where no value that is not null came in.
fn result_type(function: Function, argument: Option<&Program>) -> Type {
    let Some(ty) = argument.map(Program::ty) else {
        return Type::Int;
    };
    let may_be_null = matches!(ty, Type::Nullable(_) | Type::Dyn | Type::Null);
    let result = match function {
        Function::Count => return Type::Int,
        // One value alone has no sample variance.
        Function::Variance(_) | Function::Stddev(_) => return Type::Double.nullable(),
        Function::Avg => Type::Double,
        Function::Sum | Function::Min | Function::Max | Function::First | Function::Last => {
            ty.non_null().clone()
        }
    };
    match may_be_null {
        true => result.nullable(),
        false => result,
    }
}
