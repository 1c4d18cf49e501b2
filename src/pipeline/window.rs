//! `window:`: tumbling or hopping, and how long it stays open.

use chrono::TimeDelta;

use crate::pipeline::file::GRACE_DEFAULT;
use crate::pipeline::file::Located;
use crate::pipeline::finding::Finding;
use crate::pipeline::read::Reader;
use crate::pipeline::vocabulary::WINDOW;
use crate::pipeline::yaml::Node;
use crate::stream::window::TimeWindows;

impl Reader<'_, '_> {
    /// The window of a flow; where it cannot be read, which is reported, one in its place.
    pub(super) fn window(&mut self, node: &Node) -> Option<Located<TimeWindows>> {
        self.as_written(node).or_else(|| stand_in(node))
    }

    fn as_written(&mut self, node: &Node) -> Option<Located<TimeWindows>> {
        let keys = self.keys(node, &node.span, &WINDOW)?;
        let grace = keys.optional("grace").map(|node| self.span(node));
        let grace = grace.unwrap_or(Some(GRACE_DEFAULT));
        let (tumbling, hopping) = (keys.optional("tumbling"), keys.optional("hopping"));
        let every = keys.optional("every");
        let (size, advance) = match (tumbling, hopping) {
            (Some(size), None) => {
                if let Some(every) = every {
                    let finding = Finding::new("`every` of a tumbling window", every.span.clone());
                    self.report(finding.help("windows that overlap are `hopping: 1m, every: 10s`"));
                }
                (size, size)
            }
            (None, Some(size)) => (size, every.or_else(|| self.without_every(node))?),
            (Some(_), Some(hopping)) => {
                let message = "a window both tumbling and hopping";
                self.report(
                    Finding::new(message, hopping.span.clone()).help("remove one of the two"),
                );
                return None;
            }
            (None, None) if keys.has_any(WINDOW.later) => return None,
            (None, None) => {
                let finding = Finding::new("a window without a size", node.span.clone());
                self.report(
                    finding.help("write `tumbling: 1m`, or `hopping: 1m` with `every: 10s`"),
                );
                return None;
            }
        };
        let (size, advance) = (self.span(size)?, self.span(advance)?);
        let windows = TimeWindows::hopping(size, advance, grace?);
        windows
            .map(|windows| Located {
                value: windows,
                span: node.span.clone(),
            })
            .map_err(|error| self.report(Finding::new(error.to_string(), node.span.clone())))
            .ok()
    }
}

impl Reader<'_, '_> {
    fn without_every<'t>(&mut self, window: &Node) -> Option<&'t Node> {
        let finding = Finding::new("a hopping window without `every`", window.span.clone());
        self.report(finding.help("add `every: 10s`, how often a window begins"));
        None
    }
}

/// The window that is assumed where one could not be read, so that the rest of the flow can still
/// be checked.
fn stand_in(node: &Node) -> Option<Located<TimeWindows>> {
    let windows = TimeWindows::tumbling(TimeDelta::minutes(1), GRACE_DEFAULT);
    windows.ok().map(|value| Located {
        value,
        span: node.span.clone(),
    })
}
