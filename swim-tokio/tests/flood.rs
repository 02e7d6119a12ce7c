//! Junk at the rate of a small attack against one of five members.

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use common::{Peer, ends, eventually, options};
use swim_tokio::swim_core::KEY_LEN;
use swim_tokio::{Config, Event, Events, Key, KeyId, KeyRing, NodeId, Options, Update};
use tokio::sync::Mutex;
use tokio::time;

const PACKETS_PER_SECOND: u32 = 50_000;
/// Sent back to back, then a pause: threads do not sleep for less.
const BURST: u32 = 100;
/// Below it a long flood shows nothing: the machine is too slow, or has other work.
const PACKETS_PER_SECOND_MIN: f64 = 40_000.0;
/// One flood at a time, or none is one.
static FLOODING: Mutex<()> = Mutex::const_new(());
const MEMBERS: usize = 5;
/// What five members may take on beside the flood, for buffers that grow to their size once.
const MEMORY_MARGIN: u64 = 16 << 20;
/// Of most machines; on others the figure is too small.
const PAGE_LEN: u64 = 4_096;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_at_one_member_kills_nobody() {
    withstand(None, Duration::from_secs(3)).await;
}

/// The dearest junk there is: all that tells it from a packet is its tag.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_packets_at_one_member_kill_nobody() {
    withstand(Some(Key::new([7; KEY_LEN])), Duration::from_secs(3)).await;
}

/// For `.ci/run hours`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "twenty seconds at full load"]
async fn junk_at_one_member_for_long_kills_nobody() {
    for key in [None, Some(Key::new([7; KEY_LEN]))] {
        let rate = withstand(key, Duration::from_secs(10)).await;
        if rate < PACKETS_PER_SECOND_MIN {
            println!("skipped: {rate:.0} packets a second are no flood of the size meant");
        }
    }
}

/// The members run with the defaults of a LAN. Returns how many packets came a second.
async fn withstand(key: Option<Key>, duration: Duration) -> f64 {
    let _alone = FLOODING.lock().await;
    let peers = lan(MEMBERS, key.as_ref()).await;
    let key_id = key.map(|key| key.id());
    let has_key = key_id.is_some();
    let mut events: Vec<_> = peers.iter().map(|peer| peer.swim.events()).collect();
    let (target, id) = (peers[0].swim.local_addr(), peers[0].id());
    let memory_before = resident_bytes();
    let flood = std::thread::spawn(move || flood(target, Junk::new(id, key_id), duration));
    let news_within = news_pass(&peers, || flood.is_finished()).await;
    let (sent, took) = flood.join().expect("it only sends");
    let growth =
        memory_before.zip(resident_bytes()).map(|(before, after)| after.saturating_sub(before));
    let stats = ends("the target", peers[0].swim.stats()).await.expect("it runs");
    let rejected = [
        stats.rejected_malformed,
        stats.rejected_version,
        stats.rejected_unsealed,
        stats.rejected_forged,
    ];
    let read = rejected.iter().sum::<u64>() + stats.packets_received;
    println!(
        "{sent} packets in {took:?}, {read} of them read, {} as forged; the slowest news took \
         {news_within:?}; memory grew by {growth:?} bytes",
        stats.rejected_forged
    );
    assert!(read > u64::from(sent) / 2, "it was no flood: {stats:?}");
    assert!(!has_key || stats.rejected_forged > u64::from(sent) / 10, "not forged: {stats:?}");
    assert!(growth.is_none_or(|growth| growth < MEMORY_MARGIN), "{growth:?}");
    println!("{} suspicions", suspicions(&mut events).await);
    let all_live = || peers.iter().all(|peer| peer.swim.live_count() == MEMBERS);
    eventually("all know all", all_live).await;
    f64::from(sent) / took.as_secs_f64()
}

/// Lets news go from one member to the flooded one, again and again; returns what the slowest took.
async fn news_pass(peers: &[Peer], done: impl Fn() -> bool) -> Duration {
    let [flooded, other, ..] = peers else { panic!("too few members") };
    let mut slowest = Duration::ZERO;
    for round in (0..=u8::MAX).cycle() {
        let begun = Instant::now();
        other.swim.set_metadata(vec![round]).await.expect("it is short");
        let has_it = || flooded.swim.member(other.id()).is_some_and(|it| *it.metadata == [round]);
        eventually("news gets through", has_it).await;
        slowest = slowest.max(begun.elapsed());
        if done() {
            break;
        }
    }
    slowest
}

