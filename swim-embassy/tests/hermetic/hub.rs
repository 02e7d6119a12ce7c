//! The Ethernet between the boards: a hub that loses, delays and cuts frames.

use std::collections::BTreeMap;

use embassy_net_driver_channel::Runner;
use embassy_net_driver_channel::driver::LinkState;

use crate::clock;
use crate::random::Random;

pub const MTU: usize = 1514;
/// Of Ethernet, IPv4 without options, and UDP.
const HEADERS_LEN: usize = 42;

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
    pub frames_cut: u64,
    /// UDP datagrams that arrive whole, with the first part of what was sent in them, in percent.
    pub short: u64,
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
            frames_cut: 0,
            short: 0,
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
                self.frames_cut += 1;
            }
            if is_datagram(&frame) && self.random.chance(self.short) {
                let payload = frame.len() - HEADERS_LEN;
                shorten(&mut frame, self.random.below(payload as u64) as usize);
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
        // Boards are told by the last byte of their hardware address.
        if is_datagram(frame) {
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

/// Whether it is an IPv4 packet of 20 bytes of header, with UDP in it.
fn is_datagram(frame: &[u8]) -> bool {
    frame.len() > HEADERS_LEN && frame[12..15] == [0x08, 0x00, 0x45] && frame[23] == 17
}

/// Leaves `len` bytes of what a datagram brings, with headers that say so.
fn shorten(frame: &mut Vec<u8>, len: usize) {
    frame.truncate(HEADERS_LEN + len);
    frame[16..18].copy_from_slice(&(28 + len as u16).to_be_bytes());
    frame[38..40].copy_from_slice(&(8 + len as u16).to_be_bytes());
    // None, as UDP over IPv4 may say.
    frame[40..42].fill(0);
    frame[24..26].fill(0);
    let words = frame[14..34].chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    frame[24..26].copy_from_slice(&(!folded as u16).to_be_bytes());
}
