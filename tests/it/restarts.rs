//! Tasks that go on from their progress alone, and read again what open windows hold.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use serde_json::json;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::window::RowWindows;
use tidemill::stream::window::SessionWindows;
use tidemill::stream::window::SlidingWindows;
use tidemill::stream::window::Windows;

use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::step;

fn sessions() -> Windows {
    let (gap, grace) = (TimeDelta::milliseconds(10), TimeDelta::zero());
    SessionWindows::new(gap, grace).expect("windows").into()
}

fn sliding() -> Windows {
    let (difference, grace) = (TimeDelta::milliseconds(10), TimeDelta::zero());
    SlidingWindows::new(difference, grace)
        .expect("windows")
        .into()
}

fn windowing(windows: Windows, emit: Emit) -> Windowing {
    Windowing {
        windows: Some(windows),
        emit,
        ..Windowing::default()
    }
}

/// Records of these times and keys; the value of each is its offset.
fn records(given: &[(i64, &str)]) -> Vec<Rec> {
    let given = (0..).zip(given);
    let record = |(offset, (time, key)): (i64, &(i64, &str))| {
        Rec::new(offset, *time, key, &offset.to_string())
    };
    given.map(record).collect()
}

#[test]
fn a_session_longer_than_its_gap_is_whole_after_a_restart_that_reads_it_again() {
    let windowing = windowing(sessions(), Emit::Final);
    let times = [0, 0, 8, 16, 24, 32, 40, 60].into_iter();
    let given: Vec<_> = times
        .zip(["b", "a", "a", "a", "a", "a", "a", "c"])
        .collect();
    let records = records(&given);
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let outs = step(&mut task, &records[..6], &mut effects);
    assert_eq!(outs.len(), 1, "b's session is over");
    let progress = task.progress();
    assert_eq!(progress.committable.0, 1);
    let mut task = windowing.task();
    task.restore(&progress);
    let outs = step(&mut task, &records[1..], &mut effects);
    let outs: Vec<_> = outs.iter().map(Out::json).collect();
    let window = json!({"start": 0, "end": 40});
    let sum = 1 + 2 + 3 + 4 + 5 + 6;
    assert_eq!(
        outs,
        [json!({"key": "a", "window": window, "n": 6, "sum": sum})]
    );
    assert_eq!(effects.account.late, 0);
}

/// What comes out of a task that stopped at record `stop` from its restart on; `saved_at`: how many
/// records later it is written down and read back.
fn restarted(
    windowing: &Windowing,
    records: &[Rec],
    stop: usize,
    saved_at: Option<usize>,
) -> Vec<Out> {
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    step(&mut task, &records[..stop], &mut effects);
    let progress = task.progress();
    task = windowing.task();
    task.restore(&progress);
    let again = usize::try_from(progress.committable.0).expect("an offset");
    let mut came = Vec::new();
    for (number, record) in records[again..].iter().enumerate() {
        if saved_at == Some(number) {
            task = windowing.reloaded(&task);
        }
        came.extend(step(&mut task, std::slice::from_ref(record), &mut effects));
    }
    came.retain(|out| out.destination == Destination::Sink);
    came
}

#[test]
fn a_task_that_is_saved_while_it_catches_up_still_knows_how_far_it_had_come() {
    // The session of `a` is open from first to last, those of `b` come and go.
    let times = [0, 0, 8, 16, 16, 24, 32, 40, 60].into_iter();
    let given: Vec<_> = times
        .zip(["a", "b", "a", "a", "b", "a", "a", "a", "c"])
        .collect();
    let records = records(&given);
    for windows in [sessions(), sliding()] {
        for emit in [Emit::Final, Emit::Updates] {
            let windowing = windowing(windows.clone(), emit);
            let whole = restarted(&windowing, &records, 7, None);
            for saved_at in 0..=8 {
                let saved = restarted(&windowing, &records, 7, Some(saved_at));
                assert_eq!(saved, whole, "{windows:?}, {emit:?}, saved at {saved_at}");
            }
        }
    }
}

#[test]
fn what_came_out_before_a_restart_does_not_come_out_again_in_parts() {
    let three = NonZeroU32::MIN.saturating_add(2);
    for windows in [Windows::Running, RowWindows::new(three).into()] {
        let windowing = windowing(windows.clone(), Emit::EveryUpdate);
        let given = [(0, "a"), (1, "b"), (2, "a"), (3, "a"), (4, "a"), (5, "a")];
        let came = restarted(&windowing, &records(&given), 5, None);
        let [last] = &*came else {
            panic!("{windows:?}: {came:?}");
        };
        let (n, sum) = match windows {
            Windows::Running => (5, 2 + 3 + 4 + 5),
            _ => (3, 3 + 4 + 5),
        };
        assert_eq!(last.json(), json!({"key": "a", "n": n, "sum": sum}));
    }
}
