//! What means over a key's whole history remember of what is over.

use crate::store::keys::KeyId;
use crate::store::keys::Keys;
use crate::store::panes::Pane;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Function;
use crate::stream::columns::Columns;

/// The state of those aggregates that cover a key's whole history, over all that windows no longer
/// hold.
///
/// A key that has been seen is never forgotten: state grows with the number of keys.
#[derive(Debug)]
pub(super) struct History {
    functions: Box<[Function]>,
    /// Where they stand among all aggregates.
    positions: Box<[usize]>,
    pane: Pane<Columns>,
    /// Which slots of a pane go to which of another.
    pairs: Vec<(usize, usize)>,
}

impl History {
    /// The history for aggregates of `functions`; `None` where none of them asks for it.
    pub(super) fn of(functions: &[Function]) -> Option<Self> {
        let chosen = functions.iter().copied().enumerate();
        let chosen = chosen.filter(|(_, function)| function.covers_history());
        let (positions, functions): (Vec<usize>, Vec<Function>) = chosen.unzip();
        (!functions.is_empty()).then(|| Self {
            pane: Pane::new(Columns::new(&functions)),
            functions: functions.into(),
            positions: positions.into(),
            pairs: Vec::new(),
        })
    }

    /// Keeps what `pane`, which is about to be given up, has seen.
    pub(super) fn keep(&mut self, pane: &Pane<Columns>, keys: &mut Keys) {
        self.pairs.clear();
        for (there, &key) in pane.keys().iter().enumerate() {
            let here = self.slot(key, keys);
            self.pairs.push((there, here));
        }
        let columns = self.positions.iter().copied().zip(0..);
        let state = &mut self.pane.state;
        state.merge_columns(&pane.state, columns, &self.pairs);
    }

    /// Keeps what the slot `slot` of `columns`, which is about to be given up, has seen of `key`.
    pub(super) fn keep_slot(
        &mut self,
        key: KeyId,
        columns: &Columns,
        slot: usize,
        keys: &mut Keys,
    ) {
        let here = self.slot(key, keys);
        let chosen = self.positions.iter().copied().zip(0..);
        let state = &mut self.pane.state;
        state.merge_columns(columns, chosen, &[(slot, here)]);
    }

    fn slot(&mut self, key: KeyId, keys: &mut Keys) -> usize {
        self.pane.slot(key).unwrap_or_else(|| {
            keys.take_use(key);
            self.pane.slot_or_add(key)
        })
    }

    /// Adds what is gone of `key` to the slot `slot` of `columns`.
    pub(super) fn add_to_slot(&self, key: KeyId, columns: &mut Columns, slot: usize) {
        if let Some(there) = self.pane.slot(key) {
            let chosen = (0..).zip(self.positions.iter().copied());
            columns.merge_columns(&self.pane.state, chosen, &[(there, slot)]);
        }
    }

    /// Which aggregates cover the whole history.
    pub(super) const fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// Adds to the keys of `window` what they have seen before: in slices that are gone, and in the
    /// panes of `before`.
    pub(super) fn add_to<'p>(
        &mut self,
        window: &mut Pane<Columns>,
        before: impl Iterator<Item = &'p Pane<Columns>>,
    ) {
        let columns = (0..).zip(self.positions.iter().copied());
        pair(&self.pane, window, &mut self.pairs);
        let state = &mut window.state;
        state.merge_columns(&self.pane.state, columns, &self.pairs);
        for pane in before {
            let columns = self.positions.iter().map(|&position| (position, position));
            pair(pane, window, &mut self.pairs);
            let state = &mut window.state;
            state.merge_columns(&pane.state, columns, &self.pairs);
        }
    }

    /// Writes all state.
    pub(super) fn save(&self, out: &mut Writer) {
        self.pane.save(out);
    }

    /// Reads back what was saved; takes uses of `keys`.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of such a history.
    pub(super) fn load(&mut self, keys: &mut Keys, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.pane = Pane::new(Columns::new(&self.functions));
        self.pane.load(keys, from)
    }
}

/// Puts into `pairs` the slots in `from` of the keys in `into`, and their slots there.
fn pair(from: &Pane<Columns>, into: &Pane<Columns>, pairs: &mut Vec<(usize, usize)>) {
    let keys = into.keys().iter().enumerate();
    let found = keys.filter_map(|(here, &key)| Some((from.slot(key)?, here)));
    pairs.clear();
    pairs.extend(found);
}
