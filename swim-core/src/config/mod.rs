//! Settings and their presets.

mod presets;
mod settings;

pub(crate) use settings::Settings;

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::detector::{Detector, STAGES_MAX};
use crate::flap::FlapPolicy;
use crate::time::{part, times};

/// How many relays one probe can ask; the upper bound of [`Config::indirect_probes`].
pub const INDIRECT_PROBES_MAX: usize = 8;
/// The upper bound of [`Config::gossip_nodes`].
pub const GOSSIP_NODES_MAX: usize = 8;
/// No update is sent more often than this, however large the cluster.
pub const TRANSMITS_MAX: u8 = 40;
/// The upper bound of [`Config::direct_below`]: heartbeats of more would be all that a node does.
pub const DIRECT_BELOW_MAX: u16 = 256;
/// The lower bound of [`Config::datagram_len_max`]: as long as an IEEE 802.15.4 frame. Less is left
/// of one beside its own headers: such a link needs fragments (6LoWPAN), or longer frames.
pub const DATAGRAM_LEN_MIN: usize = 127;

/// The name of a cluster, hashed. Packets of another label are rejected and counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label(pub(crate) u32);

impl Label {
    /// The label of the cluster called `name`; the same on every target. The empty name gives the
    /// default label.
    pub const fn new(name: &str) -> Self {
        if name.is_empty() {
            return Self(0);
        }
        Self((crate::member::NodeId::from_name(name).number() >> 16) as u32 | 1)
    }
}

