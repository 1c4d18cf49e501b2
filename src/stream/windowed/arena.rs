//! Aggregates in slots that come and go.

use crate::store::panes::PaneState;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::columns::Columns;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// Columns whose slots are taken and given back one by one.
#[derive(Debug)]
pub(super) struct Arena {
    pub(super) columns: Columns,
    free: Vec<u32>,
}

impl Arena {
    pub(super) const fn new(columns: Columns) -> Self {
        Self {
            columns,
            free: Vec::new(),
        }
    }

    /// A slot that has seen nothing.
    #[inline]
    pub(super) fn take(&mut self) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.columns.reset(slot as usize);
            return slot;
        }
        let slot = u32::try_from(self.columns.len()).unwrap_or(NONE);
        self.columns.push();
        slot
    }

    /// Gives `slot` back; [`NONE`] is none.
    #[inline]
    pub(super) fn give(&mut self, slot: u32) {
        if slot != NONE {
            self.free.push(slot);
        }
    }

    /// Merges the slot `from` into the slot `into`, as if it had come after.
    #[inline]
    pub(super) fn join(&mut self, into: u32, from: u32) {
        self.columns.join(into as usize, from as usize);
    }

    /// Makes the slot `into` what the slot `from` is.
    #[inline]
    pub(super) fn set(&mut self, into: u32, from: u32) {
        self.columns.set(into as usize, from as usize);
    }

    #[inline]
    pub(super) fn reset(&mut self, slot: u32) {
        self.columns.reset(slot as usize);
    }

    /// Writes all slots.
    pub(super) fn save(&self, out: &mut Writer) {
        out.count(self.columns.len());
        self.columns.save(out);
    }

    /// Reads back what was saved into this, which has no slots. The slots that `used` names not are
    /// free.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub(super) fn load(
        &mut self,
        used: impl Iterator<Item = u32>,
        from: &mut Reader<'_>,
    ) -> Result<(), Malformed> {
        let slots = from.count(1)?;
        self.columns.load(slots, from)?;
        let mut is_free = vec![true; slots];
        for slot in used {
            match is_free.get_mut(slot as usize) {
                Some(is_free @ true) => *is_free = false,
                _ => return Err(Malformed::new("a slot that is not there, or used twice")),
            }
        }
        let free = (0..).zip(is_free).filter(|(_, is_free)| *is_free);
        self.free = free.map(|(slot, _)| slot).collect();
        Ok(())
    }
}
