//! How a member is made of its options.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use swim_core::storage::Growable;
use swim_core::trace::Recording;
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
use crate::trace::TraceFile;
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
    let trace_file = trace_file(&options)?;
    let trace = trace_file.as_ref().map(|file| file.trace().clone());
    let recording = trace.clone().map(|trace| Recording::new(trace, 0));
    let mut node = Node::new(identity, options.config, storage, seed, clock.now(), recording)?;
    if let Some(predicate) = allow.predicate() {
        node.allow(predicate, &allow.name());
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
        trace,
    });
    let keeper = match kept {
        Some(kept) => {
            Some(Keeper::begin(kept, &node, (seed, clock.now()), Arc::clone(&shared)).await?)
        }
        None => None,
    };
    let sockets = (datagrams, listener);
    let trace_file = trace_file.map(TraceFile::keep);
    Ok(Runner::new((node, clock), sockets, (keeper, trace_file), shared, &options))
}

fn trace_file(options: &Options) -> Result<Option<TraceFile>, BindError> {
    let Some(path) = &options.trace else { return Ok(None) };
    let file = TraceFile::create(path, options.trace_len_max);
    file.map(Some).map_err(|source| BindError::Trace { path: path.clone(), source })
}
