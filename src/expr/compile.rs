//! From syntax tree to code: names, fields, literals, and the dispatch over everything else.
//!
//! Types are checked on the way, and all errors of an expression are reported at once: a part that
//! is wrong counts as `dyn` for what stands around it, so that one slip makes one finding.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::codec::projection::Fields;
use crate::codec::projection::Path;
use crate::codec::projection::Row;
use crate::expr::Scope;
use crate::expr::Type;
use crate::expr::ast::Access;
use crate::expr::ast::Expr;
use crate::expr::ast::Node;
use crate::expr::ast::Spanned;
use crate::expr::code::At;
use crate::expr::code::Budget;
use crate::expr::code::Code;
use crate::expr::code::Env;
use crate::expr::code::General;
use crate::expr::code::slot;
use crate::expr::error::Diagnostic;
use crate::expr::error::Fault;
use crate::expr::lookup::entry_of;
use crate::expr::parser::parse;
use crate::expr::program::Program;
use crate::expr::scope::Binding;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::Value;

/// Compiles `source` within `scope`. The fields that it reads get slots of `fields`.
///
/// # Errors
///
/// All that is wrong with `source`, in the order of the text: its author's fault.
///
/// # Examples
///
/// ```
/// use tidemill::codec::projection::Fields;
/// use tidemill::expr::{Scope, Type, compile};
///
/// let order = Type::record("Order", [("price".to_owned(), Type::Double)]);
/// let scope = Scope::record(order, Type::Text);
/// let program = compile("value.price * 2", &scope, &mut Fields::default()).unwrap();
/// assert_eq!(program.ty(), &Type::Double, "an int with a double is computed in doubles");
///
/// let wrong = compile("value.prise > key", &scope, &mut Fields::default()).unwrap_err();
/// assert_eq!(wrong[0].nearest.as_deref(), Some("price"));
/// ```
pub fn compile(
    source: &str,
    scope: &Scope,
    fields: &mut Fields,
) -> Result<Program, Vec<Diagnostic>> {
    let expr = parse(source).map_err(|diagnostic| vec![diagnostic])?;
    compile_expr(&expr, source, scope, fields)
}

/// Compiles `expr`, which is a part or the whole of what `source` was parsed to.
///
/// The spans of errors, of this compilation and of later evaluations, are those of `source`.
///
/// # Errors
///
/// As [`compile`].
pub fn compile_expr(
    expr: &Expr,
    source: &str,
    scope: &Scope,
    fields: &mut Fields,
) -> Result<Program, Vec<Diagnostic>> {
    let mut compiler = Compiler {
        scope,
        fields,
        constants: Vec::new(),
        variables: Vec::new(),
        errors: Vec::new(),
    };
    let typed = compiler.value(expr);
    if compiler.errors.is_empty() {
        return Ok(Program {
            source: Arc::from(source),
            ty: typed.ty,
            code: typed.code,
            constants: compiler.constants.into(),
        });
    }
    compiler.errors.sort_by_key(|error| error.span.start);
    Err(compiler.errors)
}

/// The state of one compilation.
pub(super) struct Compiler<'c> {
    pub(super) scope: &'c Scope,
    fields: &'c mut Fields,
    constants: Vec<Value<'static>>,
    /// The variables of the macros around, outermost first.
    pub(super) variables: Vec<(Box<str>, Type)>,
    errors: Vec<Diagnostic>,
}

/// Code and what is known of the type of its results.
pub(super) struct Typed {
    pub(super) ty: Type,
    pub(super) code: Code,
    pub(super) at: At,
}

impl Typed {
    pub(super) fn general(ty: Type, span: &Range<usize>, code: General) -> Self {
        Self {
            ty,
            code: Code::General(code),
            at: At::new(span),
        }
    }

    pub(super) const fn is_constant(&self) -> bool {
        matches!(self.code, Code::Constant(_))
    }
}

/// A chain of fields from a root, and what is known of its end.
struct Chain {
    path: Path,
    ty: Type,
    /// [`Access::Optional`] where any step is.
    access: Access,
}

