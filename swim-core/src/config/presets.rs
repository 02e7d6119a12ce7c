//! The presets.

use core::time::Duration;

use crate::detector::Detector;

use super::{Config, DATAGRAM_LEN_MIN, Label};

impl Config {
    /// Servers on one network: memberlist's LAN timings. The crash of a host is known in about four
    /// seconds, that of a process on a living host in less than one.
    pub const fn lan() -> Self {
        Self {
            label: Label(0),
            detector: Detector::Witness,
            pause_tolerance: Duration::from_millis(2_500),
            probe_interval: Duration::from_secs(1),
            direct_below: 0,
            probe_timeout: Duration::from_millis(500),
            probe_timeout_min: Duration::from_millis(200),
            probe_timeout_max: Duration::from_secs(3),
            patience_max: Duration::from_secs(15),
            indirect_probes: 3,
            suspicion_mult: 4,
            suspicion_max_mult: 6,
            gossip_interval: Duration::from_millis(200),
            gossip_nodes: 3,
            gossip_to_dead_time: Duration::from_secs(30),
            retransmit_mult: 4,
            anti_entropy: true,
            sync_after: Duration::from_secs(2),
            sync_pause_min: Duration::from_millis(20),
            sync_pause_max: Duration::from_secs(16),
            sync_timeout: Duration::from_millis(100),
            sync_over_streams: false,
            pages_per_second_max: 250,
            heal_interval: Duration::from_secs(10),
            tombstone_time: Duration::from_secs(600),
            departed_time: Duration::from_secs(86_400),
            join_retry_min: Duration::from_millis(400),
            join_retry_max: Duration::from_secs(10),
            leave_timeout: Duration::from_secs(5),
            sleep_max: Duration::from_secs(86_400),
            sleep_margin: Duration::from_secs(2),
            datagram_len_max: 1_400,
            newcomers_per_second_max: 1_000,
            flap: None,
            incarnation_skew_max: 1 << 20,
        }
    }

    /// The same network, for processes that never pause: the crash of a host is known in about two
    /// seconds, at one and a half to two times the packets.
    pub const fn lan_fast() -> Self {
        Self {
            pause_tolerance: Duration::from_secs(1),
            probe_interval: Duration::from_millis(500),
            probe_timeout: Duration::from_millis(400),
            ..Self::lan()
        }
    }

    /// Members across regions: memberlist's WAN timings. The crash of a host is known in about ten
    /// seconds.
    pub const fn wan() -> Self {
        Self {
            pause_tolerance: Duration::from_secs(5),
            probe_interval: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(3),
            probe_timeout_max: Duration::from_secs(6),
            patience_max: Duration::from_secs(30),
            suspicion_mult: 6,
            gossip_interval: Duration::from_millis(500),
            gossip_nodes: 4,
            gossip_to_dead_time: Duration::from_secs(60),
            sync_after: Duration::from_secs(5),
            sync_pause_min: Duration::from_millis(100),
            sync_pause_max: Duration::from_secs(60),
            sync_timeout: Duration::from_millis(500),
            heal_interval: Duration::from_secs(30),
            tombstone_time: Duration::from_secs(1_800),
            join_retry_min: Duration::from_secs(1),
            join_retry_max: Duration::from_secs(30),
            leave_timeout: Duration::from_secs(10),
            sleep_margin: Duration::from_secs(5),
            ..Self::lan()
        }
    }

    /// Processes on one machine: memberlist's Local timings, but news is sent as often as on a LAN:
    /// memberlist's two transmissions leave somebody out now and then. For tests and development.
    pub const fn local() -> Self {
        Self {
            probe_timeout: Duration::from_millis(200),
            indirect_probes: 1,
            suspicion_mult: 3,
            gossip_interval: Duration::from_millis(100),
            gossip_to_dead_time: Duration::from_secs(15),
            heal_interval: Duration::from_secs(5),
            tombstone_time: Duration::from_secs(120),
            join_retry_min: Duration::from_millis(200),
            join_retry_max: Duration::from_secs(2),
            leave_timeout: Duration::from_secs(2),
            ..Self::lan()
        }
    }

    /// Battery and radio: 127-byte datagrams, a probe every ten seconds, round trips up to 2 s. The
    /// crash of a board is known in about 45 seconds.
    pub const fn radio() -> Self {
        Self {
            pause_tolerance: Duration::from_secs(30),
            probe_interval: Duration::from_secs(10),
            probe_timeout: Duration::from_secs(4),
            probe_timeout_min: Duration::from_secs(2),
            probe_timeout_max: Duration::from_secs(10),
            patience_max: Duration::from_secs(120),
            indirect_probes: 2,
            gossip_interval: Duration::from_secs(2),
            gossip_nodes: 2,
            gossip_to_dead_time: Duration::from_secs(120),
            sync_after: Duration::from_secs(20),
            sync_pause_min: Duration::from_secs(1),
            sync_pause_max: Duration::from_secs(300),
            sync_timeout: Duration::from_secs(2),
            pages_per_second_max: 4,
            newcomers_per_second_max: 50,
            heal_interval: Duration::from_secs(300),
            tombstone_time: Duration::from_secs(3_600),
            join_retry_min: Duration::from_secs(5),
            join_retry_max: Duration::from_secs(120),
            leave_timeout: Duration::from_secs(30),
            sleep_margin: Duration::from_secs(20),
            datagram_len_max: DATAGRAM_LEN_MIN as u16,
            ..Self::lan()
        }
    }
}
