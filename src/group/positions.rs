//! How far a member has come in each partition, and what of it may be committed.
//!
//! A committed offset is that of the next record to read; so a partition may be committed up to its
//! position once all records before it are done with, and never for a partition that has been given
//! up.

use std::collections::BTreeMap;

use crate::record::Offset;
use crate::record::TopicPartition;

/// How far a member has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    places: BTreeMap<TopicPartition, Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// All records below are done with.
    position: Offset,
    /// What the group has committed; `None` for nothing.
    committed: Option<Offset>,
}

impl Positions {
    /// Takes a partition up at `position`; `committed` is what the group has committed of it.
    pub fn take_up(
        &mut self,
        partition: TopicPartition,
        position: Offset,
        committed: Option<Offset>,
    ) {
        let place = Place {
            position,
            committed,
        };
        self.places.insert(partition, place);
    }

    /// Gives a partition up: nothing of it may be committed any more.
    pub fn give_up(&mut self, partition: &TopicPartition) {
        self.places.remove(partition);
    }

    /// Whether the partition is this member's.
    #[must_use]
    pub fn has(&self, partition: &TopicPartition) -> bool {
        self.places.contains_key(partition)
    }

    /// All records below `position` are done with. Never goes back; of a partition that is given up
    /// nothing is noted.
    pub fn move_to(&mut self, partition: &TopicPartition, position: Offset) {
        if let Some(place) = self.places.get_mut(partition) {
            place.position = place.position.max(position);
        }
    }

    /// What is to be committed: the positions that the group does not have yet.
    #[must_use]
    pub fn committable(&self) -> BTreeMap<TopicPartition, Offset> {
        let moved =
            |(_, place): &(&TopicPartition, &Place)| place.committed != Some(place.position);
        let places = self.places.iter().filter(moved);
        places
            .map(|(partition, place)| (partition.clone(), place.position))
            .collect()
    }

    /// These are committed. Records that were done with in the meantime stay to be committed.
    pub fn committed(&mut self, offsets: &BTreeMap<TopicPartition, Offset>) {
        for (partition, offset) in offsets {
            if let Some(place) = self.places.get_mut(partition) {
                place.committed = Some(*offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> BTreeMap<TopicPartition, Offset> {
        BTreeMap::from([(TopicPartition::new("t", 0), Offset(offset))])
    }

    #[test]
    fn what_moved_while_a_commit_was_on_its_way_is_committed_next() {
        let partition = TopicPartition::new("t", 0);
        let mut positions = Positions::default();
        positions.take_up(partition.clone(), Offset(5), Some(Offset(5)));
        assert_eq!(positions.committable(), BTreeMap::new());
        positions.move_to(&partition, Offset(7));
        let sent = positions.committable();
        assert_eq!(sent, at(7));
        positions.move_to(&partition, Offset(9));
        positions.committed(&sent);
        assert_eq!(positions.committable(), at(9));
    }

    #[test]
    fn a_partition_without_a_committed_offset_is_committed_where_it_begins() {
        let mut positions = Positions::default();
        positions.take_up(TopicPartition::new("t", 0), Offset(3), None);
        assert_eq!(positions.committable(), at(3));
    }

    #[test]
    fn nothing_is_committed_of_a_partition_that_is_given_up_and_no_position_goes_back() {
        let partition = TopicPartition::new("t", 0);
        let mut positions = Positions::default();
        positions.take_up(partition.clone(), Offset(3), Some(Offset(1)));
        positions.move_to(&partition, Offset(2));
        assert_eq!(positions.committable(), at(3));
        positions.give_up(&partition);
        positions.move_to(&partition, Offset(9));
        assert!(!positions.has(&partition));
        assert_eq!(positions.committable(), BTreeMap::new());
    }
}
