//! A driver of the SMSC LAN9118, an Ethernet controller that is read and written by FIFOs of 32
//! bits, with its PHY inside.

use core::future::Future;
use core::pin::pin;
use core::task::Context;

use embassy_net_driver::{
    Capabilities, Driver, HardwareAddress, LinkState, RxToken as ReceiveToken,
    TxToken as TransmitToken,
};
use embassy_sync::waitqueue::AtomicWaker;
use embassy_time::{Duration, Timer};

use crate::board::network;

/// The longest frame, without its checksum.
pub const FRAME_LEN_MAX: usize = 1_514;
/// What stands in the FIFO of a frame: its checksum too, in whole words.
const BUFFER_LEN: usize = 1_520;
const CHECKSUM_LEN: usize = 4;
const WORD_LEN: usize = 4;
/// The two commands before each frame to send.
const COMMANDS_LEN: u32 = 8;

const RX_DATA: usize = 0x00;
const TX_DATA: usize = 0x20;
const RX_STATUS: usize = 0x40;
const TX_STATUS: usize = 0x48;
const IRQ_CONFIG: usize = 0x54;
const INTERRUPT_STATUS: usize = 0x58;
const INTERRUPT_ENABLE: usize = 0x5c;
const BYTE_TEST: usize = 0x64;
const FIFO_INTERRUPT: usize = 0x68;
const RX_CONFIG: usize = 0x6c;
const TX_CONFIG: usize = 0x70;
const HARDWARE_CONFIG: usize = 0x74;
const RX_DATAPATH: usize = 0x78;
const RX_FIFO: usize = 0x7c;
const TX_FIFO: usize = 0x80;
const MAC_COMMAND: usize = 0xa4;
const MAC_DATA: usize = 0xa8;

const BYTE_TEST_VALUE: u32 = 0x8765_4321;
const SOFT_RESET: u32 = 1;
/// Enabled, active high, push-pull: with less QEMU drives the line inverted, without end.
const IRQ_ENABLED: u32 = 0x111;
/// The receive status FIFO holds something.
const RECEIVED: u32 = 1 << 3;
const TRANSMIT_ON: u32 = 1 << 1;
const RX_SKIP_FRAME: u32 = 1 << 31;
const RX_ERROR: u32 = 1 << 15;
const FIRST_AND_LAST: u32 = 1 << 13 | 1 << 12;

const MAC_BUSY: u32 = 1 << 31;
const MAC_READ: u32 = 1 << 30;
const MAC_CONTROL: u32 = 1;
const MAC_ADDRESS_HIGH: u32 = 2;
const MAC_ADDRESS_LOW: u32 = 3;
const MAC_PHY_COMMAND: u32 = 6;
const MAC_PHY_DATA: u32 = 7;
/// Full duplex, transmitter, receiver.
const MAC_RUNS: u32 = 1 << 20 | 1 << 3 | 1 << 2;
const PHY_ADDRESS: u32 = 1 << 11;
const PHY_BUSY: u32 = 1;
const PHY_STATUS: u32 = 1;
const PHY_LINK_IS_UP: u32 = 1 << 2;

/// How often a register is asked whether it is ready, before it is used as it is: a broken chip
/// must not stop the board.
const SPINS_MAX: u32 = 100_000;
/// Statuses of frames sent that are thrown away in one go, more than the FIFO holds.
const STATUSES_MAX: u32 = 256;
/// Damaged or oversized frames thrown away in one go; the next go is soon.
const DISCARDED_MAX: u32 = 16;

/// How often a link that is down is looked at.
const LINK_INTERVAL: Duration = Duration::from_millis(100);

static WAKER: AtomicWaker = AtomicWaker::new();

/// Says that a frame waits, once: `receive` asks for the next interrupt when none does any more.
pub fn on_interrupt() {
    network(INTERRUPT_ENABLE).write(0);
    WAKER.wake();
}

/// The chip, and room for one frame in each direction.
pub struct Lan9118 {
    received: [u8; BUFFER_LEN],
    to_send: [u8; BUFFER_LEN],
}

impl Lan9118 {
    /// A driver of the chip that is on the board: there must be one only.
    pub const fn new() -> Self {
        Self { received: [0; BUFFER_LEN], to_send: [0; BUFFER_LEN] }
    }

    /// Resets the chip, which then reads its address from its EEPROM, and switches it on. Returns
    /// whether it is there.
    pub fn start(&mut self) -> bool {
        network(HARDWARE_CONFIG).write(SOFT_RESET);
        let reset = spin(|| network(HARDWARE_CONFIG).read() & SOFT_RESET == 0);
        let there = spin(|| network(BYTE_TEST).read() == BYTE_TEST_VALUE);
        network(IRQ_CONFIG).write(IRQ_ENABLED);
        network(FIFO_INTERRUPT).write(0);
        network(RX_CONFIG).write(0);
        network(TX_CONFIG).write(TRANSMIT_ON);
        write_mac(MAC_CONTROL, MAC_RUNS);
        reset && there
    }

