//! Counters of everything a node did. They only grow; take two and subtract.

/// Plain counters since the node was made.
///
/// Bytes are those of packets: datagram payload, without UDP and IP headers, and stream packets
/// without their length prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets written.
    pub packets_sent: u64,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Packets accepted.
    pub packets_received: u64,
    /// Bytes accepted.
    pub bytes_received: u64,
    /// Updates written, piggybacked or not.
    pub updates_sent: u64,
    /// Updates read from accepted packets.
    pub updates_received: u64,
    /// Updates among them that changed the table.
    pub updates_applied: u64,

    /// Packets rejected because they do not parse.
    pub rejected_malformed: u64,
    /// Packets rejected for a wire version this release does not speak.
    pub rejected_version: u64,
    /// Packets rejected because they are sealed and this node has no keys.
    pub rejected_sealed: u64,
    /// Packets rejected because they carry another cluster's label.
    pub rejected_label: u64,
    /// Packets rejected because their sender claims this node's own id.
    pub rejected_own_id: u64,
    /// Updates ignored because they raise an incarnation further than the skew limit.
    pub rejected_skew: u64,
    /// Suspicions ignored because they are about a member not in the table.
    pub ignored_strangers: u64,
    /// Updates ignored because they are about a member at an address this node cannot reach.
    pub ignored_unreachable: u64,

    /// Probes started.
    pub probes: u64,
    /// Probes answered directly, indirectly or over a stream.
    pub probes_acked: u64,
    /// Probes for which relays were asked.
    pub probes_indirect: u64,
    /// Probes nobody answered.
    pub probes_failed: u64,
    /// Probes without a verdict because this process stood still meanwhile.
    pub probes_void: u64,
    /// Rounds without a probe because too many were running.
    pub probes_skipped: u64,
    /// Acks that came after the verdict; they tell how long answers take.
    pub acks_late: u64,
    /// Acks for a probe that is not running, or from somebody not asked.
    pub acks_unasked: u64,
    /// Nacks received from relays that were asked.
    pub nacks_received: u64,
    /// Pings meant for another member at this address; they are not answered.
    pub pings_misdirected: u64,
    /// Indirect probes relayed for others.
    pub relays: u64,
    /// Indirect probes not relayed because too many were.
    pub relays_refused: u64,

    /// Rounds taken over that were far from where this node was.
    pub rounds_jumped: u64,
    /// Times the operating system said that nothing listens where a probe went.
    pub refusals_heard: u64,
    /// The same about addresses nobody was probing.
    pub refusals_unasked: u64,
    /// Times this process found that it had stood still.
    pub stalls: u64,
    /// Times this node slept as announced.
    pub sleeps: u64,
    /// Announcements of others that they would sleep, taken in.
    pub sleeps_heard: u64,

    /// Failed probes that accused nobody, because every relay kept silent as well.
    pub accusations_withheld: u64,
    /// Suspicions this node raised after a failed probe of its own.
    pub suspicions_raised: u64,
    /// Members that became suspect in this node's view.
    pub suspected: u64,
    /// Suspects that refuted in this node's view.
    pub recovered: u64,
    /// Pings sent to suspects before a verdict.
    pub verification_pings: u64,
    /// Suspects that answered this node and were given time anew.
    pub reprieves: u64,
    /// News of a death taken as a suspicion, because it was too sudden.
    pub deaths_doubted: u64,
    /// Members this node declared dead: a suspicion timed out here, or nothing listens there.
    pub deaths_declared: u64,
    /// Members that died in this node's view.
    pub died: u64,
    /// Members that left in this node's view.
    pub left: u64,
    /// Times this node had to refute something said about it.
    pub refutations: u64,
    /// Conflicts about this node's own id.
    pub conflicts: u64,

    /// Joins sent.
    pub joins_sent: u64,
    /// Joins answered with a welcome.
    pub welcomes_sent: u64,
    /// Joins answered with a refusal.
    pub refusals_sent: u64,
    /// Attempts to reach somebody who is dead here, or was known in an earlier life.
    pub heals: u64,
    /// Attempts among them that were answered.
    pub heals_answered: u64,
    /// Dead not looked for once their rows are forgotten, because too many others are.
    pub departed_full: u64,
    /// Missing members no longer looked for because their time was up.
    pub departed_expired: u64,
    /// Joins this node was refused.
    pub refusals_received: u64,
    /// Digests that differed from this node's.
    pub digests_unequal: u64,
    /// Reconciliations and slices to pull that this node started.
    pub syncs: u64,
    /// Those that ended without a row moved either way.
    pub syncs_useless: u64,
    /// Those given up because nobody answered.
    pub syncs_lost: u64,
    /// Steps of reconciliations that others started, answered.
    pub syncs_answered: u64,
    /// Packets of which more followed than one answer can say; the rest is found again.
    pub sync_parts_dropped: u64,
    /// Requests answered with a cookie, because they did not bring one.
    pub cookies_sent: u64,
    /// Requests answered with somebody else's address, because there were too many.
    pub busy_sent: u64,
    /// The same of this node's own requests.
    pub busy_received: u64,
    /// Pages of the table served.
    pub pages_sent: u64,
    /// Pages of other tables received.
    pub pages_received: u64,

    /// Tombstones forgotten because their time was up.
    pub reaped: u64,
    /// Tombstones forgotten because the table was full.
    pub evicted: u64,
    /// New members not kept because the table was full of living ones.
    pub table_full: u64,
    /// Members of a leaf's table that were given up for others.
    pub turned_over: u64,
    /// Metadata not kept because it is longer than this table holds.
    pub metadata_too_long: u64,
    /// Packets given up because the buffer handed in was too short for them.
    pub unwritable: u64,
    /// Packets not queued because the outbox was full: a driver that does not drain.
    pub outbox_full: u64,
}
