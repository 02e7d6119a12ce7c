//! What the runner and the handles have in common.

use std::net::SocketAddr;

use swim_core::NodeId;
use swim_core::storage::Growable;

use crate::counters::Counters;
use crate::view::View;

pub(crate) type Node = swim_core::Node<SocketAddr, Growable>;

/// What handles read without asking the runner.
#[derive(Debug)]
pub(crate) struct Shared {
    pub id: NodeId,
    pub local_addr: SocketAddr,
    pub advertised: SocketAddr,
    pub view: View,
    pub counters: Counters,
}
