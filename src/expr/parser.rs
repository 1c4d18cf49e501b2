//! From text to syntax tree.

use std::ops::Range;

use crate::expr::ast::Access;
use crate::expr::ast::BinaryOp;
use crate::expr::ast::Expr;
use crate::expr::ast::LogicOp;
use crate::expr::ast::Node;
use crate::expr::ast::Spanned;
use crate::expr::ast::UnaryOp;
use crate::expr::error::Diagnostic;
use crate::expr::error::nearest;
use crate::expr::token::Token;
use crate::expr::token::TokenKind;
use crate::expr::token::tokens;
use crate::record::Value;

/// The longest expression that is read, in bytes.
pub const SOURCE_BYTES_MAX: usize = 64 * 1024;

/// How deep an expression may be nested. CEL asks for at least 32; what people write stays far
/// below, and a tree of this depth is walked well within the smallest stack of a thread.
pub const NESTING_MAX: usize = 100;

/// Words that CEL keeps for itself; they may still be fields.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

/// Parses `source` to a tree.
///
/// Recursion and the depth of the tree are bounded by [`NESTING_MAX`].
///
/// # Errors
///
/// The first place where `source` is no expression.
///
/// # Examples
///
/// ```
/// use tidemill::expr::ast::Node;
/// use tidemill::expr::parse;
///
/// let sum = parse("sum(value.price * value.qty)").unwrap();
/// let Node::Call { target: None, function, args } = sum.node else { panic!() };
/// assert_eq!((&*function.name, args[0].span.clone()), ("sum", 4..27));
/// assert_eq!(parse("1 +").unwrap_err().span, 3..3);
/// ```
pub fn parse(source: &str) -> Result<Expr, Diagnostic> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!("expression longer than {SOURCE_BYTES_MAX} bytes");
        let found = Diagnostic::new(message, 0..0);
        return Err(found.help("split it into several fields or flows"));
    }
    let mut parser = Parser {
        tokens: tokens(source)?,
        next: 0,
        nesting: 0,
    };
    let expr = parser.expression()?;
    match &parser.peek().kind {
        TokenKind::End => Ok(expr),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nesting: usize,
}

/// What stands for a token behind the last.
const END: &Token = &Token {
    kind: TokenKind::End,
    span: 0..0,
};

type Parsed<T> = Result<T, Diagnostic>;

/// How tightly an operator binds; higher is tighter.
const RELATION: u8 = 3;

enum Infix {
    Logic(LogicOp),
    Binary(BinaryOp),
}

