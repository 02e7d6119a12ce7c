//! What the socket went through.

/// Plain counters of the socket since the member was made. They only grow, and wrap; take two and
/// subtract. Those of the protocol are in [`Stats`](swim_core::Stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams given up because they could not be sent within
    /// [`flush_timeout`](crate::Options::flush_timeout); the socket was made anew each time.
    pub flushes_timed_out: u32,
    /// Datagrams to silent neighbours not sent because another waits for its turn to be asked for
    /// its hardware address, see [`SILENT_MAX`](crate::SILENT_MAX).
    pub sends_yielded: u32,
    /// Datagrams not sent because nobody can be reached at their destination: see
    /// [`Endpoint::is_usable`](crate::Endpoint::is_usable); or it is the broadcast address of the
    /// subnet.
    pub sends_unusable: u32,
    /// Datagrams that embassy-net refused to send.
    pub send_errors: u32,
    /// Packets for streams, which this driver does not have.
    pub streams_ignored: u32,
    /// Datagrams received that are longer than the buffer of
    /// [`Resources`](crate::Resources); they were dropped.
    pub datagrams_truncated: u32,
    /// Datagrams received from where no member can be: another protocol than IPv4, or port 0.
    pub datagrams_foreign: u32,
}

/// One more of something.
pub fn count(counter: &mut u32) {
    *counter = counter.wrapping_add(1);
}
