//! The faults themselves, by what they are thrown at.

mod agencies;
mod broker;
pub(super) mod clock;
mod database;
pub(super) mod disk;
mod gateways;
mod network;
mod workers;

use std::time::{Duration, Instant};

use super::case::Case;
use super::world::World;

/// Throws the faults of a case for so long.
///
/// # Errors
/// A fault cannot be thrown.
pub(super) async fn throw(world: &mut World, case: Case, span: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + span;
    match case {
        Case::Kill => workers::kill(world, end).await,
        Case::WireKill => workers::kill_on_the_wire(world, end).await,
        Case::Zombie => workers::pause(world, end).await,
        Case::Signals => workers::signals(world, end).await,
        Case::ComeAndGo => workers::come_and_go(world, end).await,
        Case::BrokerKill => broker::kill(world, end).await,
        Case::Alarms => broker::alarms(world, end).await,
        Case::Unroutable => broker::unroutable(world, end).await,
        Case::Poison => agencies::poison(world, end).await,
        Case::Identity => agencies::identity(world, end).await,
        Case::Repeats => agencies::repeats(world, end).await,
        Case::DatabaseKill => database::kill(world, end).await,
        Case::Snapshot => database::snapshot(world, end).await,
        Case::DiskFull => disk::fill(world, end).await,
        Case::Partition => network::partition(world, end).await,
        Case::Swallow => gateways::swallow(world, end).await,
        Case::GatewayDown => gateways::down(world, end).await,
        Case::Smtp => gateways::smtp(world, end).await,
        Case::Receipts => gateways::receipts(world, end).await,
        Case::Clock => clock::jump(world, end).await,
    }
}
