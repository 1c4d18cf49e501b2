//! The syntax tree of an expression.

use std::ops::Range;

use crate::record::Value;

/// An expression, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// The bytes of the source that it stands in.
    pub span: Range<usize>,
    /// What it is.
    pub node: Node,
    /// The length of the longest way down from here, this node included.
    pub(super) depth: usize,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A literal: `1`, `2u`, `0.5`, `"text"`, `b"bytes"`, `true`, `null`.
    Literal(Value<'static>),
    /// A name: `value`.
    Name(Box<str>),
    /// A field of something: `operand.field`, or `operand.?field`.
    Select {
        /// What has the field.
        operand: Box<Expr>,
        /// The field.
        field: Spanned,
        /// Whether a missing field is an error.
        access: Access,
    },
    /// An element of something: `operand[index]`, or `operand[?index]`.
    Index {
        /// The list or map.
        operand: Box<Expr>,
        /// The position or key.
        index: Box<Expr>,
        /// Whether a missing element is an error.
        access: Access,
    },
    /// A call: `function(args)`, or `target.function(args)`.
    Call {
        /// What stands before the dot of a method call.
        target: Option<Box<Expr>>,
        /// The function.
        function: Spanned,
        /// The arguments, without the target.
        args: Vec<Expr>,
    },
    /// A list: `[a, b]`.
    List(Vec<Expr>),
    /// A map: `{a: b}`.
    Map(Vec<(Expr, Expr)>),
    /// `!operand` or `-operand`.
    Unary(UnaryOp, Box<Expr>),
    /// Two operands and what stands between.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// What stands before it.
        left: Box<Expr>,
        /// What stands after it.
        right: Box<Expr>,
    },
    /// Two or more conditions joined by one operator: `a && b && c`.
    Logic {
        /// The operator between each two.
        op: LogicOp,
        /// The conditions.
        operands: Vec<Expr>,
    },
    /// `condition ? yes : no`.
    Ternary {
        /// The condition.
        condition: Box<Expr>,
        /// The value where it is true.
        yes: Box<Expr>,
        /// The value where it is false.
        no: Box<Expr>,
    },
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned {
    /// The name.
    pub name: Box<str>,
    /// The bytes of the source that it stands in.
    pub span: Range<usize>,
}

/// What becomes of a field or element that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// An error.
    Required,
    /// An optional value without a value: `.?` and `[?`.
    Optional,
}

/// An operator with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
}

impl BinaryOp {
    /// The operator as it is written.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
        }
    }
}

/// An operator between conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogicOp {
    /// `&&`
    And,
    /// `||`
    Or,
}

impl LogicOp {
    /// The operator as it is written.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::And => "&&",
            Self::Or => "||",
        }
    }
}

impl Expr {
    /// A part of the tree over `span`.
    pub(super) fn new(span: Range<usize>, node: Node) -> Self {
        let depth = 1 + node.children_depth();
        Self { span, node, depth }
    }
}

impl Node {
    fn children_depth(&self) -> usize {
        let deepest = |exprs: &[Expr]| exprs.iter().map(|expr| expr.depth).max().unwrap_or(0);
        match self {
            Self::Literal(_) | Self::Name(_) => 0,
            Self::Select { operand, .. } | Self::Unary(_, operand) => operand.depth,
            Self::Index { operand, index, .. } => operand.depth.max(index.depth),
            Self::Call { target, args, .. } => {
                deepest(args).max(target.as_ref().map_or(0, |target| target.depth))
            }
            Self::List(items) => deepest(items),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| key.depth.max(value.depth))
                .max()
                .unwrap_or(0),
            Self::Binary { left, right, .. } => left.depth.max(right.depth),
            Self::Logic { operands, .. } => deepest(operands),
            Self::Ternary { condition, yes, no } => condition.depth.max(yes.depth).max(no.depth),
        }
    }
}
