//! A server: swim-tokio, in this process.

use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex};

use swim_embassy::swim_core::{Config, NodeId};
use swim_tokio::{Event, Events, Options, Swim, Update};
use tokio::runtime::Runtime;

use crate::board::View;

/// A running server.
pub struct Server {
    pub name: String,
    pub address: SocketAddrV4,
    swim: Swim,
    dead: Arc<Mutex<Vec<NodeId>>>,
    suspected: Arc<Mutex<Vec<NodeId>>>,
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
        let (dead, suspected) = <(Arc<_>, Arc<_>)>::default();
        runtime.spawn(listen(swim.events(), Arc::clone(&dead), Arc::clone(&suspected)));
        runtime.spawn(runner.run());
        runtime.block_on(swim.keep_joining(seeds.iter().map(|seed| seed.to_string())));
        Self { name: name.to_owned(), address, swim, dead, suspected }
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
        self.dead.lock().unwrap().clone()
    }

    /// Whom it has ever suspected, or heard that somebody does.
    pub fn suspected(&self) -> Vec<NodeId> {
        self.suspected.lock().unwrap().clone()
    }

    /// Ends it without a goodbye.
    pub fn kill(self, runtime: &Runtime) {
        runtime.block_on(self.swim.shutdown());
    }
}

async fn listen(
    mut events: Events,
    dead: Arc<Mutex<Vec<NodeId>>>,
    suspected: Arc<Mutex<Vec<NodeId>>>,
) {
    while let Some(update) = events.next().await {
        let Update::Event { event, .. } = update else { panic!("{update:?}") };
        match event {
            Event::MemberDead(id) => dead.lock().unwrap().push(id),
            Event::MemberSuspected(id) => suspected.lock().unwrap().push(id),
            _ => {}
        }
    }
}
