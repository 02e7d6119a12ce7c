//! A server: swim-tokio, in this process.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use swim_embassy::swim_core::{Config, NodeId};
use swim_tokio::{Event, Events, Options, Swim, Update};
use tokio::runtime::Runtime;

use crate::board::View;

/// A running server.
pub struct Server {
    pub name: String,
    pub address: SocketAddrV4,
    swim: Swim,
    heard: Arc<Mutex<Heard>>,
}

/// What its events said, and how long after its start.
#[derive(Default)]
struct Heard {
    events: Vec<(Duration, Event<SocketAddr>)>,
    /// What else: from then on the rest may be incomplete.
    gap: Option<Update>,
}

impl Server {
    /// Starts one that looks for a cluster at `seeds`.
    pub fn start(
        runtime: &Runtime,
        name: &str,
        address: SocketAddrV4,
        config: Config,
        seeds: &[SocketAddrV4],
    ) -> Self {
        let options = Options { name: Some(name.into()), config, ..Options::new(address.into()) };
        let (swim, runner) =
            runtime.block_on(swim_tokio::bind(options)).expect("an address that was free");
        let heard = Arc::default();
        runtime.spawn(listen(swim.events(), Arc::clone(&heard)));
        runtime.spawn(runner.run());
        runtime.block_on(swim.keep_joining(seeds.iter().map(|seed| seed.to_string())));
        Self { name: name.to_owned(), address, swim, heard }
    }

    pub fn id(&self) -> NodeId {
        self.swim.id()
    }

    /// What it believes now.
    pub fn view(&self) -> View {
        let members = self.swim.members();
        members.into_iter().map(|member| (member.id, member.status.to_string())).collect()
    }

    /// Whom it has ever declared dead, or heard that it is.
    pub fn dead(&self) -> Vec<NodeId> {
        self.told(|event| matches!(event, Event::MemberDead(_)))
    }

    /// Whom it has ever suspected, or heard that somebody does.
    pub fn suspected(&self) -> Vec<NodeId> {
        self.told(|event| matches!(event, Event::MemberSuspected(_)))
    }

    fn told(&self, is_meant: impl Fn(&Event<SocketAddr>) -> bool) -> Vec<NodeId> {
        let heard = self.heard();
        let meant = heard.events.iter().map(|(_, event)| event).filter(|event| is_meant(event));
        meant.filter_map(Event::member).collect()
    }

    pub fn forget_what_it_heard(&self) {
        self.heard.lock().unwrap().events.clear();
    }

    /// All that was heard so far, without a gap.
    fn heard(&self) -> MutexGuard<'_, Heard> {
        let heard = self.heard.lock().unwrap();
        assert!(heard.gap.is_none(), "{} missed events: {:?}", self.name, heard.gap);
        heard
    }

    /// Ends it without a goodbye.
    pub fn kill(self, runtime: &Runtime) {
        runtime.block_on(self.swim.shutdown());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} heard:", self.name);
            // Who misses an event panics with the lock in hand.
            let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            for (at, event) in &heard.events {
                eprintln!("{event:?} at_ms={}", at.as_millis());
            }
        }
    }
}

async fn listen(mut events: Events, heard: Arc<Mutex<Heard>>) {
    let start = Instant::now();
    while let Some(update) = events.next().await {
        let mut heard = heard.lock().unwrap();
        match update {
            Update::Event { event, .. } => heard.events.push((start.elapsed(), event)),
            other => heard.gap = Some(other),
        }
    }
}