fn infix(kind: &TokenKind) -> Option<(Infix, u8)> {
    let binary = |op, binds| Some((Infix::Binary(op), binds));
    match kind {
        TokenKind::Symbol("||") => Some((Infix::Logic(LogicOp::Or), 1)),
        TokenKind::Symbol("&&") => Some((Infix::Logic(LogicOp::And), 2)),
        TokenKind::Symbol("==") => binary(BinaryOp::Equal, RELATION),
        TokenKind::Symbol("!=") => binary(BinaryOp::NotEqual, RELATION),
        TokenKind::Symbol("<") => binary(BinaryOp::Less, RELATION),
        TokenKind::Symbol("<=") => binary(BinaryOp::LessOrEqual, RELATION),
        TokenKind::Symbol(">") => binary(BinaryOp::Greater, RELATION),
        TokenKind::Symbol(">=") => binary(BinaryOp::GreaterOrEqual, RELATION),
        TokenKind::Name(name) if **name == *"in" => binary(BinaryOp::In, RELATION),
        TokenKind::Symbol("+") => binary(BinaryOp::Add, 4),
        TokenKind::Symbol("-") => binary(BinaryOp::Subtract, 4),
        TokenKind::Symbol("*") => binary(BinaryOp::Multiply, 5),
        TokenKind::Symbol("/") => binary(BinaryOp::Divide, 5),
        TokenKind::Symbol("%") => binary(BinaryOp::Remainder, 5),
        _ => None,
    }
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens
            .get(self.next)
            .or(self.tokens.last())
            .unwrap_or(END)
    }

    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    /// Moves past `symbol`, if it is next.
    fn take(&mut self, symbol: &str) -> Option<Range<usize>> {
        let token = self.peek();
        if !token.kind.is_symbol(symbol) {
            return None;
        }
        let span = token.span.clone();
        self.next += 1;
        Some(span)
    }

    fn expect(&mut self, symbol: &str) -> Parsed<Range<usize>> {
        self.take(symbol)
            .ok_or_else(|| self.unexpected(&format!("`{symbol}`")))
    }

    fn unexpected(&self, expected: &str) -> Diagnostic {
        let token = self.peek();
        let found = token.kind.describe();
        let diagnostic = Diagnostic::new(
            format!("expected {expected}, found {found}"),
            token.span.clone(),
        );
        match &token.kind {
            TokenKind::Name(name) => match mend_word(name) {
                Some(help) => diagnostic.help(help),
                None => diagnostic.help("put an operator between the two, or quotes around a text"),
            },
            TokenKind::End => diagnostic.help(
                "finish the expression; inside `{ }` and `[ ]` of YAML put one with a comma or a bracket in quotes",
            ),
            _ => diagnostic.help("an expression is written as in `value.price * value.qty > 100.0`"),
        }
    }

    /// Runs `parse` one level further in.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(too_deep(self.peek().span.clone()));
        }
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    /// Makes a node, unless the tree gets too deep.
    fn node(span: Range<usize>, node: Node) -> Parsed<Expr> {
        let expr = Expr::new(span, node);
        if expr.depth > NESTING_MAX {
            return Err(too_deep(expr.span));
        }
        Ok(expr)
    }

    fn expression(&mut self) -> Parsed<Expr> {
        self.nested(|parser| {
            let condition = parser.operators(0)?;
            if parser.take("?").is_none() {
                return Ok(condition);
            }
            let yes = parser.nested(|parser| parser.operators(0))?;
            parser.expect(":")?;
            let no = parser.expression()?;
            let span = condition.span.start..no.span.end;
            let [condition, yes, no] = [condition, yes, no].map(Box::new);
            Self::node(span, Node::Ternary { condition, yes, no })
        })
    }

    /// Operands joined by operators that bind at least as tightly as `binds_min`.
    fn operators(&mut self, binds_min: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        while let Some((op, binds)) = infix(&self.peek().kind).filter(|(_, b)| *b >= binds_min) {
            self.next += 1;
            let right = self.nested(|parser| parser.operators(binds + 1))?;
            let span = left.span.start..right.span.end;
            left = Self::node(span, joined(op, left, right))?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let op = match self.peek().kind {
            TokenKind::Symbol("!") => UnaryOp::Not,
            TokenKind::Symbol("-") => UnaryOp::Negate,
            _ => return self.member(),
        };
        let start = self.advance().span.start;
        if let (UnaryOp::Negate, TokenKind::Int(number)) = (op, &self.peek().kind) {
            let number = *number;
            let end = self.advance().span.end;
            let literal = negative(number, start..end)?;
            return self.suffixes(literal);
        }
        let operand = self.nested(Self::unary)?;
        let span = start..operand.span.end;
        Self::node(span, Node::Unary(op, Box::new(operand)))
    }

    fn member(&mut self) -> Parsed<Expr> {
        let primary = self.primary()?;
        self.suffixes(primary)
    }

    /// The selections, calls and indices after `operand`.
    fn suffixes(&mut self, mut operand: Expr) -> Parsed<Expr> {
        loop {
            operand = match &self.peek().kind {
                TokenKind::Symbol(".") => self.selection(operand, Access::Required)?,
                TokenKind::Symbol(".?" | "?.") => self.selection(operand, Access::Optional)?,
                TokenKind::Symbol("[") => self.index(operand, Access::Required)?,
                TokenKind::Symbol("[?") => self.index(operand, Access::Optional)?,
                _ => return Ok(operand),
            };
        }
    }

    fn selection(&mut self, operand: Expr, access: Access) -> Parsed<Expr> {
        self.next += 1;
        let token = self.peek().clone();
        let (TokenKind::Name(name) | TokenKind::Field(name)) = token.kind else {
            return Err(self.unexpected("the name of a field"));
        };
        self.next += 1;
        let field = Spanned {
            name,
            span: token.span.clone(),
        };
        if access == Access::Required && self.take("(").is_some() {
            let (args, end) = self.list(")")?;
            let span = operand.span.start..end;
            let target = Some(Box::new(operand));
            return Self::node(
                span,
                Node::Call {
                    target,
                    function: field,
                    args,
                },
            );
        }
        let span = operand.span.start..token.span.end;
        let operand = Box::new(operand);
        Self::node(
            span,
            Node::Select {
                operand,
                field,
                access,
            },
        )
    }

    fn index(&mut self, operand: Expr, access: Access) -> Parsed<Expr> {
        self.next += 1;
        let index = Box::new(self.expression()?);
        let end = self.expect("]")?.end;
        let span = operand.span.start..end;
        let operand = Box::new(operand);
        Self::node(
            span,
            Node::Index {
                operand,
                index,
                access,
            },
        )
    }

    /// Expressions with commas between, up to `close`; one more comma may stand before it.
    fn list(&mut self, close: &str) -> Parsed<(Vec<Expr>, usize)> {
        let mut items = Vec::new();
        loop {
            if let Some(span) = self.take(close) {
                return Ok((items, span.end));
            }
            items.push(self.expression()?);
            if self.take(",").is_none() {
                let end = self.close(close)?;
                return Ok((items, end));
            }
        }
    }

    fn close(&mut self, close: &str) -> Parsed<usize> {
        let span = self.take(close);
        span.map(|span| span.end)
            .ok_or_else(|| self.unexpected(&format!("`,` or `{close}`")))
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let token = self.peek().clone();
        let span = token.span;
        match token.kind {
            TokenKind::Int(number) => {
                self.next += 1;
                let int = i64::try_from(number).map_err(|_| out_of_range(span.clone()))?;
                Self::node(span, Node::Literal(Value::Int(int)))
            }
            TokenKind::Literal(value) => {
                self.next += 1;
                Self::node(span, Node::Literal(value))
            }
            TokenKind::Name(name) => self.name(name, span),
            TokenKind::Symbol("(") => self.parentheses(),
            TokenKind::Symbol("[") => {
                self.next += 1;
                let (items, end) = self.list("]")?;
                Self::node(span.start..end, Node::List(items))
            }
            TokenKind::Symbol("{") => self.map(span.start),
            TokenKind::Field(_) | TokenKind::Symbol(_) | TokenKind::End => {
                Err(self.unexpected("an expression"))
            }
        }
    }

    fn parentheses(&mut self) -> Parsed<Expr> {
        let start = self.advance().span.start;
        let mut inner = self.expression()?;
        inner.span = start..self.expect(")")?.end;
        Ok(inner)
    }

    fn map(&mut self, start: usize) -> Parsed<Expr> {
        self.next += 1;
        let mut entries = Vec::new();
        loop {
            if let Some(span) = self.take("}") {
                return Self::node(start..span.end, Node::Map(entries));
            }
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if self.take(",").is_none() {
                let end = self.close("}")?;
                return Self::node(start..end, Node::Map(entries));
            }
        }
    }

    fn name(&mut self, name: Box<str>, span: Range<usize>) -> Parsed<Expr> {
        let literal = match &*name {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            "in" => return Err(self.unexpected("an expression")),
            _ => None,
        };
        if literal.is_none() && RESERVED.contains(&&*name) {
            return Err(self.reserved(&name, span));
        }
        self.next += 1;
        if let Some(value) = literal {
            return Self::node(span, Node::Literal(value));
        }
        if self.take("(").is_none() {
            return Self::node(span, Node::Name(name));
        }
        let start = span.start;
        let function = Spanned { name, span };
        let (args, end) = self.list(")")?;
        let target = None;
        Self::node(
            start..end,
            Node::Call {
                target,
                function,
                args,
            },
        )
    }

    fn reserved(&self, name: &str, span: Range<usize>) -> Diagnostic {
        let found = Diagnostic::new(format!("`{name}` is a reserved word"), span);
        match name {
            "if" | "else" => found.help("write `condition ? yes : no`"),
            _ => found.help("choose another name"),
        }
    }
}

