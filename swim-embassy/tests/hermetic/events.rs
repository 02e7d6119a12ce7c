//! Subscribers, fast and slow.

use swim_embassy::swim_core::Event;
use swim_embassy::{EVENTS_MAX, Lagged, Options, SUBSCRIBERS_MAX, TooManySubscribers};

use crate::world::{World, id, secs};

#[test]
fn a_slow_subscriber_lags_and_holds_up_nobody() {
    let mut world = World::new(1);
    let boards = world.cluster(4, Options::default());
    world.run_until(secs(10), || boards.iter().all(|board| board.living().len() == 4));
    let mut slow = boards[0].swim.events().unwrap();
    let changes = EVENTS_MAX + 5;
    for number in 0..changes {
        boards[1].swim.set_metadata(&[number as u8]).unwrap();
        world.run_for(secs(3));
    }
    // The board told its other subscriber each time, and went on probing.
    let updated = Event::MemberUpdated(id(2));
    let told = boards[0].told();
    assert_eq!(told.iter().filter(|(_, event)| *event == Ok(updated)).count(), changes);
    assert!(told.iter().all(|(_, event)| event.is_ok()));
    assert_eq!(boards[0].living(), [1, 2, 3, 4]);

    assert_eq!(slow.try_next(), Err(Lagged(5)));
    for _ in 0..EVENTS_MAX {
        assert_eq!(slow.try_next(), Ok(Some(updated)));
    }
    assert_eq!(slow.try_next(), Ok(None));
}

#[test]
fn there_is_a_bound_to_subscribers_and_places_are_given_back() {
    let mut world = World::new(2);
    let board = world.board(1, Options::default());
    // One place is taken by the board's own log.
    let mut taken: Vec<_> = (1..SUBSCRIBERS_MAX).map(|_| board.swim.events().unwrap()).collect();
    assert_eq!(board.swim.events().unwrap_err(), TooManySubscribers);
    taken.pop();
    assert!(board.swim.events().is_ok());
}
