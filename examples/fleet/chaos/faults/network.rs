//! Faults between a worker and everything that it talks to.

use std::time::{Duration, Instant};

use budstikke::sandbox::proxy::{Direction, Ending, Trouble};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use crate::chaos::world::World;

/// C-25: some trouble on some connection, for a second or four; sometimes on two. Every kind comes,
/// and everything is troubled, before a kind comes again.
pub(super) async fn partition(world: &mut World, end: Instant) -> anyhow::Result<()> {
    let mut kinds: Vec<usize> = (0..KINDS).collect();
    let mut places: Vec<usize> = (0..PLACES).collect();
    kinds.shuffle(&mut world.dice);
    places.shuffle(&mut world.dice);
    let mut turn = 0;
    while Instant::now() < end || turn < KINDS {
        let name = trouble(world, kinds[turn % KINDS], places[turn % PLACES]);
        if world.dice.random_bool(0.3) {
            let (kind, place) = (
                world.dice.random_range(0..KINDS),
                world.dice.random_range(0..PLACES),
            );
            // Not the one that is to be seen.
            if place != places[turn % PLACES] {
                trouble(world, kind, place);
            }
        }
        turn += 1;
        world.pause(800, 4_000).await;
        for proxy in [&world.database, &world.broker, &world.gateway, &world.relay] {
            proxy.set(Trouble::None);
        }
        world.hit(name);
        world.pause(300, 1_200).await;
    }
    Ok(())
}

/// How many kinds of trouble there are.
const KINDS: usize = 6;
/// How many things a worker talks to.
const PLACES: usize = 4;

/// Makes trouble of a kind in a place; says which.
fn trouble(world: &mut World, kind: usize, place: usize) -> &'static str {
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
    let (trouble, name) = match kind {
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
    [&world.database, &world.broker, &world.gateway, &world.relay][place].set(trouble);
    name
}
