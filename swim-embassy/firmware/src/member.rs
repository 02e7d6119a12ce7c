//! The stack and the member on it, each with its tasks and its memory.

use core::fmt;

use embassy_executor::Spawner;
use embassy_net::{HardwareAddress, Ipv4Cidr, Stack, StackResources, StaticConfigV4};
use embassy_time::Instant;
use static_cell::ConstStaticCell;
use swim_embassy::swim_core::{Config, Identity, NodeId};
use swim_embassy::{Endpoint, JoinError, NewError, Options, Resources, Runner};

use crate::arguments::Arguments;
use crate::lan9118::Lan9118;
use crate::{report, semihosting};

/// Rows of the table, one of them for this board. In a larger cluster it is a leaf.
const MEMBERS: usize = 32;
/// Bytes of metadata kept for each.
const METADATA: usize = 16;
/// The member's. Addresses are static, so the stack needs none itself.
const SOCKETS_MAX: usize = 1;

pub type Swim = swim_embassy::Swim<'static, MEMBERS, METADATA>;

/// The network, with the addresses the arguments say.
// Not inlined, nor is the other: their frames would become part of a task's, and the room to make
// these things in would be taken from the stack for ever.
#[inline(never)]
pub fn start_stack(
    network: &'static mut Lan9118,
    arguments: &Arguments,
    spawner: Spawner,
) -> Stack<'static> {
    static RESOURCES: ConstStaticCell<StackResources<SOCKETS_MAX>> =
        ConstStaticCell::new(StackResources::new());
    let address = Ipv4Cidr::new(arguments.ip, arguments.prefix);
    let addresses = StaticConfigV4 { address, gateway: None, dns_servers: Default::default() };
    let config = embassy_net::Config::ipv4_static(addresses);
    let seed = seed(arguments);
    let (stack, runner) = embassy_net::new(network, config, RESOURCES.take(), seed);
    spawner.spawn(run_stack(runner).expect("it runs once"));
    stack
}

/// Why there is no member: the arguments are of no use.
pub enum StartError {
    /// They do not make one.
    New(NewError),
    /// This seed cannot be asked.
    Seed(JoinError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New(error) => error.fmt(f),
            Self::Seed(error) => write!(f, "a seed: {error}"),
        }
    }
}

/// The member, asking its seeds.
#[inline(never)]
pub fn start(
    stack: Stack<'static>,
    arguments: &Arguments,
    spawner: Spawner,
) -> Result<Swim, StartError> {
    static RESOURCES: ConstStaticCell<Resources<MEMBERS, METADATA>> =
        ConstStaticCell::new(Resources::new());
    let id = arguments.name.map_or_else(|| hardware_id(stack), NodeId::from_name);
    let identity = Identity::new(id, Endpoint::new(arguments.ip, arguments.port));
    let options = Options::new(Config::local());
    let (swim, runner) =
        swim_embassy::new(stack, RESOURCES.take(), identity, options, seed(arguments))
            .map_err(StartError::New)?;
    report::started(swim);
    spawner.spawn(run(runner).expect("it runs once"));
    spawner.spawn(report(swim).expect("it runs once"));
    for seed in &arguments.seeds {
        swim.join(*seed).map_err(StartError::Seed)?;
    }
    Ok(swim)
}

/// Another one for every board and every start. A board with a source of random numbers asks that.
fn seed(arguments: &Arguments) -> u64 {
    let chance = u64::from(semihosting::time()) << 32 ^ Instant::now().as_ticks();
    arguments.seed.unwrap_or(chance ^ u64::from(arguments.ip.to_bits()))
}

fn hardware_id(stack: Stack<'static>) -> NodeId {
    match stack.hardware_address() {
        HardwareAddress::Ethernet(mac) => NodeId::from_mac(mac.0),
    }
}

#[embassy_executor::task]
async fn run_stack(mut runner: embassy_net::Runner<'static, &'static mut Lan9118>) {
    runner.run().await
}

#[embassy_executor::task]
async fn run(runner: Runner<'static, MEMBERS, METADATA>) {
    runner.run().await
}

#[embassy_executor::task]
async fn report(swim: Swim) {
    report::events(swim).await
}