/// The types by the names that CEL gives them; `type(x)` is compared with them.
const TYPE_NAMES: [&str; 12] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "timestamp",
    "type",
    "uint",
];

impl Compiler<'_> {
    /// Reports `diagnostic` and stands in for what could not be compiled.
    pub(super) fn fail(&mut self, diagnostic: Diagnostic) -> Typed {
        let at = At::new(&diagnostic.span);
        self.errors.push(diagnostic);
        Typed {
            ty: Type::Dyn,
            code: Code::Constant(usize::MAX),
            at,
        }
    }

    pub(super) fn constant(&mut self, value: Value<'static>) -> Code {
        self.constants.push(value);
        Code::Constant(self.constants.len() - 1)
    }

    /// The value of a constant.
    pub(super) fn constant_value(&self, typed: &Typed) -> Option<&Value<'static>> {
        match typed.code {
            Code::Constant(index) => self.constants.get(index),
            _ => None,
        }
    }

    /// Compiles an expression whose value is used, so that it may not be optional.
    pub(super) fn value(&mut self, expr: &Expr) -> Typed {
        let typed = self.expr(expr);
        if matches!(typed.ty, Type::Optional(_)) {
            let message = "an optional value where a value is expected";
            return self.fail(
                Diagnostic::new(message, expr.span.clone())
                    .help("say what stands in for it: `.orValue(0)`"),
            );
        }
        typed
    }

    /// Compiles any expression.
    pub(super) fn expr(&mut self, expr: &Expr) -> Typed {
        if let Some(chain) = self.chain(expr) {
            return self.field(chain, &expr.span);
        }
        match &expr.node {
            Node::Literal(value) => self.literal(value, &expr.span),
            Node::Name(name) => self.name(name, &expr.span),
            Node::Select {
                operand,
                field,
                access,
            } => self.select(operand, field, *access, &expr.span),
            Node::Index {
                operand,
                index,
                access,
            } => self.index(operand, index, *access, &expr.span),
            Node::Call {
                target,
                function,
                args,
            } => self.call(target.as_deref(), function, args, &expr.span),
            Node::List(items) => self.list(items, &expr.span),
            Node::Map(entries) => self.map(entries, &expr.span),
            Node::Unary(op, operand) => self.unary(*op, operand, &expr.span),
            Node::Binary { op, left, right } => self.binary(*op, left, right, &expr.span),
            Node::Logic { op, operands } => self.logic(*op, operands, &expr.span),
            Node::Ternary { condition, yes, no } => self.ternary(condition, yes, no, &expr.span),
        }
    }

    fn literal(&mut self, value: &Value<'static>, span: &Range<usize>) -> Typed {
        Typed {
            ty: type_of_literal(value),
            code: self.constant(value.clone()),
            at: At::new(span),
        }
    }

    /// Evaluates code that was made of nothing but constants, once and for all. A fault stays for
    /// run time, where the other side of an `&&` or `||` may absorb it.
    pub(super) fn folded(&mut self, typed: Typed) -> Typed {
        let value = self.evaluate(&typed.code);
        match value {
            Ok(value) => Typed {
                code: self.constant(value),
                ..typed
            },
            Err(_) => typed,
        }
    }

    pub(super) fn evaluate(&self, code: &Code) -> Result<Value<'static>, Fault> {
        let row = Row {
            topic: "",
            partition: PartitionId(0),
            record: RecordView {
                offset: Offset(0),
                timestamp: Timestamp(0),
                timestamp_type: TimestampType::CreateTime,
                key: None,
                value: None,
                headers: HeadersView::EMPTY,
            },
            slots: Vec::new(),
        };
        let env = Env {
            row: &row,
            constants: &self.constants,
            frame: None,
            budget: &Budget::new(),
        };
        let value = code.any(&env).map_err(|raise| raise.fault)?;
        Ok(value.into_owned().into_owned())
    }

    /// The chain of fields that `expr` is, if it is one.
    fn chain(&mut self, expr: &Expr) -> Option<Chain> {
        match &expr.node {
            Node::Name(name) => self.root(name),
            Node::Select {
                operand,
                field,
                access,
            } => {
                let chain = self.chain(operand)?;
                Some(self.step(chain, operand, field, *access))
            }
            Node::Index {
                operand,
                index,
                access,
            } => {
                let Node::Literal(Value::Text(name)) = &index.node else {
                    return None;
                };
                let field = Spanned {
                    name: Box::from(&**name),
                    span: index.span.clone(),
                };
                let chain = self.chain(operand)?;
                Some(self.step(chain, operand, &field, *access))
            }
            _ => None,
        }
    }

    fn root(&self, name: &str) -> Option<Chain> {
        if self.variables.iter().any(|(own, _)| **own == *name) {
            return None;
        }
        match self.scope.binding(name)? {
            Binding::Path(path, ty) => Some(Chain {
                path: path.clone(),
                ty: ty.clone(),
                access: Access::Required,
            }),
            Binding::Meta(_) => None,
        }
    }

    fn step(&mut self, chain: Chain, operand: &Expr, field: &Spanned, access: Access) -> Chain {
        let ty = self.field_type(&chain.ty, operand, field);
        let mut path = chain.path;
        path.steps.push(field.name.clone());
        let access = match chain.access {
            Access::Optional => Access::Optional,
            Access::Required => access,
        };
        Chain { path, ty, access }
    }

    /// The type of a field of a value of type `ty`; reports where there is none.
    fn field_type(&mut self, ty: &Type, operand: &Expr, field: &Spanned) -> Type {
        match ty.non_null() {
            Type::Dyn => Type::Dyn,
            Type::Map(key, value) if key.may_be(&Type::Text) => (**value).clone(),
            Type::Record(record) => match record.field(&field.name) {
                Some(ty) => ty.clone(),
                None => {
                    let names = record.fields.iter().map(|(name, _)| name.as_str());
                    let known = names.clone().collect::<Vec<_>>().join(", ");
                    let message = format!("{} has no field `{}`", record.name, field.name);
                    let found = Diagnostic::new(message, field.span.clone())
                        .nearest(&field.name, names)
                        .help(format!("its fields are {known}"));
                    self.fail(found).ty
                }
            },
            other => {
                let message = format!("`{}` on {other}, which has no fields", field.name);
                let span = operand.span.start..field.span.end.max(operand.span.end);
                let found = Diagnostic::new(message, span);
                self.fail(
                    found.help("fields are those of objects: leave it out, or go by another field"),
                )
                .ty
            }
        }
    }

    fn field(&mut self, chain: Chain, span: &Range<usize>) -> Typed {
        let index = self.fields.slot(chain.path);
        let at = At::new(span);
        match chain.access {
            Access::Required => Typed {
                ty: chain.ty,
                code: Code::Slot(index, at),
                at,
            },
            Access::Optional => Typed {
                ty: Type::Optional(Arc::new(chain.ty)),
                code: Code::Maybe(Box::new(move |env| Ok(slot(env, index).map(Cow::Borrowed)))),
                at,
            },
        }
    }

    /// Whether a field is there: `has(value.field)`.
    pub(super) fn presence(&mut self, args: &[Expr], span: &Range<usize>) -> Typed {
        let at = At::new(span);
        let [expr] = args else {
            return self.fail(field_expected(span.clone()));
        };
        let Node::Select { operand, field, .. } = &expr.node else {
            return self.fail(field_expected(expr.span.clone()));
        };
        let code: Code = if let Some(chain) = self.chain(expr) {
            let index = self.fields.slot(chain.path);
            Code::Bool(Box::new(move |env| Ok(slot(env, index).is_some())))
        } else {
            let code = self.selection(operand, field, At::new(&expr.span)).code;
            Code::Bool(Box::new(move |env| Ok(code.maybe(env)?.is_some())))
        };
        Typed {
            ty: Type::Bool,
            code,
            at,
        }
    }

    fn name(&mut self, name: &str, span: &Range<usize>) -> Typed {
        let at = At::new(span);
        let variable = self
            .variables
            .iter()
            .rev()
            .position(|(own, _)| **own == *name);
        if let Some(outward) = variable {
            let ty = self.variables.iter().rev().nth(outward);
            return Typed {
                ty: ty.map(|(_, ty)| ty.clone()).unwrap_or_default(),
                code: Code::Variable(outward),
                at,
            };
        }
        if let Some(Binding::Meta(meta)) = self.scope.binding(name) {
            return Self::meta(*meta, span);
        }
        if let Some(name) = TYPE_NAMES.iter().find(|own| **own == name) {
            return Typed {
                ty: Type::Type,
                code: self.constant(Value::text(name)),
                at,
            };
        }
        let unknown = self.unknown_name(name, span.clone());
        self.fail(unknown)
    }

    fn unknown_name(&self, name: &str, span: Range<usize>) -> Diagnostic {
        let variables = self.variables.iter().map(|(name, _)| &**name);
        let known: Vec<_> = variables.chain(self.scope.names()).collect();
        let found = Diagnostic::new(format!("unknown name `{name}`"), span);
        let is_field = match self.scope.binding("value") {
            Some(Binding::Path(_, Type::Record(record))) => record.field(name).is_some(),
            _ => false,
        };
        if is_field {
            return found.help(format!("a field of the value is `value.{name}`"));
        }
        let help = format!("the names here are {}", known.join(", "));
        found.nearest(name, known).help(help)
    }

    fn select(
        &mut self,
        operand: &Expr,
        field: &Spanned,
        access: Access,
        span: &Range<usize>,
    ) -> Typed {
        let at = At::new(span);
        let selection = self.selection(operand, field, at);
        if access == Access::Optional || selection.is_optional {
            return Typed {
                ty: Type::Optional(Arc::new(selection.ty)),
                code: selection.code,
                at,
            };
        }
        let code = selection.code;
        Typed::general(
            selection.ty,
            span,
            Box::new(move |env| code.maybe(env)?.ok_or_else(|| at.raise(Fault::Missing))),
        )
    }

    /// Code for a field of something that is no chain; absent where the field is not there.
    fn selection(&mut self, operand: &Expr, field: &Spanned, at: At) -> Selection {
        if let Some(selection) = self.header(operand, field) {
            return selection;
        }
        let operand_typed = self.expr(operand);
        let (ty, is_optional) = match &operand_typed.ty {
            Type::Optional(inner) => ((**inner).clone(), true),
            ty => (ty.clone(), false),
        };
        let ty = self.field_type(&ty, operand, field);
        let (code, name) = (
            operand_typed.code,
            Value::Text(Cow::Owned(field.name.to_string())),
        );
        Selection {
            ty,
            is_optional,
            code: Code::Maybe(Box::new(move |env| match code.maybe(env)? {
                Some(operand) => entry_of(operand, &name).map_err(|f| at.raise(f)),
                None => Ok(None),
            })),
        }
    }

    fn index(
        &mut self,
        operand: &Expr,
        index: &Expr,
        access: Access,
        span: &Range<usize>,
    ) -> Typed {
        if let Node::Literal(Value::Text(name)) = &index.node {
            let field = Spanned {
                name: Box::from(&**name),
                span: index.span.clone(),
            };
            return self.select(operand, &field, access, span);
        }
        self.element(operand, index, access, span)
    }
}

/// Code for a field that may not be there.
pub(super) struct Selection {
    pub(super) ty: Type,
    /// Whether the operand is optional, so that the field is too.
    pub(super) is_optional: bool,
    pub(super) code: Code,
}

fn field_expected(span: Range<usize>) -> Diagnostic {
    Diagnostic::new("`has()` takes one field", span).help("write `has(value.field)`")
}

fn type_of_literal(value: &Value<'_>) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::UInt(_) => Type::UInt,
        Value::Float(_) => Type::Double,
        Value::Text(_) => Type::Text,
        Value::Bytes(_) => Type::Bytes,
        Value::Timestamp(_) => Type::Timestamp,
        Value::Duration(_) => Type::Duration,
        Value::List(_) | Value::Map(_) => Type::Dyn,
    }
}
