//! The handle applications hold.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use swim_core::trace::{Progress, Trace};
use swim_core::{
    Instant, Key, KeyError, KeyId, KeyRing, MetadataTooLong, NodeId, Sealing, SleepError, Stats,
    Watch, WatchError,
};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::command::{Call, Command};
use crate::counters::SocketStats;
use crate::events::{Events, Occurrence};
use crate::join::{Admissions, JoinFailure};
use crate::options::nonces;
use crate::seed::Seed;
use crate::seeds::SeedStatus;
use crate::shared::{Node, Shared};
use crate::state::StateTrouble;
use crate::view::MemberInfo;

use CallError::Refused;

/// A member, to talk to: cheap to clone, and no call on it ever delays the protocol.
///
/// The protocol goes on without handles. It ends by [`shutdown`](Self::shutdown), or when it has
/// left its cluster and the last handle is dropped. Calls that wait, wait for the runner to run.
#[derive(Clone, Debug)]
pub struct Swim {
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Sender<Command>,
    /// How often this member has departed.
    pub(crate) departures: watch::Receiver<u64>,
    pub(crate) updates: broadcast::WeakSender<Occurrence>,
}

impl Swim {
    /// This member's id.
    pub fn id(&self) -> NodeId {
        self.shared.id
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local_addr
    }

    /// Where it tells others to reach it.
    pub fn advertised(&self) -> SocketAddr {
        self.shared.advertised
    }

    /// All members, this one and the remembered dead and departed included, in order of id.
    ///
    /// A copy, made without waiting for the protocol. It holds at least what the events read so
    /// far have told, and what calls that have returned did to this member itself. What is no
    /// event, an incarnation that rose without a suspicion, the forgetting of the dead, and whether
    /// a member that is held out is suspected or back, shows a second later, in clusters above
    /// 10 000 members a second for each 10 000. A large table is copied in pieces: what happens
    /// meanwhile may be in it in part.
    pub fn members(&self) -> Vec<MemberInfo> {
        self.shared.view.members()
    }

    /// One member, under the conditions of [`members`](Self::members).
    pub fn member(&self, id: NodeId) -> Option<MemberInfo> {
        self.shared.view.member(id)
    }

    /// How many members live, the suspected, the held out and this one included.
    pub fn live_count(&self) -> usize {
        self.shared.view.live_count()
    }

    /// Lifeguard's local health score: 0 while this member keeps up, more while it is slow.
    pub fn health_score(&self) -> u8 {
        self.shared.view.health_score()
    }

    /// Whether this member has heard nobody for longer than any suspicion lasts: it is cut off, or
    /// deaf, or all others died at once. Whom it declares dead meanwhile it keeps to itself. False
    /// while nobody else is known.
    pub fn is_isolated(&self) -> bool {
        self.shared.view.is_isolated()
    }

    /// Everything that happens from now on. Once the runner has ended, an `Events` that ends too.
    pub fn events(&self) -> Events {
        let updates = match self.updates.upgrade() {
            Some(updates) => updates.subscribe(),
            None => broadcast::channel(1).1,
        };
        Events { updates, shared: Arc::clone(&self.shared) }
    }

    /// Joins the cluster of `seeds`, asking through all of them, and says what became of each. A
    /// seed is a host name or an address with a port; strings and socket addresses both do:
    ///
    /// ```no_run
    /// # async fn join(swim: swim_tokio::Swim) {
    /// swim.join(["db-1.example.org:7946", "10.0.0.2:7946"]).await;
    /// # }
    /// ```
    ///
    /// One that admits this member is enough; the rest of the cluster follows by itself. Resolves
    /// when every seed has answered, at the latest after
    /// [`Options::join_deadline`](crate::Options::join_deadline); seeds that have not admitted
    /// this member by then are asked on. Dropping the future before cancels all that: seeds that
    /// have not answered yet are no longer asked, unless by another call.
    ///
    /// A name stands for all its addresses, IPv4 and IPv6, in random order and without this
    /// member's own; one that admits this member speaks for all. Until then the name is looked up
    /// again and again, at the pace of
    /// [`Config::join_retry_min`](swim_core::Config::join_retry_min) and
    /// [`join_retry_max`](swim_core::Config::join_retry_max), so addresses may come, go and
    /// change; of more than [`SEEDS_MAX`](swim_core::SEEDS_MAX), all get their turn. A seed is
    /// asked and looked up anew when the member that admitted this one there is gone: all the time
    /// by a member that is alone, now and then by one that is not. Of 64 seeds at most.
    pub async fn join<S: Into<Seed>>(&self, seeds: impl IntoIterator<Item = S>) -> Admissions {
        let seeds: Vec<Seed> = seeds.into_iter().map(Into::into).collect();
        let asked = self.ask(|reply| Command::Join { seeds: seeds.clone(), reply }).await;
        let closed = |_| seeds.into_iter().map(|seed| (seed, Err(JoinFailure::Closed))).collect();
        asked.unwrap_or_else(closed)
    }

