//! When results come out.

/// When the results of windows come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emit {
    /// Once, when the window closes (`emit: final`).
    #[default]
    Final,
    /// At each commit and at close, where there was a change: at most one for each key and
    /// window (`emit: updates`).
    Updates,
    /// At each change (`emit: every-update`).
    EveryUpdate,
}
