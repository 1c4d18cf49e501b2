//! Results of tests as JUnit's XML, which CI systems read.

use std::fmt::Write;

use crate::cli::tested::Tested;
use crate::pipeline::testing::Verdict;

/// The report of one file.
pub(super) fn report(file: &str, tested: &[Tested]) -> String {
    let has_failed = |tested: &&Tested| matches!(tested.verdict, Verdict::Failed(_));
    let failed = tested.iter().filter(has_failed).count();
    let took: f64 = tested.iter().map(|tested| tested.took.as_secs_f64()).sum();
    let (suite, all) = (escaped(file), tested.len());
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{suite}\" tests=\"{all}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{took:.6}\">\n"
    );
    for tested in tested {
        put_case(&mut out, file, tested);
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn put_case(out: &mut String, file: &str, tested: &Tested) {
    let (name, file, line) = (escaped(&tested.name), escaped(file), tested.line);
    let took = tested.took.as_secs_f64();
    // Writing to a text cannot fail.
    let _ = write!(
        out,
        "    <testcase name=\"{name}\" classname=\"{file}\" file=\"{file}\" line=\"{line}\" time=\"{took:.6}\""
    );
    let _ = match &tested.verdict {
        Verdict::Passed => writeln!(out, "/>"),
        Verdict::Failed(_) => {
            let first = tested.differences.first().map(|first| escaped(first));
            let all = escaped(&tested.differences.join("\n"));
            writeln!(
                out,
                "><failure message=\"{}\">{all}</failure></testcase>",
                first.unwrap_or_default()
            )
        }
    };
}

/// The text as XML, without what XML cannot say at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            '\t' => out.push('\t'),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_failure_is_told_in_xml_whatever_stands_in_it() {
        let tested = Tested {
            name: "a < b & \"c\"".to_owned(),
            line: 3,
            took: Duration::from_millis(1),
            verdict: Verdict::Failed(Vec::new()),
            differences: vec!["\u{1}>".to_owned()],
        };
        let report = report("shop.yaml", &[tested]);
        assert!(report.contains("tests=\"1\" failures=\"1\""), "{report}");
        assert!(
            report.contains("name=\"a &lt; b &amp; &quot;c&quot;\""),
            "{report}"
        );
        assert!(
            report.contains("<failure message=\"\u{fffd}&gt;\">\u{fffd}&gt;</failure>"),
            "{report}"
        );
    }
}
