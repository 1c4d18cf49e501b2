//! The entries of a map, each key once.

use std::mem;

use crate::record::Value;

type Entries<'a> = Vec<(Value<'a>, Value<'a>)>;

/// Up to this many entries are compared each with each.
const SMALL: usize = 16;

/// Of entries with the same key the first one's place and the last one's value stay.
pub(super) fn merge_repeats(entries: &mut Entries<'_>) {
    if entries.len() <= SMALL && !has_repeats(entries) {
        return;
    }
    let text = |index: &usize| match entries.get(*index) {
        Some((Value::Text(text), _)) => Some(text.as_ref()),
        _ => None,
    };
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|one, other| text(one).cmp(&text(other)));
    let runs = order.chunk_by(|one, other| text(one) == text(other));
    let repeats: Vec<&[usize]> = runs.filter(|run| run.len() > 1).collect();
    let mut doomed = vec![false; entries.len()];
    for run in repeats {
        let [first, others @ .., last] = run else {
            continue;
        };
        let value = entries.get_mut(*last).map(|entry| mem::take(&mut entry.1));
        if let (Some(entry), Some(value)) = (entries.get_mut(*first), value) {
            entry.1 = value;
        }
        for &index in others.iter().chain([last]) {
            if let Some(flag) = doomed.get_mut(index) {
                *flag = true;
            }
        }
    }
    let mut doomed = doomed.into_iter();
    entries.retain(|_| doomed.next() != Some(true));
}

fn has_repeats(entries: &Entries<'_>) -> bool {
    let mut earlier = entries.iter().enumerate();
    earlier.any(|(index, (key, _))| entries.iter().take(index).any(|(other, _)| other == key))
}
