//! What members do together.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use swim_embassy::swim_core::{self, BadAddress, Config, Event, Identity, Standing, Status};
use swim_embassy::{Endpoint, JoinError, NewError, Options, Resources};

use crate::world::{World, endpoint, id, ip, now, secs};

#[test]
fn boards_find_each_other_through_one_seed() {
    let mut world = World::new(1);
    let boards = world.cluster(6, Options::default());
    world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 6));
    for board in &boards {
        assert_eq!(board.living(), [1, 2, 3, 4, 5, 6]);
    }
    assert!(boards[3].was_told(Event::Joined { seed: endpoint(1), by: id(1) }));
    assert!(boards[0].was_told(Event::MemberJoined(id(4))));
}

#[test]
fn a_fifth_of_all_frames_lost_kills_nobody() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        world.hub.loss = 20;
        let boards = world.cluster(6, Options::default());
        world.run_until(secs(60), || boards.iter().all(|board| board.living().len() == 6));
        world.run_for(secs(120));
        for board in &boards {
            assert_eq!(board.living(), [1, 2, 3, 4, 5, 6], "seed {seed}");
            assert_eq!(board.swim.stats().died, 0, "seed {seed}");
        }
    }
}

#[test]
fn metadata_and_its_changes_are_seen_by_all() {
    let mut world = World::new(2);
    let boards = world.cluster(4, Options::default());
    let first = world.board_with_metadata(5, Options::default(), b"v1");
    first.swim.join(endpoint(2)).unwrap();
    let shows = |metadata: &[u8]| {
        boards
            .iter()
            .all(|board| board.swim.member(id(5)).is_some_and(|member| member.metadata == metadata))
    };
    world.run_until(secs(10), || shows(b"v1"));
    first.swim.set_metadata(b"v2 longer").unwrap();
    assert_eq!(first.swim.me().metadata, b"v2 longer");
    world.run_until(secs(5), || shows(b"v2 longer"));
    world.run_for(secs(1));
    assert!(boards.iter().all(|board| board.was_told(Event::MemberUpdated(id(5)))));
    let too_long = first.swim.set_metadata(&[0; 17]).unwrap_err();
    assert_eq!((too_long.len, too_long.len_max), (17, 16));
}

#[test]
fn who_leaves_is_held_for_left_and_may_come_back() {
    let mut world = World::new(3);
    let boards = world.cluster(5, Options::default());
    world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 5));
    let (swim, left_at) = (boards[4].swim, Rc::new(Cell::new(None)));
    let noted = Rc::clone(&left_at);
    world.spawn(5, async move {
        swim.leave().await;
        noted.set(Some(now()));
    });
    let others = &boards[..4];
    world.run_until(secs(10), || {
        left_at.get().is_some() && others.iter().all(|b| b.status(5) == Some(Status::Left))
    });
    assert_eq!(swim.standing(), Standing::Departed);
    assert!(others.iter().all(|board| board.was_told(Event::MemberLeft(id(5)))));
    assert!(others.iter().all(|board| !board.was_told(Event::MemberDead(id(5)))));

    // The handle lives on, and says what cannot be done any more.
    let refused = JoinError::Node(swim_core::JoinError::NotAlive);
    assert_eq!(swim.join(endpoint(1)), Err(refused));
    assert_eq!(swim.live_count(), 5);
    swim.rejoin();
    world.run_until(secs(10), || others.iter().all(|board| board.living().len() == 5));
}

