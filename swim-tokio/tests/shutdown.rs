//! The end: everything ends, and nothing stays open.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::{Peer, cluster, ends, eventually, options};
use swim_tokio::{CallError, Closed, Options};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn shutdown_ends_every_task_and_frees_the_port() {
    let tasks_before = tasks();
    let stream_timeout = Duration::from_secs(3_600);
    let peer = Peer::start(Options { stream_timeout, ..options("alone") }).await;
    let stream = TcpStream::connect(peer.swim.local_addr()).await.expect("it listens");
    eventually("a connection is open", || peer.swim.socket_stats().streams_accepted == 1).await;
    assert!(tasks() > tasks_before + 1, "a runner and its children");

    ends("shutdown", peer.swim.shutdown()).await;
    ends("the runner", peer.task).await.expect("it did not panic");
    assert_eq!(tasks(), tasks_before);
    drop(stream);
    Peer::start(Options { bind: peer.swim.local_addr(), ..options("next") }).await;
}

#[tokio::test]
async fn commands_after_the_end_say_so() {
    let peer = Peer::named("alone").await;
    ends("shutdown", peer.swim.shutdown()).await;
    assert_eq!(peer.swim.leave().await, Err(Closed));
    assert_eq!(peer.swim.stats().await, Err(Closed));
    assert_eq!(peer.swim.set_metadata(Vec::new()).await, Err(CallError::Closed));
    ends("shutdown again", peer.swim.shutdown()).await;
    assert_eq!(peer.swim.members().len(), 1, "the last view stays");
}

#[tokio::test]
async fn a_dropped_runner_ends_the_member() {
    let peer = Peer::named("alone").await;
    peer.task.abort();
    assert!(ends("the runner", peer.task).await.expect_err("aborted").is_cancelled());
    assert_eq!(peer.swim.leave().await, Err(Closed));
    ends("shutdown", peer.swim.shutdown()).await;
    let bind: SocketAddr = peer.swim.local_addr();
    let is_free = async {
        while swim_tokio::bind(Options { bind, ..options("next") }).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    ends("the port", is_free).await;
}

#[tokio::test]
async fn a_departed_member_ends_with_its_last_handle() {
    let peer = Peer::named("alone").await;
    ends("leave", peer.swim.leave()).await.expect("it runs");
    let clone = peer.swim.clone();
    drop(peer.swim);
    assert!(clone.stats().await.is_ok(), "a handle is left");
    drop(clone);
    ends("the runner", peer.task).await.expect("it did not panic");
}

#[tokio::test]
async fn a_member_without_handles_goes_on() {
    let mut peers = cluster(2).await;
    let silent = peers.pop().expect("two");
    let id = silent.id();
    drop(silent.swim);
    let seed = &peers[0];
    let newcomer = Peer::named("newcomer").await;
    newcomer.join(seed).await;
    eventually("it answers still", || {
        newcomer.swim.member(id).is_some_and(|member| member.status.is_live())
    })
    .await;
    assert!(!silent.task.is_finished());
}
