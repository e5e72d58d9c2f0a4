//! Faults between a worker and everything that it talks to.

use std::time::{Duration, Instant};

use budstikke::sandbox::proxy::{Direction, Ending, Trouble};
use rand::RngExt as _;

use crate::chaos::world::World;

/// C-25: some trouble on some connection, for a second or four; sometimes on two.
pub(super) async fn partition(world: &mut World, end: Instant) -> anyhow::Result<()> {
    while Instant::now() < end {
        let first = some_trouble(world);
        if world.dice.random_bool(0.3) {
            some_trouble(world);
        }
        world.pause(800, 4_000).await;
        for proxy in [&world.database, &world.broker, &world.gateway, &world.relay] {
            proxy.set(Trouble::None);
        }
        world.hit(first);
        world.pause(300, 1_200).await;
    }
    Ok(())
}

/// Makes trouble somewhere; says which.
fn some_trouble(world: &mut World) -> &'static str {
    let direction = if world.dice.random() {
        Direction::Request
    } else {
        Direction::Reply
    };
    let ending = if world.dice.random() {
        Ending::Close
    } else {
        Ending::Reset
    };
    let delay = Duration::from_millis(world.dice.random_range(20..600));
    let bytes = world.dice.random_range(0..60_000);
    let rate = world.dice.random_range(200..20_000);
    let (trouble, name) = match world.dice.random_range(0..6) {
        0 => (Trouble::Delay(delay), "delays"),
        1 => (Trouble::Trickle(rate), "trickles"),
        2 => (Trouble::Swallow(direction), "swallowed directions"),
        3 => (
            Trouble::CutAfter {
                direction,
                bytes,
                ending,
            },
            "cuts",
        ),
        4 => (Trouble::BlackHole, "black holes"),
        _ => (Trouble::Refuse, "refusals"),
    };
    let place = world.dice.random_range(0..4);
    [&world.database, &world.broker, &world.gateway, &world.relay][place].set(trouble);
    name
}
