//! An agent that is killed while it writes its state: never a lost or half-written file.
//!
//! `SWIM_KILLS=200 cargo test -p swim-tokio --test killed -- --nocapture` kills it 200 times.

#![cfg(all(feature = "cli", unix))]

#[allow(dead_code, reason = "other tests use the rest")]
mod launch;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use launch::wait;
use serde_json::Value;
use swim_tokio::NodeId;
use swim_tokio::swim_core::wire::{Header, PacketWriter, Update};
use swim_tokio::swim_core::{Claim, Incarnation, Label, Status};

const KILLS: usize = 40;
/// Those it knew in a former life, and never finds: they stay in the file.
const FORMER: u64 = 64;
const NAME: &str = "phoenix";

#[test]
fn an_agent_killed_while_it_writes_has_its_state_or_the_one_before() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state-of-the-killed");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join(format!("{}.state", NodeId::from_name(NAME)));
    // Where the former members are looked for.
    let silence = UdpSocket::bind("127.0.0.1:0").unwrap();
    fs::write(&file, former_life(silence.local_addr().unwrap())).unwrap();

    let kills = std::env::var("SWIM_KILLS").ok().and_then(|kills| kills.parse().ok());
    let (mut incarnation, mut halfway, mut writes) = (0, 0, 0);
    for kill in 0..kills.unwrap_or(KILLS) {
        let (mut agent, address) = start(&directory);
        let life = incarnation_in(&file);
        assert!(life > incarnation, "kill {kill}: every life begins above the one before");
        accuse(address, life, Duration::from_millis(5 + kill as u64 * 7 % 50));
        agent.kill().unwrap();
        wait(&mut agent);
        incarnation = incarnation_in(&file);
        writes += u32::from(incarnation > life);
        halfway += usize::from(file.with_extension("state.new").exists());
        assert!(!file.with_extension("state.damaged").exists(), "kill {kill}");
    }
    println!("{writes} lives wrote, {halfway} were killed halfway; incarnation {incarnation}");
    assert!(writes > 0, "nothing was ever written");
}

fn former_life(address: SocketAddr) -> String {
    let mut text = "swim-state 1\nincarnation 1\npatience_us 0\n".to_owned();
    (1..=FORMER).for_each(|id| text += &format!("member {id:x} {address}\n"));
    let checksum = crc32fast::hash(text.as_bytes());
    format!("{text}crc32 {checksum:08x}\n")
}

/// What a whole file says.
fn incarnation_in(file: &Path) -> u32 {
    let text = fs::read_to_string(file).unwrap();
    let (checked, checksum) = text.split_at(text.rfind("crc32 ").expect("a whole file"));
    assert_eq!(checksum, format!("crc32 {:08x}\n", crc32fast::hash(checked.as_bytes())));
    assert_eq!(checked.matches("\nmember ").count() as u64, FORMER);
    let incarnation = checked.lines().find_map(|line| line.strip_prefix("incarnation "));
    incarnation.unwrap().parse().unwrap()
}

/// Starts an agent that writes every change at once.
fn start(directory: &Path) -> (Child, SocketAddr) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_swim"))
        .args(["agent", "--json", "--leave-on-stdin-close", "--profile", "local", "--name", NAME])
        .args(["--bind", "127.0.0.1:0", "--state-interval", "0s", "--state-dir"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listening: Value = serde_json::from_str(&line).unwrap();
    (process, listening["address"].as_str().unwrap().parse().unwrap())
}

/// Suspects the agent again and again, so that it raises its incarnation above `life`.
fn accuse(agent: SocketAddr, life: u32, duration: Duration) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let started = Instant::now();
    let mut buffer = [0; 1_400];
    for incarnation in life.. {
        let (label, sender) = (Label::default(), NodeId::new(0x99));
        let header = Header { label, sender, incarnation: Incarnation::new(0), round: 0 };
        let mut writer = PacketWriter::new(&mut buffer, &header).unwrap();
        let claim = Claim::new(Incarnation::new(incarnation), Status::Suspect);
        assert!(writer.update(&Update::<SocketAddr>::claim(NodeId::from_name(NAME), claim)));
        let len = writer.finish();
        socket.send_to(&buffer[..len], agent).unwrap();
        if started.elapsed() > duration {
            return;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}
