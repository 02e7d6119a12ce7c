//! What the runner and the handles have in common.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use swim_core::NodeId;
use swim_core::storage::Growable;
use swim_core::trace::{Trace, Traced};

use crate::allow::AllowList;
use crate::counters::Counters;
use crate::seeds::SeedStatus;
use crate::state::StateTrouble;
use crate::view::View;

/// Everything that is done to it can be recorded.
pub(crate) type Node = Traced<SocketAddr, Growable>;

/// What handles read without asking the runner.
#[derive(Debug)]
pub(crate) struct Shared {
    pub id: NodeId,
    pub local_addr: SocketAddr,
    pub advertised: SocketAddr,
    pub allow: AllowList,
    pub view: View,
    pub counters: Counters,
    pub state_trouble: Mutex<Option<StateTrouble>>,
    pub seeds: Mutex<Vec<SeedStatus>>,
    pub trace: Option<Trace>,
}

impl Shared {
    pub fn state_trouble(&self) -> Option<StateTrouble> {
        self.state_trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_state_trouble(&self, trouble: Option<StateTrouble>) {
        *self.state_trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub fn seeds(&self) -> Vec<SeedStatus> {
        self.seeds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_seeds(&self, seeds: Vec<SeedStatus>) {
        *self.seeds.lock().unwrap_or_else(PoisonError::into_inner) = seeds;
    }
}
