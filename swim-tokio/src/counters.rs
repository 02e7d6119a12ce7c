//! What the sockets and the state file went through, counted by all tasks of one member.

use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the counters once, for the tasks that count and for those who read.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Plain counters of the sockets, and of the state file, since the member was started. They
        /// only grow; take two and subtract. Those of the protocol are in
        /// [`Stats`](swim_core::Stats).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct SocketStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub $name: Counter,)*
        }

        impl Counters {
            pub fn snapshot(&self) -> SocketStats {
                SocketStats { $($name: self.$name.get(),)* }
            }
        }
    };
}

counters! {
    /// Datagrams not sent because the socket's buffer was full.
    datagrams_dropped,
    /// Datagrams the system refused to send.
    send_errors,
    /// Datagrams that came from outside of the allowed networks, and were not read.
    datagrams_denied,
    /// TCP connections that came from outside of them, and were closed at once.
    streams_denied,
    /// Packets not sent, because they were for somebody outside of them.
    sends_denied,
    /// Errors while receiving datagrams, such as "nobody listens there" about an earlier one.
    receive_errors,
    /// Datagrams of ours that found nobody listening (ICMP port unreachable): the protocol was
    /// told. Linux only, as the next one.
    datagrams_refused,
    /// Other ICMP messages about datagrams of ours, such as "host unreachable" or "filtered": they
    /// say nothing of the process there.
    icmp_ignored,
    /// TCP connections accepted.
    streams_accepted,
    /// TCP connections that could not be accepted.
    accept_errors,
    /// TCP connections asked for.
    streams_dialed,
    /// TCP connections not asked for: this member had opened too many.
    streams_refused,
    /// Accepted TCP connections given up for a later one: too many were open, or too many from
    /// there, and these were the idlest.
    streams_displaced,
    /// How often a TCP connection was not read for a while: it had brought too many bytes.
    stream_pauses,
    /// TCP connections that ended for a fault: not established, broken, too slow, or garbage.
    stream_errors,
    /// TCP connections asked for that found nobody listening: the protocol was told.
    connections_refused,
    /// Packets for TCP dropped because there was no connection, or it was not taking them.
    stream_packets_dropped,
    /// Names of seeds looked up.
    lookups,
    /// Lookups of them that brought no address: no such name, no answer in time.
    lookups_failed,
    /// How often what is kept across restarts was written, the start apart.
    states_written,
    /// How often that failed.
    state_errors,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
