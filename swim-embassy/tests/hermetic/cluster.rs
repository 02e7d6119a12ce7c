//! What members do together when nothing is wrong.

use swim_embassy::swim_core::{Config, Event, Standing, Status};
use swim_embassy::{JoinError, Options};

use crate::world::{World, endpoint, id, secs};

#[test]
fn boards_find_each_other_through_one_seed() {
    let mut world = World::new(1);
    let boards = world.cluster(6, Options::default());
    let took = world.run_until(secs(15), || boards.iter().all(|b| b.living().len() == 6));
    eprintln!("joined after {took:?}");
    for board in &boards {
        assert_eq!(board.living(), [1, 2, 3, 4, 5, 6]);
        eprintln!("{:?}", board.swim.counters());
    }
    assert!(boards[3].was_told(Event::Joined { seed: endpoint(1), by: id(1) }));
    assert!(boards[0].was_told(Event::MemberJoined(id(4))));
}
