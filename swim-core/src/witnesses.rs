//! Who has answered lately.
//!
//! A table may be full of members that are gone, or never were. Relays drawn from it at random then
//! keep silent, and without a witness nobody is accused (R4): a dozen invented members would switch
//! the detector off. So some relays are drawn from those who have shown that they answer.

use crate::member::NodeId;

/// How many are remembered.
const WITNESSES_MAX: usize = 8;

/// Who has answered a probe or a request of this node lately.
#[derive(Clone, Copy, Debug)]
pub struct Witnesses {
    ids: [Option<NodeId>; WITNESSES_MAX],
    next: u8,
}

impl Witnesses {
    pub const fn new() -> Self {
        Self { ids: [None; WITNESSES_MAX], next: 0 }
    }

    /// Somebody has answered with a number it was asked with. The oldest makes room.
    pub fn note(&mut self, id: NodeId) {
        if self.ids.contains(&Some(id)) {
            return;
        }
        if self.ids.get(usize::from(self.next)).is_none() {
            self.next = 0;
        }
        if let Some(place) = self.ids.get_mut(usize::from(self.next)) {
            *place = Some(id);
        }
        self.next = self.next.saturating_add(1);
    }

    pub fn iter(&self) -> impl Iterator<Item = NodeId> {
        self.ids.iter().copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_remembered_once_each() {
        let mut witnesses = Witnesses::new();
        for number in [1, 2, 2, 1, 3] {
            witnesses.note(NodeId::new(number));
        }
        assert!(witnesses.iter().eq([1, 2, 3].map(NodeId::new)));
        for number in 4..=10 {
            witnesses.note(NodeId::new(number));
        }
        assert!(witnesses.iter().eq([9, 10, 3, 4, 5, 6, 7, 8].map(NodeId::new)));
    }
}