    /// Joins through `seeds` for as long as it takes, as [`join`](Self::join) does, without waiting
    /// for it: watch [`events`](Self::events) and [`seeds`](Self::seeds). Returns the seeds that
    /// are *not* being asked, and why.
    pub async fn keep_joining<S: Into<Seed>>(
        &self,
        seeds: impl IntoIterator<Item = S>,
    ) -> Vec<(Seed, JoinFailure)> {
        let seeds: Vec<Seed> = seeds.into_iter().map(Into::into).collect();
        let asked = self.ask(|reply| Command::KeepJoining { seeds: seeds.clone(), reply }).await;
        let closed = |_| seeds.into_iter().map(|seed| (seed, JoinFailure::Closed)).collect();
        asked.unwrap_or_else(closed)
    }

    /// The seeds of this member, and how they stand: their addresses, who admitted it, what is
    /// wrong. A copy, made without waiting for the protocol.
    pub fn seeds(&self) -> Vec<SeedStatus> {
        self.shared.seeds()
    }

    /// Says goodbye and resolves when enough members know, at the latest after
    /// [`Config::leave_timeout`](swim_core::Config::leave_timeout). Dropping the future does not
    /// take the goodbye back; [`rejoin`](Self::rejoin) does, and leaves this waiting for the next.
    ///
    /// # Errors
    ///
    /// The runner ended before.
    pub async fn leave(&self) -> Result<(), Closed> {
        let departure = self.ask(|reply| Command::Leave { reply }).await?;
        let mut departures = self.departures.clone();
        let departed = departures.wait_for(|count| *count >= departure).await;
        departed.map(drop).map_err(|_| Closed)
    }

    /// Is a member again: after [`leave`](Self::leave), or after losing a
    /// [conflict](swim_core::Event::Conflict) that has been settled. Nothing happens otherwise.
    ///
    /// # Errors
    ///
    /// The runner has ended.
    pub async fn rejoin(&self) -> Result<(), Closed> {
        self.ask(|reply| Command::Rejoin { reply }).await
    }

    /// Attaches `metadata` to this member and tells everybody.
    ///
    /// # Errors
    ///
    /// It is too long, or the runner has ended. The old metadata stays.
    pub async fn set_metadata(&self, metadata: Vec<u8>) -> Result<(), CallError<MetadataTooLong>> {
        self.call(move |node, now| node.set_metadata(&metadata, now)).await?.map_err(Refused)
    }

    /// Tells everybody that this member will be silent for `duration`, so that nobody suspects it
    /// meanwhile: see [`Node::sleep`](swim_core::Node::sleep). [`Event::Asleep`](crate::Event)
    /// says when enough of them know, and the machine may be suspended.
    ///
    /// # Errors
    ///
    /// It is longer than [`Config::sleep_max`](swim_core::Config::sleep_max), this member has left
    /// or is leaving, or the runner has ended. Nothing was said.
    pub async fn sleep(&self, duration: Duration) -> Result<(), CallError<SleepError>> {
        self.call(move |node, now| node.sleep(duration, now)).await?.map_err(Refused)
    }

    /// Ends a sleep before its time.
    ///
    /// # Errors
    ///
    /// The runner has ended.
    pub async fn wake(&self) -> Result<(), Closed> {
        self.call(|node, now| node.wake(now)).await
    }

