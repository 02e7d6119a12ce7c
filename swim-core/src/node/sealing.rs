//! Packets that cannot be opened, and what is said about them.

use crate::address::Address;
use crate::error::Rejected;
use crate::lockout::Sender;
use crate::outbox::{Channel, Intent};
use crate::seal::Unopened;
use crate::storage::Storage;
use crate::wire::{HINT_FRAME_LEN, Header, KeyId, Message, Packet, PacketWriter};

use super::{Node, Standing, count};

/// A packet that was not opened.
pub(super) struct Knock<A> {
    pub from: A,
    pub channel: Channel,
    pub len: usize,
    /// Whether it asks, in clear, to be let in.
    pub asks_to_join: bool,
}

impl<A> Knock<A> {
    /// With the length that a packet in clear had if it were sealed: most of what members say would
    /// be too short to be answered. A stranger gets no more than it sent.
    fn counted_as_sealed(self, sender: Sender, seal_len: usize) -> Self {
        let added = if sender == Sender::Familiar { seal_len } else { 0 };
        Self { len: self.len.saturating_add(added), ..self }
    }
}

impl<A: Address, S: Storage> Node<A, S> {
    /// Counts a packet that was not opened, and helps whoever wrote it in good faith: an empty
    /// packet tells it what time it is here and which key is used.
    pub(super) fn reject_unopened(&mut self, unopened: Unopened, knock: Knock<A>) -> Rejected {
        match unopened {
            Unopened::Malformed(error) => self.reject_malformed(error),
            Unopened::Forged => {
                count(&mut self.stats.rejected_forged);
                Rejected::Forged
            }
            Unopened::Unsealed(header)
            | Unopened::UnknownKey(_, header)
            | Unopened::Stale(header)
                if header.label != self.config.label =>
            {
                count(&mut self.stats.rejected_label);
                Rejected::OtherCluster
            }
            Unopened::Unsealed(header) => {
                count(&mut self.stats.rejected_unsealed);
                if knock.asks_to_join || self.table.member(header.sender).is_some() {
                    self.lockout.note_unsealed(knock.from, self.now);
                }
                let sender = self.kind_of(&header, knock.from);
                self.give_hint(
                    sender,
                    &knock.counted_as_sealed(sender, self.sealer.overhead_len()),
                );
                Rejected::Unsealed
            }
            Unopened::UnknownKey(key, header) => {
                count(&mut self.stats.rejected_unknown_key);
                let sender = self.kind_of(&header, knock.from);
                self.lockout.note_key(key, knock.from, sender, self.now);
                self.give_hint(sender, &knock);
                Rejected::UnknownKey(key)
            }
            Unopened::Stale(_) => {
                count(&mut self.stats.rejected_stale);
                self.give_hint(Sender::Keyholder, &knock);
                Rejected::Stale
            }
        }
    }

    fn kind_of(&self, header: &Header, from: A) -> Sender {
        let row = self.table.member(header.sender);
        let is_there = row.is_some_and(|row| row.address() == Some(from));
        match is_there || self.seeds.is_asked_at(from) {
            true => Sender::Familiar,
            false => Sender::Stranger,
        }
    }

    /// Only longer packets are answered, so that two hints never answer each other.
    fn give_hint(&mut self, sender: Sender, knock: &Knock<A>) {
        let (header_len, seal_len) = (self.header().encoded_len(), self.sealer.overhead_len());
        let hint_len = header_len.saturating_add(HINT_FRAME_LEN).saturating_add(seal_len);
        let may_answer = seal_len > 0 && self.standing == Standing::Alive && knock.len > hint_len;
        if may_answer && self.lockout.take_hint(sender, self.now) {
            count(&mut self.stats.hints_sent);
            self.post(Intent::hint(knock.from, knock.channel));
        }
    }

    /// Writes a hint.
    pub(super) fn write_hint(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let mut writer = PacketWriter::new(buffer, &self.header())?;
        writer.hint().then(|| writer.finish())
    }

    /// Tells the application when somebody has refused a packet of this node for how it was sealed.
    pub(super) fn take_hint(&mut self, packet: &Packet<'_, A>, key: Option<KeyId>, from: A) {
        let Header { label, sender, .. } = packet.header;
        let is_ours = label == self.config.label && sender != self.id();
        if let Some(key) = key
            && self.sealer.primary() != Some(key)
            && is_ours
            && packet.is_hint()
        {
            self.lockout.note_misunderstanding(key, from, self.now);
        }
    }

    /// What the packets of this node begin with.
    pub(super) fn header(&self) -> Header {
        Header {
            label: self.config.label,
            sender: self.id(),
            incarnation: self.incarnation(),
            round: self.prober.rotation.round(),
        }
    }
}

/// Whether a packet in clear asks to be let in.
pub(super) fn asks_to_join<A: Address>(bytes: &[u8]) -> bool {
    let asked = |packet: Packet<'_, A>| matches!(packet.message, Some(Message::Join(_)));
    Packet::parse(bytes).is_ok_and(asked)
}
