//! What can be typed on the serial line.

use embassy_net::{ConfigV4, Stack};
use embassy_time::{Duration, Instant, Timer};

use crate::arguments::{endpoint, parsed, seconds};
use crate::member::Swim;
use crate::semihosting::exit;
use crate::uart::say;
use crate::{report, uart};

const EXIT_LEFT: u8 = 0;

const HELP: &str = "\
members             who is known, and what is believed of them
counters            what was done so far, and how deep the stack was
join ADDRESS:PORT   asks there to be admitted
leave               says goodbye, prints all of the above, ends with code 0
rejoin              is a member again, after losing its id to another board
sleep SECONDS       tells the others, and is silent for so long
forget-neighbours   asks for all hardware addresses again
panic               what a fault of the program would do: ends with code 102
exit CODE           ends without a goodbye, as a crash would";

/// Does what is typed, line by line.
pub async fn serve(swim: Swim, stack: Stack<'static>) -> ! {
    loop {
        let line = uart::line().await;
        let mut words = line.split_ascii_whitespace();
        let command = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if obey(command, swim, stack).await.is_none() {
            say!("error command={line}");
        }
    }
}

/// `None` if that is no command.
async fn obey((verb, word): (&str, &str), swim: Swim, stack: Stack<'static>) -> Option<()> {
    match verb {
        "help" => say!("{HELP}"),
        "members" => report::members(swim),
        "counters" => report::counters(swim),
        "join" => join(swim, word)?,
        "leave" => leave(swim).await,
        "rejoin" => swim.rejoin(),
        "sleep" => sleep(swim, seconds(word)?).await,
        "forget-neighbours" => forget_neighbours(stack)?,
        "panic" => panic!("as told"),
        "exit" => exit(parsed(word)?),
        _ => return None,
    }
    Some(())
}

fn join(swim: Swim, seed: &str) -> Option<()> {
    if let Err(error) = swim.join(endpoint(seed)?) {
        say!("error join={error}");
    }
    Some(())
}

async fn leave(swim: Swim) {
    swim.leave().await;
    report::members(swim);
    report::counters(swim);
    say!("left");
    exit(EXIT_LEFT)
}

/// Announces the sleep, and says when it has begun and when it is over. The stack sleeps along: the
/// board then wakes for nothing but its clock and frames from others.
async fn sleep(swim: Swim, duration: Duration) {
    let at = Instant::now() + duration;
    match swim.sleep_until(at).await {
        Ok(()) => say!("asleep"),
        Err(error) => return say!("error sleep={error}"),
    }
    Timer::at(at).await;
    say!("awake");
}

/// The same address once more: the stack then knows no neighbours, as after a minute without a
/// word from any.
fn forget_neighbours(stack: Stack<'static>) -> Option<()> {
    stack.set_config_v4(ConfigV4::Static(stack.config_v4()?));
    Some(())
}
