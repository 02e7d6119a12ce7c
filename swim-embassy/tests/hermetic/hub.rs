//! The Ethernet between the boards: a hub that loses, delays and cuts frames.

use std::collections::BTreeMap;

use embassy_net_driver_channel::Runner;
use embassy_net_driver_channel::driver::LinkState;

use crate::clock;
use crate::random::Random;

pub const MTU: usize = 1514;

/// How long a frame takes at least, and how much longer it may take, in microseconds.
const DELAY_MIN: u64 = 100;
const DELAY_JITTER: u64 = 400;

pub struct Hub {
    ports: Vec<Port>,
    /// By the moment of arrival and the order of sending: the receiving port and the bytes.
    under_way: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    random: Random,
    frames: u64,
    /// Frames lost, in percent.
    pub loss: u64,
    /// Frames that arrive cut short, in percent.
    pub cut: u64,
    /// FNV-1a of all frames sent, and when.
    pub trace: u64,
    /// When who has sent a UDP datagram to whom.
    pub datagrams: Vec<Datagram>,
}

struct Port {
    board: u8,
    driver: Runner<'static, MTU>,
    is_open: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    pub at: u64,
    pub from: u8,
    pub to: u8,
}

impl Hub {
    pub fn new(seed: u64) -> Self {
        Self {
            ports: Vec::new(),
            under_way: BTreeMap::new(),
            random: Random(seed),
            frames: 0,
            loss: 0,
            cut: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            datagrams: Vec::new(),
        }
    }

    pub fn plug(&mut self, board: u8, driver: Runner<'static, MTU>) {
        self.ports.push(Port { board, driver, is_open: true });
    }

    /// From now on nothing passes this board's port.
    pub fn unplug(&mut self, board: u8) {
        self.port(board).is_open = false;
    }

    /// What the board's driver says of its link.
    pub fn set_link(&mut self, board: u8, is_up: bool) {
        let state = if is_up { LinkState::Up } else { LinkState::Down };
        self.port(board).driver.set_link_state(state);
    }

    fn port(&mut self, board: u8) -> &mut Port {
        self.ports.iter_mut().find(|port| port.board == board).unwrap()
    }

    /// Takes what the boards have sent.
    pub fn collect(&mut self) {
        for number in 0..self.ports.len() {
            while let Some(frame) = self.ports[number].driver.try_tx_buf() {
                let frame = frame.to_vec();
                self.ports[number].driver.tx_done();
                if self.ports[number].is_open {
                    self.broadcast(number, &frame);
                }
            }
        }
    }

    fn broadcast(&mut self, from: usize, frame: &[u8]) {
        self.note(self.ports[from].board, frame);
        for to in (0..self.ports.len()).filter(|&to| to != from) {
            let at = clock::now() + DELAY_MIN + self.random.below(DELAY_JITTER);
            if self.random.chance(self.loss) {
                continue;
            }
            let mut frame = frame.to_vec();
            if self.random.chance(self.cut) {
                frame.truncate(self.random.below(frame.len() as u64) as usize);
            }
            self.frames += 1;
            self.under_way.insert((at, self.frames), (to, frame));
        }
    }

    fn note(&mut self, from: u8, frame: &[u8]) {
        let at = clock::now();
        for byte in at.to_le_bytes().iter().chain(frame) {
            self.trace = (self.trace ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        // An IPv4 packet of 20 bytes of header, with UDP in it; boards are told by the last byte of
        // their hardware address.
        if frame.len() > 42 && frame[12..15] == [0x08, 0x00, 0x45] && frame[23] == 17 {
            self.datagrams.push(Datagram { at, from, to: frame[5] });
        }
    }

    /// When the next frame arrives.
    pub fn next_arrival(&self) -> Option<u64> {
        self.under_way.keys().next().map(|&(at, _)| at)
    }

    /// Hands over what has arrived. A board that does not read loses frames once its driver is
    /// full.
    pub fn deliver(&mut self) {
        while let Some(entry) = self.under_way.first_entry() {
            if entry.key().0 > clock::now() {
                return;
            }
            let (to, frame) = entry.remove();
            let port = &mut self.ports[to];
            if !port.is_open {
                continue;
            }
            if let Some(buffer) = port.driver.try_rx_buf() {
                buffer[..frame.len()].copy_from_slice(&frame);
                port.driver.rx_done(frame.len());
            }
        }
    }
}
