//! Counters of everything a node did. They only grow; take two and subtract.

use crate::storage::Counter;

/// Declares the counters, and what goes through all of them.
macro_rules! counters {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident,)* }) => {
        $(#[$about])*
        pub struct $name<C = u64> {
            $($(#[$doc])* pub $field: C,)*
        }

        impl<C: Counter> $name<C> {
            /// The same in 64 bits.
            pub fn widened(&self) -> $name {
                $name { $($field: self.$field.into(),)* }
            }
        }
    };
}

counters! {
    /// Plain counters since the node was made: of 64 bits on servers; of 32 bits, which may wrap,
    /// on boards ([`storage::Bounds`](crate::storage::Bounds)).
    ///
    /// Bytes are those of packets: datagram payload, without UDP and IP headers, and stream packets
    /// without their length prefix.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Stats {
        /// Packets written.
        pub packets_sent,
        /// Bytes written.
        pub bytes_sent,
        /// Packets accepted.
        pub packets_received,
        /// Bytes accepted.
        pub bytes_received,
        /// Updates written, piggybacked or not.
        pub updates_sent,
        /// Updates read from accepted packets.
        pub updates_received,
        /// Updates among them that changed the table.
        pub updates_applied,

        /// Packets rejected because they do not parse.
        pub rejected_malformed,
        /// Packets rejected for a wire version this release does not speak.
        pub rejected_version,
        /// Packets rejected because they are not sealed and must be.
        pub rejected_unsealed,
        /// Packets rejected because they are sealed by a key that is not here.
        pub rejected_unknown_key,
        /// Packets rejected because nobody who has their key wrote them as they are.
        pub rejected_forged,
        /// Packets rejected because they were sealed too long ago.
        pub rejected_stale,
        /// Empty packets sent to those whose packets are not sealed, too old, or by another key.
        pub hints_sent,
        /// Packets rejected because they carry another cluster's label.
        pub rejected_label,
        /// Packets rejected because no member may be where they came from.
        pub rejected_forbidden,
        /// Packets rejected because their sender claims this node's own id.
        pub rejected_own_id,
        /// Rumours ignored because they raise an incarnation further than the skew limit.
        pub rejected_skew,
        /// Suspicions ignored because they are about a member not in the table.
        pub ignored_strangers,
        /// New members ignored because too many came out of packets that nobody vouches for.
        pub ignored_newcomers,
        /// Addresses ignored because no member may be there: see
        /// [`Node::allow`](crate::Node::allow).
        pub ignored_forbidden,
        /// Updates ignored because they are about a member at an address this node cannot reach.
        pub ignored_unreachable,

        /// Probes started.
        pub probes,
        /// Probes answered directly, indirectly or over a stream.
        pub probes_acked,
        /// Probes for which relays were asked.
        pub probes_indirect,
        /// Probes nobody answered.
        pub probes_failed,
        /// Probes without a verdict because this process stood still meanwhile.
        pub probes_void,
        /// Probes not started when they were due because too many were running.
        pub probes_skipped,
        /// Probes out of turn, because a watched member was silent.
        pub probes_besides,
        /// Pings to watched members, besides all probes.
        pub watch_pings,
        /// Those of them that were answered.
        pub watch_acks,
        /// Acks that came after the verdict; they tell how long answers take.
        pub acks_late,
        /// Acks for a probe that is not running, or from somebody not asked.
        pub acks_unasked,
        /// Nacks received from relays that were asked.
        pub nacks_received,
        /// Pings meant for another member at this address; they are not answered.
        pub pings_misdirected,
        /// Indirect probes relayed for others.
        pub relays,
        /// Indirect probes not relayed because too many were, or too many for one requester, or
        /// because it may be somebody else who would get the packets.
        pub relays_refused,
        /// Requests to relay a probe that was being relayed already.
        pub relays_repeated,

        /// Rounds taken over that were far from where this node was.
        pub rounds_jumped,
        /// Times the operating system said that nothing listens where a probe went.
        pub refusals_heard,
        /// The same about addresses nobody was probing.
        pub refusals_unasked,
        /// Refusals not believed, because they do not quote a packet of this node.
        pub refusals_unproven,
        /// Times this process found that it had stood still.
        pub stalls,
        /// Times this node slept as announced.
        pub sleeps,
        /// Announcements of others that they would sleep, taken in.
        pub sleeps_heard,

        /// Failed probes that accused nobody, because every relay kept silent as well.
        pub accusations_withheld,
        /// Suspicions this node raised after a failed probe of its own.
        pub suspicions_raised,
        /// Members that became suspect in this node's view.
        pub suspected,
        /// Suspects that refuted in this node's view.
        pub recovered,
        /// Pings sent to suspects before a verdict.
        pub verification_pings,
        /// Suspects that answered this node and were given time anew.
        pub reprieves,
        /// News of a death taken as a suspicion, because it was too sudden.
        pub deaths_doubted,
        /// Members this node declared dead: a suspicion timed out here, or nothing listens there.
        pub deaths_declared,
        /// Members that died in this node's view.
        pub died,
        /// Members that left in this node's view.
        pub left,
        /// Times this node had to refute something said about it.
        pub refutations,
        /// Accusers not told at once that they are wrong, because too many were within a second.
        pub accusers_unanswered,
        /// What it did not refute because it had refuted too much within a second.
        pub refutations_put_off,
        /// Leaps towards an incarnation far ahead that somebody believed it to have.
        pub leaps,
        /// Conflicts about this node's own id.
        pub conflicts,

        /// Joins sent.
        pub joins_sent,
        /// Joins answered with a welcome.
        pub welcomes_sent,
        /// Joins answered with a refusal.
        pub refusals_sent,
        /// Attempts to reach somebody who is dead here, or was known in an earlier life.
        pub heals,
        /// Attempts among them that were answered.
        pub heals_answered,
        /// Dead not looked for once their rows are forgotten, because too many others are.
        pub departed_full,
        /// Missing members no longer looked for because their time was up.
        pub departed_expired,
        /// Joins this node was refused.
        pub refusals_received,
        /// Digests that differed from this node's.
        pub digests_unequal,
        /// Reconciliations and slices to pull that this node started.
        pub syncs,
        /// Those that ended without a row moved either way.
        pub syncs_useless,
        /// Those given up because nobody answered.
        pub syncs_lost,
        /// Steps of reconciliations that others started, answered.
        pub syncs_answered,
        /// Packets of which more followed than one answer can say; the rest is found again.
        pub sync_parts_dropped,
        /// Requests answered with a cookie, because they did not bring one.
        pub cookies_sent,
        /// Requests answered with somebody else's address, because there were too many.
        pub busy_sent,
        /// The same of this node's own requests.
        pub busy_received,
        /// Pages of the table served.
        pub pages_sent,
        /// Pages of other tables received.
        pub pages_received,

        /// Tombstones forgotten because their time was up.
        pub reaped,
        /// Tombstones forgotten because the table was full.
        pub evicted,
        /// New members not kept because the table was full of living ones.
        pub table_full,
        /// Members of a leaf's table that were given up for others.
        pub turned_over,
        /// Metadata not kept because it is longer than this table holds.
        pub metadata_too_long,
        /// Packets given up because the buffer handed in was too short for them.
        pub unwritable,
        /// Packets not queued because the outbox was full: a driver that does not drain.
        pub outbox_full,
    }
}
