//! Another node under this node's own id: who keeps it, and what becomes of the other.

use crate::address::Address;
use crate::outbox::{Channel, Intent};
use crate::rival::{Plea, RivalStep};
use crate::storage::Storage;
use crate::wire::{Ack, Message, Ping};

use super::answer::Asked;
use super::input::Origin;
use super::{Node, Standing, count};

/// Bytes that a question to a rival may always have: without metadata it has no more.
const QUESTION_LEN_MIN: u16 = 96;

impl<A: Address, S: Storage> Node<A, S> {
    /// Asks at another address whether somebody lives there under this node's id, in no more bytes
    /// than the packets had that said so, or in very few: a newcomer is to hear of it soon. No
    /// other question follows until this one is answered or has timed out.
    pub(super) fn challenge_rival(&mut self, rival: (u16, A), len: u16) {
        if !self.allowed.admits(&rival.1) {
            return count(&mut self.stats.ignored_forbidden);
        }
        if rival.1 == self.address() {
            return;
        }
        let (number, soon) = (self.draw_number(), (self.now, self.answer_wait()));
        if let Some(len_max) = self.challenge.ask(rival, len, number, soon) {
            self.ask_rival(rival.1, number, len_max.max(QUESTION_LEN_MIN));
        }
    }

    fn ask_rival(&mut self, rival: A, number: u32, len_max: u16) {
        let ping = Ping { number, target: self.id(), belief: None, digest: None };
        let about = Some(self.id());
        let intent = Intent::new(rival, Channel::Datagram, Some(Message::Ping(ping)));
        self.post(intent.about(about).for_rival().limited(len_max));
    }

    /// The verdict, if `ack` is the answer of a rival that was asked.
    pub(super) fn is_id_kept(&mut self, ack: &Ack, origin: &Origin<A>) -> Option<bool> {
        let theirs = Plea { established: origin.header.round != 0, given_up: ack.stranger };
        self.challenge.answered(ack.number, self.my_identity(), theirs, self.now)
    }

    pub(super) fn settle_conflict(&mut self, won: bool) {
        count(&mut self.stats.conflicts);
        if !won {
            self.outbox.clear();
            self.sync.clear();
            self.give_up_sleep();
            match self.standing {
                Standing::Leaving => self.depart(),
                Standing::Departed => {}
                Standing::Alive | Standing::Silenced => self.fall_silent(),
            }
        }
    }

    fn fall_silent(&mut self) {
        self.standing = Standing::Silenced;
        self.challenge.lose(self.config.heal_interval(), self.now);
    }

    /// A silenced node speaks to its rival only, who has to learn of it too.
    pub(super) fn answer_rival(&mut self, message: Message<A>, origin: &Origin<A>) {
        if origin.header.sender != self.id() {
            return;
        }
        match message {
            Message::Ping(ping) => self.answer_ping(ping, Asked::about_me(ping.belief), origin),
            // Who has given the id up as well is as good as gone.
            Message::Ack(ack) if !ack.stranger => self.challenge.still_there(ack.number),
            _ => {}
        }
    }

    /// Asks the rival that a silenced node lost its id to whether it is still there. If it is not,
    /// nobody has the id, and this node stands up again.
    pub(super) fn step_rivalry(&mut self) {
        if self.challenge.deadline().is_none_or(|due| due > self.now) {
            return;
        }
        let (number, pause) = (self.draw_number(), self.config.heal_interval());
        match self.challenge.step(number, pause, self.now) {
            Some(RivalStep::Ask(rival, number)) => self.ask_rival(rival, number, u16::MAX),
            Some(RivalStep::Gone(rival)) => {
                self.rejoin(self.now);
                self.challenge.regain(rival);
            }
            None => {}
        }
    }

    /// The round for the header of a packet. A rival is shown none by who is not established: the
    /// id is not taken from who had it for longer.
    pub(super) fn round_shown(&self, intent: &Intent<A>) -> u16 {
        let question = |ping: Ping| ping.target == self.id();
        let to_rival = match intent.message {
            Some(Message::Ping(ping)) => question(ping),
            Some(Message::Ack(_)) => self.challenge.is_rival(intent.to),
            _ => false,
        };
        match to_rival && !self.challenge.is_established() {
            true => 0,
            false => self.prober.rotation.round(),
        }
    }
}