    /// Watches a member: pings it at regular intervals of its own, besides all other probes, makes
    /// of its silence a [level of suspicion](Self::suspicion_level), and keeps it among the members
    /// although there may be more of them than
    /// [`Options::members_max`](crate::Options::members_max). `watch` is a
    /// [`Watch`](swim_core::Watch), or just the interval; see
    /// [`Node::watch`](swim_core::Node::watch).
    ///
    /// The level of a member whose process ends has no time to rise: its host refuses what is sent
    /// to it, and it is dead within a second.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use swim_tokio::{NodeId, Watch};
    /// # async fn watch(swim: swim_tokio::Swim) -> Result<(), Box<dyn std::error::Error>> {
    /// let leader = NodeId::from_name("db-1");
    /// let watch = Watch { level: 4.0, ..Watch::every(Duration::from_millis(200)) };
    /// swim.watch(leader, watch).await?;
    /// // Later; events say when it passes 4, and when it is below again.
    /// if swim.suspicion_level(leader).await?.is_some_and(|level| level > 2.0) {
    ///     println!("{leader} is slow to answer");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Settings out of range, this member itself, too many are watched, or the runner has ended.
    /// Nothing changed.
    pub async fn watch(
        &self,
        id: NodeId,
        watch: impl Into<Watch>,
    ) -> Result<(), CallError<WatchError>> {
        let watch = watch.into();
        self.call(move |node, now| node.watch(id, watch, now)).await?.map_err(Refused)
    }

    /// How far the silence of a watched member goes beyond what its answers are like: φ, see
    /// [`Node::suspicion_level`](swim_core::Node::suspicion_level). `None` of a member that is not
    /// watched, has not answered yet, or is not to answer.
    ///
    /// # Errors
    ///
    /// The runner has ended.
    pub async fn suspicion_level(&self, id: NodeId) -> Result<Option<f32>, Closed> {
        self.call(move |node, now| node.suspicion_level(id, now)).await
    }

    /// The longest time from the crash of a member until all others know of it, as far as this
    /// one can tell: see [`Node::detection_bound`](swim_core::Node::detection_bound).
    ///
    /// # Errors
    ///
    /// The runner has ended.
    pub async fn detection_bound(&self) -> Result<Option<Duration>, Closed> {
        self.call(|node, _| node.detection_bound()).await
    }

    /// Watches a member no longer. Says whether it was watched.
    ///
    /// # Errors
    ///
    /// The runner has ended.
    pub async fn unwatch(&self, id: NodeId) -> Result<bool, Closed> {
        self.call(move |node, _| node.unwatch(id)).await
    }

    /// Gives this member `keys` instead of those it had, if any: to begin with sealing, or to take
    /// over a file of keys as a whole. See [`Node::seal`](swim_core::Node::seal).
    ///
    /// # Errors
    ///
    /// The metadata would not fit into a datagram, the system has no randomness to give, or the
    /// runner has ended. The old keys stay.
    pub async fn seal(&self, keys: KeyRing, sealing: Sealing) -> Result<(), CallError<KeyFailure>> {
        let nonces = nonces().map_err(|error| Refused(KeyFailure::NoRandomness(error.kind())))?;
        let seal = move |node: &mut Node, now| node.seal(keys, sealing, nonces, now);
        self.call(seal).await?.map_err(KeyFailure::from).map_err(Refused)
    }

    /// The ids of the keys it has, the primary one first; none if it has none.
    ///
    /// # Errors
    ///
    /// The runner has ended.
    pub async fn key_ids(&self) -> Result<Vec<KeyId>, Closed> {
        self.call(|node, _| node.keys().map(|keys| keys.ids().collect()).unwrap_or_default()).await
    }

    /// Accepts what `key` sealed, from now on.
    ///
    /// # Errors
    ///
    /// It has no keys, the ring does not take this one, or the runner has ended. Nothing changed.
    pub async fn add_key(&self, key: Key) -> Result<(), CallError<KeyFailure>> {
        self.change_keys(move |keys| keys.add(key)).await
    }

    /// Seals with this key from now on, and goes on accepting the one before.
    ///
    /// # Errors
    ///
    /// There is no such key, or the runner has ended. Nothing changed.
    pub async fn use_key(&self, id: KeyId) -> Result<(), CallError<KeyFailure>> {
        self.change_keys(move |keys| keys.use_key(id)).await
    }