/// Everything that can be set on a node. Take a preset and change what you must:
///
/// ```
/// use core::time::Duration;
/// use swim_core::{Config, Label};
///
/// let config = Config { label: Label::new("prod"), gossip_nodes: 4, ..Config::lan() };
/// assert!(config.validate().is_ok());
/// ```
///
/// All members of a cluster should share one configuration; they need the same label, and work
/// together, if less evenly, when the rest differs.
///
/// | | `lan` | `lan_fast` | `wan` | `local` | `radio` |
/// |---|---|---|---|---|---|
/// | `pause_tolerance` | 2.5s | 1s | 5s | 2.5s | 30s |
/// | `probe_interval` | 1s | 500ms | 5s | 1s | 10s |
/// | `direct_below` | 0 | 0 | 0 | 0 | 0 |
/// | `probe_timeout` | 500ms | 400ms | 3s | 200ms | 4s |
/// | `probe_timeout_min` | 200ms | 200ms | 200ms | 200ms | 2s |
/// | `probe_timeout_max` | 3s | 3s | 6s | 3s | 10s |
/// | `patience_max` | 15s | 15s | 30s | 15s | 120s |
/// | `indirect_probes` | 3 | 3 | 3 | 1 | 2 |
/// | `suspicion_mult` | 4 | 4 | 6 | 3 | 4 |
/// | `suspicion_max_mult` | 6 | 6 | 6 | 6 | 6 |
/// | `gossip_interval` | 200ms | 200ms | 500ms | 100ms | 2s |
/// | `gossip_nodes` | 3 | 3 | 4 | 3 | 2 |
/// | `gossip_to_dead_time` | 30s | 30s | 60s | 15s | 120s |
/// | `retransmit_mult` | 4 | 4 | 4 | 4 | 4 |
/// | `anti_entropy` | true | true | true | true | true |
/// | `sync_after` | 2s | 2s | 5s | 2s | 20s |
/// | `sync_pause_min` | 20ms | 20ms | 100ms | 20ms | 1s |
/// | `sync_pause_max` | 16s | 16s | 60s | 16s | 300s |
/// | `sync_timeout` | 100ms | 100ms | 500ms | 100ms | 2s |
/// | `sync_over_streams` | false | false | false | false | false |
/// | `pages_per_second_max` | 250 | 250 | 250 | 250 | 4 |
/// | `heal_interval` | 10s | 10s | 30s | 5s | 300s |
/// | `tombstone_time` | 600s | 600s | 1800s | 120s | 3600s |
/// | `departed_time` | 86400s | 86400s | 86400s | 86400s | 86400s |
/// | `join_retry_min` | 400ms | 400ms | 1s | 200ms | 5s |
/// | `join_retry_max` | 10s | 10s | 30s | 2s | 120s |
/// | `leave_timeout` | 5s | 5s | 10s | 2s | 30s |
/// | `sleep_max` | 86400s | 86400s | 86400s | 86400s | 86400s |
/// | `sleep_margin` | 2s | 2s | 5s | 2s | 20s |
/// | `datagram_len_max` | 1400 | 1400 | 1400 | 1400 | 127 |
/// | `newcomers_per_second_max` | 1000 | 1000 | 1000 | 1000 | 50 |
/// | `incarnation_skew_max` | 1048576 | 1048576 | 1048576 | 1048576 | 1048576 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Which cluster this is. Set it whenever two clusters can reach each other. Default: `""`.
    pub label: Label,
    /// How failures are detected. Default: [`Detector::Witness`].
    pub detector: Detector,
    /// The longest pause a healthy member may show without being declared dead: the one knob of
    /// [`Detector::Witness`], 1 ms to 1 h. A crash is known in about this, half a probe
    /// interval and four answer timeouts,
    /// and no detector can beat that line: who wants to know sooner takes pauses for crashes. A
    /// member that pauses longer asks for patience by itself, once it knows.
    pub pause_tolerance: Duration,
    /// Time between two probes, each of another member. 1 ms to 1 h. Shorter finds failures sooner
    /// and costs proportionally more packets.
    pub probe_interval: Duration,
    /// While fewer members live, this node included, every one of them is probed in every
    /// `probe_interval`, evenly spaced, instead of one: heartbeats, which find a crash sooner and
    /// cost each node as many packets as there are others. Once there are as many, one is probed
    /// in an interval, as SWIM has it, until fewer than three quarters of this live. 0 (never) to
    /// [`DIRECT_BELOW_MAX`]; for [`Detector::Witness`] alone. Members may differ in it: nothing
    /// on the wire does. A table that is full says nothing about how large the cluster is, so a
    /// leaf probes one at a time. A round takes longer than `probe_interval` where so many probes
    /// do not fit: [`PROBES_MAX`](crate::PROBES_MAX) run at once, each for a round trip or more,
    /// and they begin a millisecond apart or more.
    pub direct_below: u16,
    /// Wait for a direct ack before relays are asked, until round trips have been measured. Above
    /// 0, below `probe_interval`; about three times the 99th percentile of the round trip.
    pub probe_timeout: Duration,
    /// The shortest wait for an ack, however fast the last ones came. Above 0, up to
    /// `probe_timeout`. Shorter finds crashes no sooner and costs several times the packets when
    /// members are slow.
    pub probe_timeout_min: Duration,
    /// The longest wait for an ack, however slow the last ones came; local health stretches it up
    /// to five times. `probe_timeout` to 1 h.
    pub probe_timeout_max: Duration,
    /// The longest patience a member is granted, and asks for, after it has stood still. 0 (none)
    /// to 1 h. A crash of such a member is known this much later. A node asks for as much as its
    /// longest stall took and a quarter more, for the rest of its life.
    pub patience_max: Duration,
    /// Relays asked when a direct probe fails (k of SWIM). 0 to [`INDIRECT_PROBES_MAX`]. More on
    /// lossy networks; 0 where everybody shares one link.
    pub indirect_probes: u8,
    /// For the baselines: the shortest time a suspect has to refute is this many probe intervals
    /// times the growth of the detector. 1 to 100. More tolerates longer pauses.
    pub suspicion_mult: u8,
    /// For the baselines: longest time a suspect has: this many times the shortest. 1 to 100.
    pub suspicion_max_mult: u8,
    /// Time between two gossip packets of one node, while it has news. 0 (no gossip apart from
    /// probes, as in SWIM) or 1 ms to 1 h.
    pub gossip_interval: Duration,
    /// Members each gossip tick goes to. 1 to [`GOSSIP_NODES_MAX`].
    pub gossip_nodes: u8,
    /// How long gossip still goes to a member after its death, in case it lives. 0 to 1 day.
    pub gossip_to_dead_time: Duration,
    /// Transmissions of each update: this many times the growth of the detector, at most
    /// [`TRANSMITS_MAX`]. 1 to 10. More on lossy networks.
    pub retransmit_mult: u8,
    /// Whether pings and acks carry a digest, a hash of the sender's live members, and tables that
    /// differ for long are made equal: *reconciled*, range by range, or where one has much less,
    /// *pulled* in pages. Only experiments turn it off.
    pub anti_entropy: bool,
    /// How long the digests of others must differ from this node's, three in a row, before it
    /// reconciles: gossip repairs most of it sooner. For five times as long after a start, or after
    /// learning 8 members at once, two in a row suffice, however close together. 0 to 1 h.
    pub sync_after: Duration,
    /// Pause between two reconciliations, +-50 %, while each brings 8 members or more. Shorter
    /// fills the tables of joiners sooner, at more packets. 1 ms to `sync_pause_max`.
    pub sync_pause_min: Duration,
    /// Longest pause between two reconciliations that bring less; it doubles up to this. Up to 1
    /// day.
    pub sync_pause_max: Duration,
    /// The shortest wait for an answer of anti-entropy before asking again, however fast round
    /// trips are; five times as long until they have been measured. 1 ms to 1 h.
    pub sync_timeout: Duration,
    /// Whether tables are fetched and reconciled over streams, where the driver has them: fewer
    /// trips on slow paths, a connection each. Datagrams do as well.
    pub sync_over_streams: bool,
    /// Pages served and reconciliations accepted per second, besides a burst of 50; whoever asks
    /// for more is told to ask others. Bounds what joiners cost their seed. 1 to 65 535.
    pub pages_per_second_max: u16,
    /// Time between two attempts to reach somebody who is dead here, or a seed that is not live:
    /// what heals partitions. 0 (never) or 1 ms to 1 day; stretched to 50 ms per live member, so
    /// that the cluster as a whole never makes more than 20 attempts a second. A node that has
    /// nobody tries four addresses in each pause between joins.
    pub heal_interval: Duration,
    /// How long the dead and the departed are remembered. 1 s to 30 days; a node with keys makes at
    /// least 150 s of it, so that packets of their lifetime that are sent again do not revive them.
    /// Shorter frees memory, longer keeps late rumours from reviving them.
    pub tombstone_time: Duration,
    /// How long members that died, or were known in an earlier life, are still looked for after
    /// their rows are forgotten; [`DEPARTED_MAX`](crate::DEPARTED_MAX) of them. 1 s to 30 days.
    /// Halves of a cluster that are apart for longer meet again only through seeds.
    pub departed_time: Duration,
    /// Pause after each of the first nine attempts to join through a seed, +-50 %; then it doubles
    /// each time. 1 ms to `join_retry_max`.
    pub join_retry_min: Duration,
    /// Longest pause between two attempts to join. Up to 1 day.
    pub join_retry_max: Duration,
    /// A leaving node says `Departed` at the latest after this, and one that is going to sleep
    /// `Asleep`. 1 ms to 1 h.
    pub leave_timeout: Duration,
    /// The longest silence a member may announce, or is granted: whoever says more is expected back
    /// after this, by this node and those it tells. 0 (none) to 30 days.
    pub sleep_max: Duration,
    /// How much later than it said a sleeper may be back before it is probed: for clocks that
    /// drift, and the time it takes to wake. 0 to 1 h.
    pub sleep_margin: Duration,
    /// Largest datagram written, in bytes of UDP payload. [`DATAGRAM_LEN_MIN`] to 65 507. What the
    /// path carries unfragmented, 1 400 on Ethernet, or in few fragments: 127 on a radio. The same
    /// on all members where one link carries no more.
    pub datagram_len_max: u16,
    /// Members that may become known in one second out of packets that nobody vouches for: gossip
    /// and joins of senders who are not settled members and have no key. The others are ignored;
    /// anti-entropy brings those that are real. 0: nobody can join through this node except with a
    /// key or over a stream.
    pub newcomers_per_second_max: u16,
    /// Whether members that come and go all the time are held out, and how; `None` in all presets.
    pub flap: Option<FlapPolicy>,
    /// A rumour that puts a member further ahead of its own last words than this is ignored as
    /// corrupt. What a member says of itself is believed at any distance, and so is anything of a
    /// stranger. At least 1, below 2^31; the presets' 2^20 is one change of metadata a second for
    /// twelve days in which not one was heard of. With much more, rumours can drive a member around
    /// the circle of incarnations faster than news of it spreads.
    pub incarnation_skew_max: u32,
}

