#![no_std]
#![no_main]
mod board; mod lan9118; mod register; mod semihosting; mod stack; mod time_driver; mod uart;
use uart::say;
use static_cell::ConstStaticCell;
use embassy_executor::Spawner;
use embassy_net::udp::*;
use embassy_net::*;
use lan9118::Lan9118;

#[cortex_m_rt::entry]
fn main() -> ! {
    static CHIP: ConstStaticCell<Lan9118> = ConstStaticCell::new(Lan9118::new());
    let chip = CHIP.take();
    chip.start();
    let spawner = board::start();
    spawner.spawn(run(chip).unwrap());
    loop { cortex_m::asm::wfi() }
}
#[embassy_executor::task]
async fn run(chip: &'static mut Lan9118) {
    static LINE: ConstStaticCell<[u8; semihosting::COMMAND_LINE_LEN_MAX]> = ConstStaticCell::new([0; semihosting::COMMAND_LINE_LEN_MAX]);
    let spawner = unsafe { Spawner::for_current_executor().await };
    let line = semihosting::command_line(LINE.take());
    say!("hello {line}");
    static RES: ConstStaticCell<StackResources<2>> = ConstStaticCell::new(StackResources::new());
    let (stack, runner) = embassy_net::new(chip, Config::ipv4_static(StaticConfigV4 { address: Ipv4Cidr::new(Ipv4Address::new(127,0,0,2), 8), gateway: None, dns_servers: Default::default() }), RES.take(), 1);
    spawner.spawn(net(runner).unwrap());
    spawner.spawn(echo(stack).unwrap());
    loop {
        let l = uart::line().await;
        let d = stack::depth();
        say!("got {l} {} {} {}", d.used, d.size, embassy_time::Instant::now());
        if &*l == "panic" { panic!("as told") }
        if &*l == "exit" { semihosting::exit(5) }
    }
}
#[embassy_executor::task]
async fn net(mut r: Runner<'static, &'static mut Lan9118>) { r.run().await }
#[embassy_executor::task]
async fn echo(stack: Stack<'static>) {
    let mut a = [PacketMetadata::EMPTY; 4]; let mut b = [0; 2000];let mut c = [PacketMetadata::EMPTY; 4]; let mut d = [0; 2000];
    let mut s = UdpSocket::new(stack, &mut a, &mut b, &mut c, &mut d);
    s.bind(7).unwrap();
    let mut buf = [0; 1500];
    loop { let (n, m) = s.recv_from(&mut buf).await.unwrap(); s.send_to(&buf[..n], m.endpoint).await.unwrap(); }
}
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! { say!("{info}"); semihosting::exit(102) }