/// Conditions joined by the same operator become one node, however many they are.
fn joined(op: Infix, left: Expr, right: Expr) -> Node {
    match op {
        Infix::Binary(op) => {
            let [left, right] = [left, right].map(Box::new);
            Node::Binary { op, left, right }
        }
        Infix::Logic(op) => {
            let mut operands = conditions(op, left);
            operands.extend(conditions(op, right));
            Node::Logic { op, operands }
        }
    }
}

fn conditions(op: LogicOp, expr: Expr) -> Vec<Expr> {
    match expr.node {
        Node::Logic { op: own, operands } if own == op => operands,
        _ => vec![expr],
    }
}

fn negative(number: u64, span: Range<usize>) -> Parsed<Expr> {
    let int = 0i64.checked_sub_unsigned(number);
    let int = int.ok_or_else(|| out_of_range(span.clone()))?;
    Parser::node(span, Node::Literal(Value::Int(int)))
}

fn out_of_range(span: Range<usize>) -> Diagnostic {
    Diagnostic::new("number out of range", span)
        .help("an int has 64 bits; add `u` for a uint, or a decimal point for a double")
}

fn too_deep(span: Range<usize>) -> Diagnostic {
    Diagnostic::new(format!("nested more than {NESTING_MAX} levels deep"), span)
        .help("split it into several fields or flows")
}

/// What a word from another language should have been.
fn mend_word(word: &str) -> Option<String> {
    let known = [
        ("and", "write `&&` for \"and\""),
        ("or", "write `||` for \"or\""),
        ("not", "write `!` for \"not\""),
        ("is", "compare with `==`"),
        ("like", "write `x.matches(\"pattern\")`"),
        ("between", "write `low <= x && x <= high`"),
    ];
    let names = known.iter().map(|(name, _)| *name);
    let name = nearest(word, names).filter(|name| name.eq_ignore_ascii_case(word))?;
    let (_, help) = known.iter().find(|(known, _)| *known == name)?;
    Some((*help).to_owned())
}
