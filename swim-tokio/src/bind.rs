//! How a member is made of its options.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use swim_core::storage::Growable;
use swim_core::{Identity, Incarnation};

use crate::allow::AllowList;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::handle::Swim;
use crate::keeper::{Keeper, Kept};
use crate::options::{BindError, Options, nonces};
use crate::runner::Runner;
use crate::shared::{Node, Shared};
use crate::socket;
use crate::view::View;

/// Opens the sockets and makes a member that knows nobody yet: see [`Swim::join`].
///
/// Nothing happens before the [`Runner`] runs. To be called inside a tokio runtime with I/O and
/// time enabled.
///
/// # Errors
///
/// The address cannot be listened on, the state of this member cannot be kept where it should be,
/// or the options do not make a node. Nothing stays open.
pub async fn bind(options: Options) -> Result<(Swim, Runner), BindError> {
    let (datagrams, listener) = socket::open(options.bind)?;
    let local_addr = datagrams.local_addr;
    let advertised = socket::advertised(local_addr, options.advertise);
    let allow = AllowList::new(options.allow.as_deref());
    if !allow.is_empty() && !allow.permits(advertised) {
        return Err(BindError::NotAllowed { advertised });
    }
    let clock = Clock::start();
    let id = options.node_id();
    let kept = Kept::read(&options, id).await?;
    let former = kept.as_ref().and_then(Kept::me);
    let identity = Identity {
        metadata: &options.metadata,
        incarnation: former.map_or(Incarnation::default(), |former| former.incarnation.next()),
        patience: former.map_or(Duration::ZERO, |former| former.patience),
        ..Identity::new(id, advertised)
    };
    let storage = Growable::new(options.members_max, options.metadata_len_max);
    let seed = options.node_seed();
    let mut node = Node::new(identity, options.config, storage, seed, clock.now())?;
    if let Some(predicate) = allow.predicate() {
        node.allow(predicate);
    }
    if let Some(keys) = options.keys.clone() {
        let nonces = nonces().map_err(BindError::NoRandomness)?;
        node.seal(keys, options.sealing, nonces, clock.now())
            .map_err(BindError::MetadataTooLong)?;
    }

    let listener = tokio::net::TcpListener::from_std(listener)
        .map_err(|source| BindError::Socket { address: options.bind, source })?;
    let shared = Arc::new(Shared {
        id: node.id(),
        local_addr,
        advertised,
        allow,
        view: View::default(),
        counters: Counters::default(),
        state_trouble: Mutex::new(kept.as_ref().and_then(Kept::trouble)),
        seeds: Mutex::default(),
    });
    let keeper = match kept {
        Some(kept) => {
            Some(Keeper::begin(kept, &node, (seed, clock.now()), Arc::clone(&shared)).await?)
        }
        None => None,
    };
    Ok(Runner::new(node, clock, datagrams, listener, keeper, shared, &options))
}