#[test]
fn a_board_that_is_given_another_address_is_found_there() {
    let mut world = World::new(8);
    let boards = world.cluster(4, Options::default());
    let stack = world.stack(5);
    let resources = Box::leak(Box::new(Resources::<8, 0>::new()));
    let identity = Identity::new(id(5), endpoint(5));
    let (swim, runner) =
        swim_embassy::new(stack, resources, identity, Options::default(), 1).unwrap();
    world.spawn(5, async move { runner.run().await });
    swim.join(endpoint(1)).unwrap();
    world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 5));
    stack.set_config_v4(World::address(77));
    swim.set_ip(ip(77)).unwrap();
    assert_eq!(swim.set_ip([0, 0, 0, 0].into()), Err(BadAddress));
    world.run_for(secs(60));
    for board in &boards {
        assert_eq!(board.swim.member(id(5)).unwrap().address, Some(endpoint(77)));
        assert_eq!((board.living().len(), board.swim.stats().died), (5, 0));
    }
}

#[test]
fn two_tasks_may_leave_at_once() {
    let mut world = World::new(4);
    let boards = world.cluster(3, Options::default());
    world.run_for(secs(5));
    let left = Rc::new(Cell::new(0));
    for _ in 0..2 {
        let (swim, left) = (boards[0].swim, Rc::clone(&left));
        world.spawn(1, async move {
            swim.leave().await;
            left.set(left.get() + 1);
        });
    }
    world.run_until(secs(10), || left.get() == 2);
}

#[test]
fn addresses_nobody_can_be_reached_at_are_refused() {
    let mut world = World::new(5);
    let board = world.board(1, Options::default());
    let unusable = [
        Endpoint::new(ip(2), 0),
        Endpoint::new([0, 0, 0, 0].into(), 7_946),
        Endpoint::new([224, 0, 0, 251].into(), 7_946),
        Endpoint::new([255, 255, 255, 255].into(), 7_946),
        Endpoint::UNREACHABLE,
    ];
    for seed in unusable {
        assert_eq!(board.swim.join(seed), Err(JoinError::Endpoint), "{seed}");
    }
    let own = JoinError::Node(swim_core::JoinError::OwnAddress);
    assert_eq!(board.swim.join(endpoint(1)), Err(own));
}

#[test]
fn settings_that_make_no_member_are_refused() {
    let mut world = World::new(6);
    let stack = world.stack(1);
    let refuse = |identity: Identity<'_, Endpoint>, config: Config| {
        let resources = Box::leak(Box::new(Resources::<8, 4, 512>::new()));
        swim_embassy::new(stack, resources, identity, Options::new(config), 1).unwrap_err()
    };
    let small = Config { datagram_len_max: 512, ..Config::lan() };
    let identity = Identity::new(id(1), endpoint(1));
    let too_small = NewError::Datagram { len_max: 1_400, room: 512 };
    assert_eq!(refuse(identity, Config::lan()), too_small);
    let nowhere = Identity::new(id(1), Endpoint::new(ip(1), 0));
    assert_eq!(refuse(nowhere, small), NewError::Endpoint);
    let wordy = Identity { metadata: b"12345", ..identity };
    assert!(matches!(refuse(wordy, small), NewError::Node(swim_core::NewError::Metadata(_))));
    let idle = Config { gossip_nodes: 0, ..small };
    assert!(matches!(refuse(identity, idle), NewError::Node(swim_core::NewError::Config(_))));
}

#[test]
fn a_datagram_waits_neither_for_ever_nor_not_at_all() {
    let mut world = World::new(6);
    let stack = world.stack(1);
    for timeout in [Duration::ZERO, Duration::from_millis(201), secs(3_600)] {
        let resources = Box::leak(Box::new(Resources::<8, 4>::new()));
        let mut options = Options::default();
        options.flush_timeout = timeout;
        let identity = Identity::new(id(1), endpoint(1));
        let refused = swim_embassy::new(stack, resources, identity, options, 1).unwrap_err();
        assert_eq!(refused, NewError::FlushTimeout { timeout });
    }
}

#[test]
fn one_seed_gives_one_history() {
    let trace = |seed| {
        let mut world = World::new(seed);
        (world.hub.loss, world.hub.cut) = (10, 5);
        let boards = world.cluster(6, Options::default());
        world.run_for(secs(30));
        world.kill(&boards[5]);
        world.run_for(secs(90));
        world.hub.trace
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}
