//! Boards with keys.

use swim_embassy::Options;
use swim_embassy::swim_core::{Event, Key, KeyRing, Nonces, Sealing};

use crate::world::{Board, World, endpoint, id, secs};

fn key(byte: u8) -> Key {
    Key::new([byte; 32])
}

fn seal(board: &Board, key: Key) {
    let nonces = Nonces { salt: board.number.into(), seconds: 0 };
    board.swim.seal(KeyRing::new(key), Sealing::Require, nonces).unwrap();
}

#[test]
fn boards_with_one_key_find_each_other_and_change_it() {
    let mut world = World::new(1);
    let boards: Vec<Board> =
        (1..=4).map(|number| world.board(number, Options::default())).collect();
    boards.iter().for_each(|board| seal(board, key(1)));
    boards[1..].iter().for_each(|board| board.swim.join(endpoint(1)).unwrap());
    world.run_until(secs(20), || boards.iter().all(|board| board.living() == [1, 2, 3, 4]));
    for board in &boards {
        board.swim.change_keys(|keys| keys.add(key(2))).unwrap().unwrap();
        world.run_for(secs(3));
    }
    for board in &boards {
        board.swim.change_keys(|keys| keys.use_key(key(2).id())).unwrap().unwrap();
        world.run_for(secs(3));
    }
    for board in &boards {
        board.swim.change_keys(|keys| keys.remove(key(1).id())).unwrap().unwrap();
        assert_eq!(board.swim.key_ids(), [key(2).id()]);
        world.run_for(secs(3));
    }
    for board in &boards {
        let stats = board.swim.stats();
        assert_eq!((board.living(), stats.suspected), (vec![1, 2, 3, 4], 0));
        assert_eq!((stats.rejected_unknown_key, stats.rejected_forged), (0, 0));
    }
}

#[test]
fn a_board_with_another_key_stays_outside_and_is_told_why() {
    let mut world = World::new(2);
    let boards: Vec<Board> =
        (1..=3).map(|number| world.board(number, Options::default())).collect();
    let keys = [key(1), key(1), key(3)];
    boards.iter().zip(keys).for_each(|(board, key)| seal(board, key));
    boards[1..].iter().for_each(|board| board.swim.join(endpoint(1)).unwrap());
    world.run_for(secs(30));
    assert_eq!((boards[0].living(), boards[2].living()), (vec![1, 2], vec![3]));
    assert!(boards[0].swim.member(id(3)).is_none());
    let unknown = Event::UnknownKey { key_id: key(1).id(), from: endpoint(1) };
    assert!(boards[2].told().iter().any(|(_, event)| *event == Ok(unknown)));
    assert_eq!(boards[2].swim.set_sealing(Sealing::Send), Ok(true));
}
