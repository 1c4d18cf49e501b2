//! Functions over texts. Positions count code points from 0.

use std::borrow::Cow;

use regex::Regex;
use regex::RegexBuilder;

use crate::expr::code::Any;
use crate::expr::code::Budget;
use crate::expr::error::Fault;
use crate::expr::function::arg;
use crate::expr::function::int;
use crate::expr::function::no_overload;
use crate::record::Value;

type Outcome<'e> = Result<Value<'e>, Fault>;

/// The most memory that one compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What compiling a pattern costs besides its length, in elements of the budget.
const PATTERN_COST: usize = 1_000;

fn text<'v>(args: &'v [Any<'_>], index: usize) -> Result<&'v str, Fault> {
    match arg(args, index) {
        Value::Text(text) => Ok(text),
        other => no_overload(other),
    }
}

/// The position that is argument `index`; `None` where there is no such argument.
fn position(args: &[Any<'_>], index: usize) -> Result<Option<usize>, Fault> {
    match args.get(index).map(|arg| &**arg) {
        None => Ok(None),
        Some(Value::Int(position)) => {
            let position = usize::try_from(*position);
            position.map(Some).map_err(|_| Fault::OutOfBounds)
        }
        Some(other) => no_overload(other),
    }
}

/// The byte where code point `position` of `text` begins; the end of the text counts as one.
fn byte_at(text: &str, position: usize) -> Result<usize, Fault> {
    let mut starts = text.char_indices().map(|(start, _)| start);
    match starts.nth(position) {
        Some(start) => Ok(start),
        None if text.chars().count() == position => Ok(text.len()),
        None => Err(Fault::OutOfBounds),
    }
}

/// The part of the text that is the first argument which `range` chooses, borrowed where the text
/// is.
fn part<'e>(
    args: &[Any<'e>],
    budget: &Budget,
    choose: impl for<'t> FnOnce(&'t str) -> Result<&'t str, Fault>,
) -> Outcome<'e> {
    let borrowed = match args.first() {
        Some(Cow::Borrowed(Value::Text(text))) => Some(&**text),
        Some(Cow::Owned(Value::Text(Cow::Borrowed(text)))) => Some(*text),
        _ => None,
    };
    if let Some(text) = borrowed {
        return choose(text).map(Value::text);
    }
    let part = choose(text(args, 0)?)?;
    budget.draw_bytes(part.len())?;
    Ok(Value::Text(Cow::Owned(part.to_owned())))
}

fn owned<'e>(text: String) -> Outcome<'e> {
    Ok(Value::Text(Cow::Owned(text)))
}

pub(super) fn contains<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    Ok(Value::Bool(text(args, 0)?.contains(text(args, 1)?)))
}

pub(super) fn starts_with<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    Ok(Value::Bool(text(args, 0)?.starts_with(text(args, 1)?)))
}

pub(super) fn ends_with<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    Ok(Value::Bool(text(args, 0)?.ends_with(text(args, 1)?)))
}

/// Compiles a pattern, which matches in time linear in the text.
pub(in crate::expr) fn pattern(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
}

/// Whether the pattern matches anywhere in the text.
pub(super) fn matches<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    let (text, source) = (text(args, 0)?, text(args, 1)?);
    budget.draw(PATTERN_COST.saturating_add(source.len()))?;
    let pattern = pattern(source).map_err(|_| Fault::BadPattern)?;
    Ok(Value::Bool(pattern.is_match(text)))
}

pub(super) fn lower_ascii<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    let text = text(args, 0)?;
    if !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return part(args, budget, |text| Ok(text));
    }
    budget.draw_bytes(text.len())?;
    owned(text.to_ascii_lowercase())
}

pub(super) fn upper_ascii<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    let text = text(args, 0)?;
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return part(args, budget, |text| Ok(text));
    }
    budget.draw_bytes(text.len())?;
    owned(text.to_ascii_uppercase())
}

pub(super) fn trim<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    part(args, budget, |text| Ok(text.trim()))
}

/// The text of one code point; empty at the end.
pub(super) fn char_at<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    let position = position(args, 1)?.unwrap_or(0);
    part(args, budget, |text| {
        let rest = text.get(byte_at(text, position)?..).unwrap_or_default();
        let len = rest.chars().next().map_or(0, char::len_utf8);
        Ok(rest.get(..len).unwrap_or_default())
    })
}

