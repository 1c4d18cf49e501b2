//! What is committed for a partition, and how a run goes on from it.
//!
//! How both come to count, what the tasks put out and this, is [`crate::runtime::delivering`]'s to
//! say.

use std::fmt::Write as _;

use crate::client::offsets::CommittedOffset;
use crate::record::Offset;
use crate::runtime::input::Input;
use crate::runtime::joint::Joint;
use crate::stream::progress::Progress;
use crate::stream::progress::ProgressError;
use crate::stream::stage::Part;
use crate::stream::stage::Stage;

/// What is committed for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) offset: Offset,
    pub(super) metadata: String,
}

impl Committed {
    /// What to commit for `input` now: the lowest offset that one of its tasks, or of those of
    /// `joints` that it is an input of, needs, and the progress of each.
    ///
    /// Shape of the metadata: for each task the name of its flow ([`name_of`]), a blank, and its
    /// own metadata, joined by `;`. `None` where only global tables are read, which are read from
    /// their beginning at each start.
    pub(super) fn of(input: &Input, joints: &[Joint]) -> Option<Self> {
        let runs = input.runs.iter();
        let runs = runs.map(|run| (name_of(&run.stage, 0), run.task.progress()));
        let places = input.places.iter();
        let places = places.filter_map(|place| {
            let run = &joints.get(place.joint)?.run;
            if run.stage.is_global(place.input) {
                return None;
            }
            let name = name_of(&run.stage, place.input);
            Some((name, run.task.progress_of(place.input)))
        });
        let progress: Vec<_> = runs.chain(places).collect();
        let offset = progress
            .iter()
            .map(|(_, progress)| progress.committable)
            .min()?;
        let mut metadata = String::new();
        for (flow, progress) in &progress {
            let separator = if metadata.is_empty() { "" } else { ";" };
            let written = write!(metadata, "{separator}{flow} {}", progress.to_metadata());
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        Some(Self { offset, metadata })
    }

    /// The progress of the task of `flow` that `found` tells; a flow that it does not know starts
    /// where the group stands.
    pub(super) fn progress(found: &CommittedOffset, flow: &str) -> Result<Progress, ProgressError> {
        let mut parts = found.metadata.split(';').filter(|part| !part.is_empty());
        let own = parts
            .clone()
            .find_map(|part| part.strip_prefix(flow)?.strip_prefix(' '));
        match (own, parts.next()) {
            (Some(own), _) => Progress::parse(found.offset, own),
            (None, Some(other)) if !other.contains(" tidemill") => {
                Progress::parse(found.offset, other)
            }
            (None, _) => Ok(Progress::starting_at(found.offset)),
        }
    }
}

/// What the progress of an input of a stage stands under: the flow's name, the number of the stretch
/// where it is not the first, and that of the input where it is not the first.
pub(super) fn name_of(stage: &Stage, input: usize) -> String {
    let mut name = stage.flow.name.to_string();
    if let Part::Stretch(stretch) = &stage.part
        && stretch.number > 0
    {
        name.push_str(&format!("/{}", stretch.number));
    }
    if input > 0 {
        name.push_str(&format!("#{input}"));
    }
    name
}

impl From<Committed> for CommittedOffset {
    fn from(committed: Committed) -> Self {
        Self {
            metadata: committed.metadata,
            ..Self::new(committed.offset)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(metadata: &str) -> CommittedOffset {
        CommittedOffset {
            metadata: metadata.to_owned(),
            ..CommittedOffset::new(Offset(7))
        }
    }

    #[test]
    fn each_flow_finds_its_own_progress_and_a_new_flow_starts_at_the_offset() {
        let metadata = "revenue tidemill1 p=12 t=5;orders tidemill1 p=9";
        let revenue = Committed::progress(&found(metadata), "revenue").expect("readable");
        assert_eq!(
            (revenue.committable, revenue.position),
            (Offset(7), Offset(12))
        );
        let orders = Committed::progress(&found(metadata), "orders").expect("readable");
        assert_eq!(orders.position, Offset(9));
        assert_eq!(
            Committed::progress(&found(metadata), "new"),
            Ok(Progress::starting_at(Offset(7)))
        );
        assert_eq!(
            Committed::progress(&found(""), "new"),
            Ok(Progress::starting_at(Offset(7)))
        );
    }

    #[test]
    fn what_another_program_committed_is_refused() {
        assert!(Committed::progress(&found("AgAAAYs="), "revenue").is_err());
    }
}