/// Reads what has happened to `peers` so far: how many suspicions there were. No death.
async fn suspicions(events: &mut [Events]) -> usize {
    let mut suspicions = 0;
    for events in events {
        while let Ok(Some(update)) = time::timeout(Duration::from_millis(10), events.next()).await {
            let Update::Event { event, .. } = update else { panic!("{update:?}") };
            assert!(!matches!(event, Event::MemberDead(_)), "{event:?}");
            suspicions += usize::from(matches!(event, Event::MemberSuspected(_)));
        }
    }
    suspicions
}

async fn lan(count: usize, key: Option<&Key>) -> Vec<Peer> {
    let mut peers = Vec::new();
    for number in 0..count {
        let name = format!("peer-{number}");
        peers.push(
            Peer::start(Options {
                config: Config::lan(),
                keys: key.cloned().map(KeyRing::new),
                ..options(&name)
            })
            .await,
        );
    }
    for peer in &peers[1..] {
        peer.swim.keep_joining([peers[0].addr()]).await;
    }
    eventually("all know all", || peers.iter().all(|peer| peer.swim.live_count() == count)).await;
    peers
}

/// Sends junk until `duration` is over; returns how many packets in what time.
fn flood(target: SocketAddr, mut junk: Junk, duration: Duration) -> (u32, Duration) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let (begun, mut sent) = (Instant::now(), 0);
    while begun.elapsed() < duration {
        for _ in 0..BURST {
            let _ = socket.send_to(junk.next(), target);
        }
        sent += BURST;
        let due = begun + Duration::from_secs(1) * sent / PACKETS_PER_SECOND;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    (sent, begun.elapsed())
}

/// Random bytes, the right header with random frames, and, in turn with these, valid pings from
/// nobody or packets that pretend to be sealed.
struct Junk {
    random: fastrand::Rng,
    target: NodeId,
    key: Option<KeyId>,
    packet: Vec<u8>,
    turn: u64,
}

impl Junk {
    fn new(target: NodeId, key: Option<KeyId>) -> Self {
        Self { random: fastrand::Rng::with_seed(6), target, key, packet: Vec::new(), turn: 0 }
    }

    fn next(&mut self) -> &[u8] {
        self.turn += 1;
        self.packet.clear();
        match self.turn % 3 {
            0 => self.noise(),
            1 => {
                self.header();
                self.noise();
            }
            _ => match self.key {
                None => {
                    self.header();
                    self.ping();
                }
                Some(key) => {
                    self.envelope(key);
                    self.noise();
                }
            },
        }
        &self.packet
    }

    fn noise(&mut self) {
        let len = self.random.usize(1..1_200);
        self.packet.extend(std::iter::repeat_with(|| self.random.u8(..)).take(len));
    }

    /// Version, flags, the label that is no label, a sender of this packet alone, its incarnation,
    /// and no round.
    fn header(&mut self) {
        self.packet.extend([1, 0]);
        self.packet.extend([0; 4]);
        varint(self.turn, &mut self.packet);
        self.packet.extend([0, 0, 0]);
    }

    /// Version, the flag of sealed packets, the label, the key, salt and moment.
    fn envelope(&mut self, KeyId(key): KeyId) {
        self.packet.extend([1, 1, 0, 0, 0, 0]);
        self.packet.extend(key.to_le_bytes());
        self.packet.extend([self.random.u8(..); 12]);
    }

    /// A number, the target, no belief, no digest.
    fn ping(&mut self) {
        const PING: u8 = 1;
        let mut body = self.random.u32(..).to_le_bytes().to_vec();
        varint(self.target.number(), &mut body);
        body.extend([0, 0]);
        self.packet.extend([body.len() as u8, PING]);
        self.packet.extend(body);
    }
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Memory of this process that is in use; `None` where nobody tells.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_LEN)
}
