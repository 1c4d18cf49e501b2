//! Two texts side by side, line by line.

/// Lines beyond this product are not compared one by one.
const CELLS_MAX: usize = 4_000_000;

/// How `new` differs from `old`: for each stretch of lines that differs its number in `old`, the
/// lines that went with `-`, those that came with `+`. Empty where they are equal.
///
/// # Examples
///
/// ```
/// use tidemill::pipeline::testing::line_diff;
///
/// let (old, new) = ("a\nb\nc\n", "a\nB\nc\n");
/// assert_eq!(line_diff(old, new), "line 2\n- b\n+ B\n");
/// ```
#[must_use]
pub fn line_diff(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = |(left, right): &(&&str, &&str)| left == right;
    let before = old.iter().zip(&new).take_while(same).count();
    let (old_rest, new_rest) = (old.get(before..), new.get(before..));
    let (old, new) = (old_rest.unwrap_or_default(), new_rest.unwrap_or_default());
    let after = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(same)
        .count();
    let old = old.get(..old.len() - after).unwrap_or_default();
    let new = new.get(..new.len() - after).unwrap_or_default();
    let mut out = String::new();
    let mut is_open = false;
    let mut number = before;
    for step in steps(old, new) {
        let (line, kind) = match step {
            Step::Same => {
                is_open = false;
                number += 1;
                continue;
            }
            Step::Gone(line) => (line, '-'),
            Step::Come(line) => (line, '+'),
        };
        if !is_open {
            out.push_str(&format!("line {}\n", number + 1));
            is_open = true;
        }
        number += usize::from(kind == '-');
        out.push_str(&format!("{kind} {line}\n"));
    }
    out
}

enum Step<'t> {
    Same,
    Gone(&'t str),
    Come(&'t str),
}

/// The way from `old` to `new` along their longest common subsequence.
fn steps<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Step<'t>> {
    let width = new.len() + 1;
    if (old.len() + 1).saturating_mul(width) > CELLS_MAX {
        let gone = old.iter().map(|line| Step::Gone(line));
        return gone
            .chain(new.iter().map(|line| Step::Come(line)))
            .collect();
    }
    // How many lines of old[i..] and new[j..] are common at most, at i * width + j.
    let mut common = vec![0u32; (old.len() + 1) * width];
    let at = |common: &[u32], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    for (i, left) in old.iter().enumerate().rev() {
        for (j, right) in new.iter().enumerate().rev() {
            let count = match left == right {
                true => at(&common, i + 1, j + 1) + 1,
                false => at(&common, i + 1, j).max(at(&common, i, j + 1)),
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = count;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut steps = Vec::new();
    loop {
        match (old.get(i), new.get(j)) {
            (None, None) => return steps,
            (Some(left), Some(right)) if left == right => {
                steps.push(Step::Same);
                (i, j) = (i + 1, j + 1);
            }
            (Some(left), right)
                if right.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) =>
            {
                steps.push(Step::Gone(left));
                i += 1;
            }
            (_, Some(right)) => {
                steps.push(Step::Come(right));
                j += 1;
            }
            (Some(left), None) => {
                steps.push(Step::Gone(left));
                i += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_came_and_went_are_told_apart() {
        assert_eq!(line_diff("a\nb\n", "a\nb\n"), "");
        assert_eq!(
            line_diff("a\nb\nc\nd\n", "a\nc\nx\nd\n"),
            "line 2\n- b\nline 4\n+ x\n"
        );
        assert_eq!(line_diff("", "a"), "line 1\n+ a\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_went_is_of_the_old_text_and_what_came_of_the_new(old in "[ab\n]{0,20}", new in "[ab\n]{0,20}") {
            let diff = line_diff(&old, &new);
            prop_assert_eq!(diff.is_empty(), old.lines().eq(new.lines()));
            let count = |mark: &str| diff.lines().filter(|line| line.starts_with(mark)).count();
            let (gone, come) = (count("-"), count("+"));
            prop_assert_eq!(old.lines().count() - gone, new.lines().count() - come);
        }
    }
}