    /// Takes the next good frame out of the FIFO; its length.
    fn take_frame(&mut self) -> Option<usize> {
        for _ in 0..DISCARDED_MAX {
            if !is_frame_waiting() {
                return None;
            }
            let status = network(RX_STATUS).read();
            let len = (status >> 16 & 0x3fff) as usize;
            let frame_len = len.saturating_sub(CHECKSUM_LEN);
            if status & RX_ERROR == 0 && frame_len <= FRAME_LEN_MAX {
                read_words(&mut self.received, len);
                return Some(frame_len);
            }
            discard(len);
        }
        // What still waits will be read after whatever else has to be done.
        WAKER.wake();
        None
    }

    fn can_transmit(&self) -> bool {
        forget_statuses();
        network(TX_FIFO).read() & 0xffff >= BUFFER_LEN as u32 + COMMANDS_LEN
    }
}

impl Driver for Lan9118 {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, ToSend<'_>)> {
        if !self.can_transmit() {
            cx.waker().wake_by_ref();
            return None;
        }
        let mut taken = self.take_frame();
        if taken.is_none() {
            WAKER.register(cx.waker());
            network(INTERRUPT_STATUS).write(RECEIVED);
            network(INTERRUPT_ENABLE).write(RECEIVED);
            // The chip interrupts on arrival, and one may have come just before.
            taken = self.take_frame();
        }
        let frame = self.received.get_mut(..taken?)?;
        Some((Received { frame }, ToSend { buffer: &mut self.to_send }))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<ToSend<'_>> {
        if !self.can_transmit() {
            // There is an interrupt for that, but the FIFO empties in the time of one frame.
            cx.waker().wake_by_ref();
            return None;
        }
        Some(ToSend { buffer: &mut self.to_send })
    }

    /// Asked for whenever the stack does anything: before it sends, it sees a link that went down.
    /// Nobody may have anything to do with one that is down, so the stack is woken to look again.
    fn link_state(&mut self, cx: &mut Context<'_>) -> LinkState {
        if read_phy(PHY_STATUS) & PHY_LINK_IS_UP != 0 {
            return LinkState::Up;
        }
        let _ = pin!(Timer::after(LINK_INTERVAL)).poll(cx);
        LinkState::Down
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = FRAME_LEN_MAX;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        let [a, b, c, d] = read_mac(MAC_ADDRESS_LOW).to_le_bytes();
        let [e, f, ..] = read_mac(MAC_ADDRESS_HIGH).to_le_bytes();
        HardwareAddress::Ethernet([a, b, c, d, e, f])
    }
}

/// A frame that was received.
pub struct Received<'a> {
    frame: &'a mut [u8],
}

impl ReceiveToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        f(self.frame)
    }
}

/// Room for one frame, in the driver and in the chip.
pub struct ToSend<'a> {
    buffer: &'a mut [u8; BUFFER_LEN],
}

impl TransmitToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let result = f(&mut self.buffer[..len]);
        network(TX_DATA).write(FIRST_AND_LAST | len as u32);
        network(TX_DATA).write((len as u32) << 16 | len as u32);
        let (words, _) = self.buffer.as_chunks::<WORD_LEN>();
        for word in words.iter().take(len.div_ceil(WORD_LEN)) {
            network(TX_DATA).write(u32::from_le_bytes(*word));
        }
        result
    }
}

fn is_frame_waiting() -> bool {
    network(RX_FIFO).read() >> 16 & 0xff != 0
}

fn read_words(buffer: &mut [u8; BUFFER_LEN], len: usize) {
    let (words, _) = buffer.as_chunks_mut::<WORD_LEN>();
    for word in words.iter_mut().take(len.div_ceil(WORD_LEN)) {
        *word = network(RX_DATA).read().to_le_bytes();
    }
}

/// The chip skips frames itself, but for the shortest.
fn discard(len: usize) {
    let words = len.div_ceil(WORD_LEN);
    if words >= 4 {
        network(RX_DATAPATH).write(RX_SKIP_FRAME);
        spin(|| network(RX_DATAPATH).read() & RX_SKIP_FRAME == 0);
        return;
    }
    for _ in 0..words {
        network(RX_DATA).read();
    }
}

/// What became of frames sent interests nobody, but the chip stops sending when nobody reads it.
fn forget_statuses() {
    for _ in 0..STATUSES_MAX {
        if network(TX_FIFO).read() >> 16 & 0xff == 0 {
            return;
        }
        network(TX_STATUS).read();
    }
}

fn read_phy(register: u32) -> u32 {
    write_mac(MAC_PHY_COMMAND, PHY_ADDRESS | register << 6 | PHY_BUSY);
    spin(|| read_mac(MAC_PHY_COMMAND) & PHY_BUSY == 0);
    read_mac(MAC_PHY_DATA)
}

fn read_mac(register: u32) -> u32 {
    network(MAC_COMMAND).write(MAC_BUSY | MAC_READ | register);
    spin(|| network(MAC_COMMAND).read() & MAC_BUSY == 0);
    network(MAC_DATA).read()
}

fn write_mac(register: u32, value: u32) {
    network(MAC_DATA).write(value);
    network(MAC_COMMAND).write(MAC_BUSY | register);
    spin(|| network(MAC_COMMAND).read() & MAC_BUSY == 0);
}

/// Waits until it is so; false when it never was.
fn spin(is_so: impl Fn() -> bool) -> bool {
    (0..SPINS_MAX).any(|_| is_so())
}