/// From one position to the end, or to before another.
pub(super) fn substring<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    let start = position(args, 1)?.unwrap_or(0);
    let end = position(args, 2)?;
    part(args, budget, |text| {
        let end = match end {
            Some(end) => byte_at(text, end)?,
            None => text.len(),
        };
        text.get(byte_at(text, start)?..end)
            .ok_or(Fault::OutOfBounds)
    })
}

/// The position of the first occurrence from a position on; −1 without one.
pub(super) fn index_of<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    let (text, wanted) = (text(args, 0)?, text(args, 1)?);
    let from = byte_at(text, position(args, 2)?.unwrap_or(0))?;
    let found = text.get(from..).and_then(|rest| rest.find(wanted));
    Ok(place(text, found.map(|found| from + found)))
}

/// The position of the last occurrence that begins at a position or before; −1 without one.
pub(super) fn last_index_of<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    let (text, wanted) = (text(args, 0)?, text(args, 1)?);
    let until = match position(args, 2)? {
        Some(position) => byte_at(text, position)?.saturating_add(wanted.len()),
        None => text.len(),
    };
    // Nothing that begins later ends at or before the character that holds this byte.
    let mut ends = (0..=until.min(text.len())).rev();
    let end = ends.find(|end| text.is_char_boundary(*end));
    let found = text
        .get(..end.unwrap_or_default())
        .and_then(|head| head.rfind(wanted));
    Ok(place(text, found))
}

/// The code points before byte `found`; −1 for none.
fn place<'e>(text: &str, found: Option<usize>) -> Value<'e> {
    let before = found.and_then(|found| text.get(..found));
    before.map_or(Value::Int(-1), |before| int(before.chars().count()))
}

/// How often an operation may be done at most: without an argument, or a negative one, always.
fn limit(args: &[Any<'_>], index: usize) -> Result<usize, Fault> {
    match args.get(index).map(|arg| &**arg) {
        None => Ok(usize::MAX),
        Some(Value::Int(limit)) => Ok(usize::try_from(*limit).unwrap_or(usize::MAX)),
        Some(other) => no_overload(other),
    }
}

pub(super) fn replace<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    let (text, from, to) = (text(args, 0)?, text(args, 1)?, text(args, 2)?);
    let limit = limit(args, 3)?;
    let count = text.matches(from).take(limit).count();
    budget.draw(count)?;
    budget.draw_bytes(text.len().saturating_add(count.saturating_mul(to.len())))?;
    owned(text.replacen(from, to, limit))
}

/// Splits at each separator; an empty one splits into code points. With a limit of n, the last of
/// at most n parts is all that is left.
pub(super) fn split<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    let (text, separator) = (text(args, 0)?, text(args, 1)?);
    let limit = limit(args, 2)?;
    budget.draw_bytes(text.len())?;
    let mut parts = Vec::new();
    for part in parts_of(text, separator, limit) {
        budget.draw(1)?;
        parts.push(Value::Text(Cow::Owned(part.to_owned())));
    }
    Ok(Value::List(parts))
}

fn parts_of<'t>(text: &'t str, separator: &'t str, limit: usize) -> impl Iterator<Item = &'t str> {
    let mut rest =
        Some(text).filter(|text| limit > 0 && (!separator.is_empty() || !text.is_empty()));
    let mut left = limit;
    std::iter::from_fn(move || {
        let text = rest?;
        left -= 1;
        let cut = if left == 0 {
            None
        } else {
            cut(text, separator)
        };
        let (part, tail) = match cut {
            Some((part, tail)) => (part, Some(tail)),
            None => (text, None),
        };
        rest = tail;
        Some(part)
    })
}

/// What stands before and after the first separator.
fn cut<'t>(text: &'t str, separator: &str) -> Option<(&'t str, &'t str)> {
    if !separator.is_empty() {
        return text.split_once(separator);
    }
    let len = text.chars().next().map_or(0, char::len_utf8);
    text.split_at_checked(len)
        .filter(|(_, tail)| !tail.is_empty())
}

pub(super) fn join<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    let Value::List(items) = arg(args, 0) else {
        return no_overload(arg(args, 0));
    };
    let separator = if args.len() > 1 { text(args, 1)? } else { "" };
    let mut joined = String::new();
    for (index, item) in items.iter().enumerate() {
        let Value::Text(item) = item else {
            return no_overload(item);
        };
        budget.draw_bytes(
            item.len()
                .saturating_add(separator.len())
                .saturating_add(16),
        )?;
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(item);
    }
    owned(joined)
}
