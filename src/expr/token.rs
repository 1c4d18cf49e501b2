//! The tokens of an expression, and the lexer that finds them.

use std::ops::Range;

use crate::expr::error::Diagnostic;
use crate::expr::quoted;
use crate::record::Value;

/// One token and the bytes that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// An integer without its sign, which may be the one that only −2^63 has.
    Int(u64),
    /// Any other literal but `true`, `false` and `null`, which are names here.
    Literal(Value<'static>),
    /// A name or keyword.
    Name(Box<str>),
    /// A name in backticks, which is a field whatever it contains.
    Field(Box<str>),
    /// An operator or bracket.
    Symbol(&'static str),
    /// The end of the source.
    End,
}

impl TokenKind {
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self, Self::Symbol(own) if *own == symbol)
    }

    /// The token in words, for messages.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Int(int) => format!("`{int}`"),
            Self::Literal(_) => "a literal".to_owned(),
            Self::Name(name) => format!("`{name}`"),
            Self::Field(name) => format!("`` `{name}` ``"),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// The operators and brackets; of two that match, the first in this order is taken.
const SYMBOLS: [&str; 28] = [
    "&&", "||", "==", "!=", "<=", ">=", "?.", ".?", "[?", "<", ">", "!", "+", "-", "*", "/", "%",
    "?", ":", ".", ",", "(", ")", "[", "]", "{", "}", "=",
];

/// Splits `source` into tokens, the last of which is the end.
///
/// # Errors
///
/// The first place that begins no token.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Diagnostic> {
    let mut lexer = Lexer { source, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        let kind = lexer.token()?;
        let is_end = kind == TokenKind::End;
        tokens.push(Token {
            kind,
            span: start..lexer.at,
        });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn first(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves past the longest run of wanted characters, which is returned.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let len = rest.find(|char| !wanted(char)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// Moves past white space and comments, which reach from `//` to the end of the line.
    fn skip_blank(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|char| char != '\n');
        }
    }

    fn token(&mut self) -> Result<TokenKind, Diagnostic> {
        let Some(first) = self.first() else {
            return Ok(TokenKind::End);
        };
        let after_dot = self.rest().chars().nth(1).unwrap_or(' ');
        if first.is_ascii_digit() || (first == '.' && after_dot.is_ascii_digit()) {
            return self.number();
        }
        if let Some(quoted) = quoted::take(self.source, self.at)? {
            self.at = quoted.end;
            return Ok(TokenKind::Literal(quoted.value));
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(TokenKind::Name(self.take_while(is_name_part).into()));
        }
        if first == '`' {
            return self.field();
        }
        self.symbol()
    }

    fn symbol(&mut self) -> Result<TokenKind, Diagnostic> {
        let rest = self.rest();
        let mut found = SYMBOLS.iter().filter(|symbol| rest.starts_with(**symbol));
        let Some(symbol) = found.find(|symbol| self.is_meant(symbol)) else {
            return Err(self.no_token());
        };
        self.at += symbol.len();
        Ok(TokenKind::Symbol(symbol))
    }

    /// Whether `symbol`, which is next, may stand here. `=` alone is no operator, and `?.` is one
    /// only before a field: in `a ?.5 : 1` it is not.
    fn is_meant(&self, symbol: &str) -> bool {
        let after = self.rest().chars().nth(2).unwrap_or(' ');
        match symbol {
            "=" => false,
            "?." => after == '_' || after == '`' || after.is_ascii_alphabetic(),
            _ => true,
        }
    }

    fn no_token(&self) -> Diagnostic {
        let char = self.first().unwrap_or(' ');
        let found = Diagnostic::new(
            format!("unexpected `{}`", char.escape_debug()),
            self.at..self.at + char.len_utf8(),
        );
        match char {
            '=' => found.help("compare with `==`"),
            '&' => found.help("write `&&` for \"and\""),
            '|' => found.help("write `||` for \"or\""),
            '“' | '”' | '‘' | '’' => found.help("use plain quotes, `\"` or `'`"),
            _ => found.help("no operator or name of CEL begins so; put a text in quotes"),
        }
    }

    fn field(&mut self) -> Result<TokenKind, Diagnostic> {
        let start = self.at;
        self.at += 1;
        let name = self.take_while(|char| char != '`' && char != '\n');
        if !self.rest().starts_with('`') {
            let found = Diagnostic::new("missing closing backtick", start..self.at);
            return Err(found.help("a field with other characters is written value.`its name`"));
        }
        self.at += 1;
        Ok(TokenKind::Field(name.into()))
    }

    fn number(&mut self) -> Result<TokenKind, Diagnostic> {
        let start = self.at;
        let rest = self.rest();
        let kind = if rest.starts_with("0x") || rest.starts_with("0X") {
            self.at += 2;
            let digits = self.take_while(|char| char.is_ascii_hexdigit());
            self.whole(start, u64::from_str_radix(digits, 16).ok())?
        } else {
            self.decimal(start)?
        };
        let end = self.at;
        if !self.take_while(is_name_part).is_empty() {
            return Err(
                Diagnostic::new("a name runs into a number", start..self.at).help(format!(
                    "put a space or an operator after `{}`",
                    self.source.get(start..end).unwrap_or_default()
                )),
            );
        }
        Ok(kind)
    }

    fn decimal(&mut self, start: usize) -> Result<TokenKind, Diagnostic> {
        let digits = self.take_while(|char| char.is_ascii_digit());
        let has_fraction = self.fraction();
        if !has_fraction && !self.exponent() {
            return self.whole(start, digits.parse().ok());
        }
        if has_fraction {
            self.exponent();
        }
        let text = self.source.get(start..self.at).unwrap_or_default();
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(TokenKind::Literal(Value::Float(float))),
            _ => Err(self.too_large(start)),
        }
    }

    /// Moves past `.` and the digits after it, if there are any.
    fn fraction(&mut self) -> bool {
        let after = self.rest().strip_prefix('.');
        let is_there = after.is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
        if is_there {
            self.at += 1;
            self.take_while(|char| char.is_ascii_digit());
        }
        is_there
    }

    /// Moves past `e`, a sign and digits, if all are there but the sign.
    fn exponent(&mut self) -> bool {
        let rest = self.rest();
        let Some(after) = rest.strip_prefix(['e', 'E']) else {
            return false;
        };
        let digits = after.strip_prefix(['+', '-']).unwrap_or(after);
        if !digits.starts_with(|char: char| char.is_ascii_digit()) {
            return false;
        }
        self.at += rest.len() - digits.len();
        self.take_while(|char| char.is_ascii_digit());
        true
    }

    /// An integer, which is a `uint` where a `u` follows.
    fn whole(&mut self, start: usize, parsed: Option<u64>) -> Result<TokenKind, Diagnostic> {
        let number = parsed.ok_or_else(|| self.too_large(start))?;
        if self.rest().starts_with(['u', 'U']) {
            self.at += 1;
            return Ok(TokenKind::Literal(Value::UInt(number)));
        }
        // The parser, which knows of a sign before it, checks the range of an `int`.
        Ok(TokenKind::Int(number))
    }

    fn too_large(&self, start: usize) -> Diagnostic {
        Diagnostic::new("number out of range", start..self.at)
            .help("an int has 64 bits; write a decimal point for a double")
    }
}

fn is_name_part(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}
