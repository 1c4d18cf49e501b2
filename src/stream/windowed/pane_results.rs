//! Results of windows that are made of panes.

use std::ops::Range;
use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Timestamp;
use crate::store::keys::KeyId;
use crate::store::keys::Keys;
use crate::store::panes::Pane;
use crate::stream::aggregate::Function;
use crate::stream::columns::Columns;
use crate::stream::effects::Effects;
use crate::stream::results::WindowResult;
use crate::stream::stage::Stage;
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::windowed::emitter::Emitter;
use crate::stream::windowed::history::History;

/// Which keys of a window are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    All,
    Changed,
    One(KeyId),
}

/// Makes results out of panes.
#[derive(Debug)]
pub(super) struct PaneResults {
    /// A window that is made of several panes.
    merged: Pane<Columns>,
    /// Which slots of a pane go to which of `merged`.
    pairs: Vec<(usize, usize)>,
    /// How many results of the window under way are out: 0 before and after each window.
    done: usize,
    emitter: Emitter,
}

impl PaneResults {
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(super) fn new(
        stage: &Arc<Stage>,
        functions: &[Function],
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        Ok(Self {
            merged: Pane::new(Columns::new(functions)),
            pairs: Vec::new(),
            done: 0,
            emitter: Emitter::new(stage, id)?,
        })
    }

    /// Where results go out.
    pub(super) const fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    /// The same, to change it.
    pub(super) const fn emitter_mut(&mut self) -> &mut Emitter {
        &mut self.emitter
    }

    /// Puts out the results of `window`, which is made of `panes`; `history` is what aggregates
    /// over the whole history see beside, with the panes before the window. Where effects are full
    /// before, the next call has to be for the same, and goes on there.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(super) fn put_out<'p>(
        &mut self,
        window: Range<Timestamp>,
        mut panes: impl Iterator<Item = &'p Pane<Columns>> + Clone,
        history: Option<(&mut History, impl Iterator<Item = &'p Pane<Columns>>)>,
        which: Which,
        keys: &Keys,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        let all = panes.clone();
        let (first, second) = (panes.next(), panes.next());
        match (first, second) {
            (None, _) => Ok(Drained::All),
            (Some(pane), None) if history.is_none() => {
                self.put_out_pane(&window, pane, which, keys, effects)
            }
            _ => {
                if self.done == 0 {
                    self.gather(all, which);
                    if let Some((history, before)) = history {
                        history.add_to(&mut self.merged, before);
                    }
                }
                self.put_out_merged(&window, keys, effects)
            }
        }
    }

    /// Puts out the results of `window` for keys of which it holds nothing, which `empty` finds;
    /// `history`, and how it goes on, as in [`Self::put_out`].
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(super) fn put_out_empty<'p>(
        &mut self,
        window: Range<Timestamp>,
        empty: impl FnOnce() -> Vec<KeyId>,
        history: Option<(&mut History, impl Iterator<Item = &'p Pane<Columns>>)>,
        keys: &Keys,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        if self.done == 0 {
            self.merged.clear();
            for key in empty() {
                let slot = self.merged.slot_or_add(key);
                self.merged.state.stamp(slot, window.end.saturating_sub(1));
            }
            if let Some((history, before)) = history {
                history.add_to(&mut self.merged, before);
            }
        }
        while let Some(key) = self.merged.keys().get(self.done) {
            let result = WindowResult {
                key: keys.key(*key),
                window: Some(window.clone()),
                columns: &self.merged.state,
                slot: self.done,
            };
            self.emitter.put_now(&result, effects)?;
            self.done += 1;
            if effects.is_full() && self.done < self.merged.keys().len() {
                return Ok(Drained::Part);
            }
        }
        self.done = 0;
        Ok(Drained::All)
    }

    fn put_out_merged(
        &mut self,
        window: &Range<Timestamp>,
        keys: &Keys,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        let merged = std::mem::replace(&mut self.merged, Pane::new(Columns::new(&[])));
        let put_out = self.put_out_pane(window, &merged, Which::All, keys, effects);
        self.merged = merged;
        put_out
    }

    fn put_out_pane(
        &mut self,
        window: &Range<Timestamp>,
        pane: &Pane<Columns>,
        which: Which,
        keys: &Keys,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        let chosen = match which {
            Which::All => None,
            Which::Changed => Some(pane.state.changed()),
            Which::One(key) => {
                if let Some(slot) = pane.slot(key) {
                    self.put_out_slot(window, pane, slot, keys, effects)?;
                }
                return Ok(Drained::All);
            }
        };
        let count = chosen.map_or(pane.keys().len(), <[usize]>::len);
        while self.done < count {
            let slot = chosen.map_or(Some(self.done), |slots| slots.get(self.done).copied());
            if let Some(slot) = slot {
                self.put_out_slot(window, pane, slot, keys, effects)?;
            }
            self.done += 1;
            if effects.is_full() && self.done < count {
                return Ok(Drained::Part);
            }
        }
        self.done = 0;
        Ok(Drained::All)
    }

    fn put_out_slot(
        &mut self,
        window: &Range<Timestamp>,
        pane: &Pane<Columns>,
        slot: usize,
        keys: &Keys,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let Some(&id) = pane.keys().get(slot) else {
            return Ok(());
        };
        let result = WindowResult {
            key: keys.key(id),
            window: Some(window.clone()),
            columns: &pane.state,
            slot,
        };
        self.emitter.put(&result, effects)
    }

    /// Merges `panes`, oldest first, for the keys asked for.
    fn gather<'p>(&mut self, panes: impl Iterator<Item = &'p Pane<Columns>> + Clone, which: Which) {
        self.merged.clear();
        match which {
            Which::All => {}
            Which::One(key) => {
                self.merged.slot_or_add(key);
            }
            Which::Changed => {
                for pane in panes.clone() {
                    for key in pane
                        .state
                        .changed()
                        .iter()
                        .filter_map(|&slot| pane.keys().get(slot))
                    {
                        self.merged.slot_or_add(*key);
                    }
                }
            }
        }
        for pane in panes {
            self.pair(pane, which);
            self.merged.state.merge(&pane.state, &self.pairs);
        }
    }

    fn pair(&mut self, pane: &Pane<Columns>, which: Which) {
        self.pairs.clear();
        match which {
            Which::All => {
                for (slot, &key) in pane.keys().iter().enumerate() {
                    self.pairs.push((slot, self.merged.slot_or_add(key)));
                }
            }
            Which::Changed | Which::One(_) => {
                let wanted = self.merged.keys().iter().enumerate();
                let found = wanted.filter_map(|(here, &key)| Some((pane.slot(key)?, here)));
                self.pairs.extend(found);
            }
        }
    }
}
