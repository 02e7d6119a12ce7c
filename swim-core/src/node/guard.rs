//! What is not believed, whatever it says: updates that are counted and ignored before anybody
//! judges them.

use crate::address::Address;
use crate::judge::Card;
use crate::member::Status;
use crate::outbox::Channel;
use crate::refutation::LEAP_MAX;
use crate::storage::Storage;
use crate::wire::Update;

use super::input::Origin;
use super::{Node, count};

impl<A: Address, S: Storage> Node<A, S> {
    /// Whether an update about another member is to be judged at all.
    pub(super) fn is_credible(&mut self, update: &Update<'_, A>, origin: &Origin<A>) -> bool {
        if self.is_out_of_reach(update) {
            return false;
        }
        let of_itself = matches!(update.claim.status, Status::Alive | Status::Left);
        let is_own_word = update.id == origin.header.sender && of_itself;
        let card = self.table.member(update.id).and_then(|row| row.card());
        if let Some(card) = card.filter(|_| !is_own_word)
            && self.is_skewed(&card, update)
        {
            count(&mut self.stats.rejected_skew);
            return false;
        }
        true
    }

    /// How long the answer to a packet may be. Whoever is not known to be where the packet came
    /// from gets no more bytes than it sent: the address may be forged, and somebody else's.
    pub(super) fn answer_len_max(&self, origin: &Origin<A>) -> u16 {
        match self.is_where_it_says(origin) {
            true => u16::MAX,
            false => origin.len_max(),
        }
    }

    /// Whether answers certainly arrive where a packet came from: over a stream, or because its
    /// sender is a member at that address about whom there is nothing new or doubtful.
    pub(super) fn is_where_it_says(&self, origin: &Origin<A>) -> bool {
        let sender = || self.table.member(origin.header.sender);
        origin.channel == Channel::Stream
            || sender().is_some_and(|row| row.is_settled() && row.address() == Some(origin.from))
    }

    /// Whether others put a member further ahead of its own last words than any honest history
    /// could. An accusation is of an incarnation that the member has reached, so those cannot
    /// push each other on; a refutation may be one leap away from what was missed.
    fn is_skewed(&self, card: &Card<'_, A>, told: &Update<'_, A>) -> bool {
        let raised_max = match told.claim.status {
            Status::Alive => LEAP_MAX,
            _ => self.config.incarnation_skew_max,
        };
        told.claim.incarnation.ahead_of(card.incarnation) > raised_max
    }
}