impl Config {
    /// The same with another time between two probes. The first wait for an answer is shortened to
    /// four fifths of it if need be, and the least with it.
    #[must_use]
    pub fn probing_every(self, probe_interval: Duration) -> Self {
        let most = part(times(probe_interval, 4), 5);
        let probe_timeout = self.probe_timeout.min(most);
        let probe_timeout_min = self.probe_timeout_min.min(probe_timeout);
        Self { probe_interval, probe_timeout, probe_timeout_min, ..self }
    }

    /// Checks every field against its documented range.
    ///
    /// # Errors
    ///
    /// The first field out of range, by name, with the rule it breaks: the caller's fault.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let (millisecond, second) = (Duration::from_millis(1), Duration::from_secs(1));
        let hour = Duration::from_secs(3_600);
        let day = hour.saturating_mul(24);
        let month = day.saturating_mul(30);
        within("probe_interval", self.probe_interval, millisecond, hour)?;
        rule(
            !self.probe_timeout.is_zero() && self.probe_timeout < self.probe_interval,
            "probe_timeout",
            "must be above 0 and below probe_interval",
        )?;
        rule(self.direct_below <= DIRECT_BELOW_MAX, "direct_below", "is more than its maximum")?;
        within("pause_tolerance", self.pause_tolerance, millisecond, hour)?;
        if self.detector.rules().timeout_measured {
            rule(
                !self.probe_timeout_min.is_zero() && self.probe_timeout_min <= self.probe_timeout,
                "probe_timeout_min",
                "must be above 0 and at most probe_timeout",
            )?;
            within("probe_timeout_max", self.probe_timeout_max, self.probe_timeout, hour)?;
        }
        within("patience_max", self.patience_max, Duration::ZERO, hour)?;
        count("stages", self.detector.rules().stages, 0, STAGES_MAX.into())?;
        count("indirect_probes", self.indirect_probes, 0, INDIRECT_PROBES_MAX)?;
        count("suspicion_mult", self.suspicion_mult, 1, 100)?;
        count("suspicion_max_mult", self.suspicion_max_mult, 1, 100)?;
        if !self.gossip_interval.is_zero() {
            within("gossip_interval", self.gossip_interval, millisecond, hour)?;
        }
        count("gossip_nodes", self.gossip_nodes, 1, GOSSIP_NODES_MAX)?;
        within("gossip_to_dead_time", self.gossip_to_dead_time, Duration::ZERO, day)?;
        if !self.heal_interval.is_zero() {
            within("heal_interval", self.heal_interval, millisecond, day)?;
        }
        count("retransmit_mult", self.retransmit_mult, 1, 10)?;
        within("sync_after", self.sync_after, Duration::ZERO, hour)?;
        within("sync_pause_max", self.sync_pause_max, millisecond, day)?;
        within("sync_pause_min", self.sync_pause_min, millisecond, self.sync_pause_max)?;
        within("sync_timeout", self.sync_timeout, millisecond, hour)?;
        rule(self.pages_per_second_max > 0, "pages_per_second_max", "must be at least 1")?;
        within("tombstone_time", self.tombstone_time, second, month)?;
        within("departed_time", self.departed_time, second, month)?;
        within("join_retry_max", self.join_retry_max, millisecond, day)?;
        within("join_retry_min", self.join_retry_min, millisecond, self.join_retry_max)?;
        within("leave_timeout", self.leave_timeout, millisecond, hour)?;
        within("sleep_max", self.sleep_max, Duration::ZERO, month)?;
        within("sleep_margin", self.sleep_margin, Duration::ZERO, hour)?;
        rule(
            (DATAGRAM_LEN_MIN..=65_507).contains(&usize::from(self.datagram_len_max)),
            "datagram_len_max",
            "must be from 127 to 65507",
        )?;
        rule(
            (1..1 << 31).contains(&self.incarnation_skew_max),
            "incarnation_skew_max",
            "must be at least 1 and below 2^31",
        )?;
        let Some(flap) = self.flap else { return Ok(()) };
        count("flap.points_max", flap.points_max, 1, 100)?;
        within("flap.half_life", flap.half_life, second, day)?;
        within("flap.penalty", flap.penalty, second, day)?;
        within("flap.penalty_max", flap.penalty_max, flap.penalty, day)
    }
}

