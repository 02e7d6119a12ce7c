//! foca 2: postcard codec, addresses as identities, no broadcasts of the application's.

use std::hint::black_box;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use foca::{
    Codec, Config, Header, Member, Message, NoCustomBroadcast, Notification, PostcardCodec,
    Runtime, State, Timer,
};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::{DATAGRAM_LEN_MAX, Datagram, Peer, address, own_address};

/// Filling its queue takes the square of the number of members: minutes, beyond this.
const BACKLOG_MEMBERS_MAX: usize = 10_000;

pub struct Foca {
    foca: foca::Foca<SocketAddr, PostcardCodec, SmallRng, NoCustomBroadcast>,
    driver: Driver,
}

/// What a driver would send and schedule.
#[derive(Default)]
struct Driver {
    sent_to: Option<SocketAddr>,
    sent: Vec<u8>,
    probe: Option<Timer<SocketAddr>>,
    indirect_probe: Option<Timer<SocketAddr>>,
    gossip: Option<Timer<SocketAddr>>,
}

impl Foca {
    pub fn new(members: usize) -> Self {
        let size = u32::try_from(members).ok().and_then(NonZeroU32::new).expect("some members");
        let rng = SmallRng::seed_from_u64(1);
        let mut foca = foca::Foca::new(own_address(), Config::new_lan(size), rng, PostcardCodec);
        let mut driver = Driver::default();
        let all = (0..members).map(|member| Member::alive(address(member)));
        foca.apply_many(all, false, &mut driver).expect("members");
        assert_eq!(foca.iter_members().count(), members);
        Self { foca, driver }
    }

    fn timer(&mut self, timer: Option<Timer<SocketAddr>>) {
        self.foca.handle_timer(timer.expect("a timer"), &mut self.driver).expect("in order");
    }
}

impl Peer for Foca {
    fn backlog_members_max(&self) -> usize {
        BACKLOG_MEMBERS_MAX
    }

    fn ping_from(&self, member: usize, updates: &[(usize, u16)]) -> Datagram {
        datagram(address(member), Message::Ping(7), updates)
    }

    fn handle(&mut self, datagram: &Datagram) {
        self.foca.handle_data(&datagram.bytes, &mut self.driver).expect("a packet");
    }

    fn gossip_tick(&mut self) {
        let timer = self.driver.gossip.take();
        self.timer(timer);
    }

    // Its clock is whoever hands the timers in.
    fn await_probe(&mut self) {}

    fn probe_tick(&mut self) {
        let timer = self.driver.probe.take();
        self.timer(timer);
    }

    fn answer_probe(&mut self) {
        let header: Header<SocketAddr> =
            PostcardCodec.decode_header(&self.driver.sent[..]).expect("a header");
        let Message::Ping(number) = header.message else { panic!("not a ping: {header:?}") };
        let to = self.driver.sent_to.expect("a probe");
        self.handle(&datagram(to, Message::Ack(number), &[]));
        let timer = self.driver.indirect_probe.take();
        self.timer(timer);
    }

    fn has_news(&self) -> bool {
        self.foca.updates_backlog() > 0
    }
}

impl Runtime<SocketAddr> for &mut Driver {
    fn notify(&mut self, notification: Notification<'_, SocketAddr>) {
        black_box(notification);
    }

    fn send_to(&mut self, to: SocketAddr, data: &[u8]) {
        self.sent_to = Some(to);
        self.sent.clear();
        self.sent.extend_from_slice(data);
    }

    fn submit_after(&mut self, timer: Timer<SocketAddr>, after: Duration) {
        black_box(after);
        match timer {
            Timer::ProbeRandomMember(_) => self.probe = Some(timer),
            Timer::SendIndirectProbe { .. } => self.indirect_probe = Some(timer),
            Timer::PeriodicGossip(_) => self.gossip = Some(timer),
            _ => {}
        }
    }
}

fn datagram(from: SocketAddr, message: Message<SocketAddr>, updates: &[(usize, u16)]) -> Datagram {
    let mut bytes = Vec::new();
    let header = Header { src: from, src_incarnation: 0, dst: own_address(), message };
    PostcardCodec.encode_header(&header, &mut bytes).expect("a header");
    let count = u16::try_from(updates.len()).expect("a packet");
    bytes.extend(count.to_be_bytes());
    for &(member, incarnation) in updates {
        let member = Member::new(address(member), incarnation, State::Alive);
        PostcardCodec.encode_member(&member, &mut bytes).expect("a member");
    }
    assert!(bytes.len() <= DATAGRAM_LEN_MAX, "too many updates");
    Datagram { from, bytes }
}