    /// No longer accepts what this key sealed.
    ///
    /// # Errors
    ///
    /// It is the primary one, there is no such key, or the runner has ended. Nothing changed.
    pub async fn remove_key(&self, id: KeyId) -> Result<(), CallError<KeyFailure>> {
        self.change_keys(move |keys| keys.remove(id)).await
    }

    /// Takes another step of sealing: see [`Sealing`].
    ///
    /// # Errors
    ///
    /// It has no keys, its metadata would not fit into a datagram, or the runner has ended.
    /// Nothing changed.
    pub async fn set_sealing(&self, sealing: Sealing) -> Result<(), CallError<KeyFailure>> {
        let is_set = self.call(move |node, _| node.set_sealing(sealing)).await?;
        match is_set.map_err(KeyFailure::from).map_err(Refused)? {
            true => Ok(()),
            false => Err(Refused(KeyFailure::NoKeys)),
        }
    }

    async fn change_keys(
        &self,
        change: impl FnOnce(&mut KeyRing) -> Result<(), KeyError> + Send + 'static,
    ) -> Result<(), CallError<KeyFailure>> {
        let changed = self.call(|node, _| match node.change_keys(change) {
            Some(changed) => changed.map_err(KeyFailure::Ring),
            None => Err(KeyFailure::NoKeys),
        });
        changed.await?.map_err(Refused)
    }

    /// The counters of the protocol.
    ///
    /// # Errors
    ///
    /// The runner has ended.
    pub async fn stats(&self) -> Result<Stats, Closed> {
        self.call(|node, _| *node.stats()).await
    }

    /// The counters of the sockets, without waiting for the protocol.
    pub fn socket_stats(&self) -> SocketStats {
        self.shared.counters.snapshot()
    }

    /// What is wrong with the [state kept across restarts](crate::Options::state_dir), if anything
    /// is: it was of no use at the start, or the latest could not be written, until it is.
    pub fn state_trouble(&self) -> Option<StateTrouble> {
        self.shared.state_trouble()
    }

    /// How far the [trace](crate::Options::trace) has come, and why it has ended if it has; `None`
    /// if none was asked for.
    pub fn trace_progress(&self) -> Option<Progress> {
        self.shared.trace.as_ref().map(Trace::progress)
    }

    /// Ends the runner at once and without a goodbye, as a crash would: others will have to find
    /// out. Resolves when it has ended and its sockets are closed; waits for ever if the runner
    /// is kept and never run.
    pub async fn shutdown(&self) {
        // Refused only if it has ended already.
        let _ = self.commands.send(Command::Shutdown).await;
        self.commands.closed().await;
    }

    async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Node, Instant) -> T + Send + 'static,
    ) -> Result<T, Closed> {
        let answer = |reply: oneshot::Sender<T>| -> Call {
            Box::new(move |node, now| {
                let outcome = call(node, now);
                // Whoever asked may have gone.
                Box::new(move || drop(reply.send(outcome)))
            })
        };
        self.ask(|reply| Command::Call(answer(reply))).await
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Closed> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Closed)?;
        answer.await.map_err(|_| Closed)
    }
}

/// The runner has ended, or was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this member has ended")
    }
}

impl std::error::Error for Closed {}

/// The keys of this member are what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFailure {
    /// It has none: [`Swim::seal`] gives it some.
    NoKeys,
    /// The ring does not take the change: the caller's fault.
    Ring(KeyError),
    /// Its metadata would not fit into a sealed datagram.
    MetadataTooLong(MetadataTooLong),
    /// The system has no randomness to give.
    NoRandomness(io::ErrorKind),
}

impl fmt::Display for KeyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeys => f.write_str("this member has no keys"),
            Self::Ring(error) => error.fmt(f),
            Self::MetadataTooLong(error) => error.fmt(f),
            Self::NoRandomness(kind) => write!(f, "the system gives no randomness: {kind}"),
        }
    }
}

impl std::error::Error for KeyFailure {}

impl From<MetadataTooLong> for KeyFailure {
    fn from(error: MetadataTooLong) -> Self {
        Self::MetadataTooLong(error)
    }
}

/// A call was not obeyed, and nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The protocol does not allow it: the caller's fault.
    Refused(E),
    /// The runner has ended.
    Closed,
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Closed => Closed.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for CallError<E> {}

impl<E> From<Closed> for CallError<E> {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}
