//! No text and no record makes an expression panic or run away.

use proptest::prelude::*;

use super::*;

/// What a hostile or clumsy author puts together.
const PIECES: [&str; 52] = [
    "value",
    "key",
    "headers",
    "x",
    ".a",
    ".?a",
    "?.a",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    ":",
    "?",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    ">=",
    " in ",
    "+",
    "-",
    "*",
    "/",
    "%",
    "!",
    "1",
    "2u",
    "0.5",
    "1e9",
    "\"s\"",
    "b'x'",
    "r'\\d'",
    "null",
    "true",
    "has(",
    ".all(x,",
    ".map(x,",
    ".filter(x,",
    ".size()",
    ".split('')",
    ".replace('',x)",
    ".join()",
    "duration(",
    "timestamp",
    "'",
    "`",
    "\\",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_soup_of_tokens_panics(picks in prop::collection::vec(0..PIECES.len(), 0..24)) {
        let source: String = picks.iter().map(|pick| PIECES[*pick]).collect();
        check(&source);
    }

    #[test]
    fn no_text_panics(source in "\\PC{0,40}") {
        check(&source);
    }
}

fn check(source: &str) {
    let mut fields = Fields::default();
    match compile(source, &dynamic(), &mut fields) {
        Ok(program) => {
            let value = json::parse(br#"{"a": [1, "two", {"a": null}]}"#).expect("JSON");
            let row = row(&value, &fields, HeadersView::EMPTY);
            let _ = program.eval(&row);
            let _ = program.eval_bool(&row);
            let _ = program.eval_number(&row);
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(
                    source.get(error.span.clone()).is_some(),
                    "{source}: {error:?}"
                );
            }
        }
    }
}

#[test]
fn work_is_bounded_however_an_expression_multiplies_it() {
    let list = format!("[{}]", ["0"; 200].join(","));
    for source in [
        // 200^4 steps.
        "value.all(a, value.all(b, value.all(c, value.all(d, a + b + c + d == 0))))".to_owned(),
        // 2^40 elements, of lists and of texts, and as many copies of one.
        format!("[[1]]{}", ".map(x, x + x)".repeat(40)),
        format!("['abcdefghijklmnop']{}", ".map(x, x + x)".repeat(40)),
        format!("[1]{}", ".map(x, [x, x])".repeat(40)),
        format!(
            "['aaaaaaaaaaaaaaaa']{}",
            ".map(x, x.replace('a', x))".repeat(20)
        ),
        format!(
            "['aaaaaaaaaaaaaaaa']{}",
            ".map(x, [x, x].join(x))".repeat(40)
        ),
        format!(
            "['aaaaaaaaaaaaaaaa']{}",
            ".map(x, x + x).map(x, x.split('').join('aa'))".repeat(20)
        ),
    ] {
        assert_eq!(eval_on(&source, &list), Err(Fault::TooMuchWork), "{source}");
    }
}