#[cfg_attr(target_pointer_width = "32", inline(never))]
fn within(
    field: &'static str,
    value: Duration,
    least: Duration,
    most: Duration,
) -> Result<(), ConfigError> {
    rule(value >= least, field, "is shorter than its minimum")?;
    rule(value <= most, field, "is longer than its maximum")
}

#[cfg_attr(target_pointer_width = "32", inline(never))]
fn count(field: &'static str, value: u8, least: u8, most: usize) -> Result<(), ConfigError> {
    rule(value >= least, field, "is less than its minimum")?;
    rule(usize::from(value) <= most, field, "is more than its maximum")
}

#[cfg_attr(target_pointer_width = "32", inline(never))]
fn rule(holds: bool, field: &'static str, rule: &'static str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { field, rule }) }
}

/// A field of [`Config`] is out of its range: the caller's fault; nothing was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The field's name.
    pub field: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "config: {} {}", self.field, self.rule)
    }
}

impl core::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESETS: [Config; 5] =
        [Config::lan(), Config::lan_fast(), Config::wan(), Config::local(), Config::radio()];

    #[test]
    fn presets_are_valid() {
        for config in PRESETS {
            assert_eq!(config.validate(), Ok(()));
        }
    }

    #[test]
    fn the_table_in_the_documentation_is_that_of_the_presets() {
        let shown = PRESETS.map(|preset| format!("{preset:?}"));
        let rows = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("/// | `"));
        let mut checked = 0;
        for row in rows.filter(|row| !row.starts_with("lan")) {
            let (field, values) = row.split_once("` | ").unwrap();
            for (value, shown) in values.trim_end_matches(" |").split(" | ").zip(&shown) {
                assert!(shown.contains(&format!("{field}: {value}")), "{field} {value}: {shown}");
                checked += 1;
            }
        }
        // All fields but label and detector.
        assert_eq!(checked, 5 * 32);
    }

    #[test]
    fn another_probe_interval_leaves_the_settings_valid() {
        for preset in PRESETS {
            for millis in [1, 10, 300, 1_000, 60_000, 3_600_000] {
                let config = preset.probing_every(Duration::from_millis(millis));
                assert_eq!(config.validate(), Ok(()), "{millis} {config:?}");
            }
            assert_eq!(preset.probing_every(preset.probe_interval), preset);
        }
    }

    #[test]
    fn an_error_names_the_field_and_the_rule() {
        let config = Config { probe_timeout: Duration::from_secs(2), ..Config::lan() };
        let error = config.validate().unwrap_err();
        assert_eq!(error.field, "probe_timeout");
        assert!(error.rule.contains("below probe_interval"));
    }
}
