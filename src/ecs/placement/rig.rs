//! Placement without the rest of a run, for benchmarks and for comparing its two methods.

use std::sync::Arc;

use crate::engine::Seed;
use crate::units::SimTime;

use super::super::model::Model;
use super::super::{PlacementFailure, Sim, World};
use super::{Ask, Method, Place};

/// A cluster into which tasks are placed that never live.
#[derive(Clone, Debug)]
pub struct Rig {
    pub(super) model: Arc<Model>,
    pub(super) world: World,
}

impl Rig {
    /// Registers all fleets of the model.
    pub fn new(model: Arc<Model>) -> Rig {
        let mut world = Sim::new(model.clone(), Seed { master: 0, replication: 0 }).world;
        for (_, fleet) in model.fleets.iter() {
            for number in 0..fleet.count {
                let class = fleet.classes[number as usize % fleet.classes.len()];
                let instance = world.cluster.launch(&model, class, number, SimTime::ZERO);
                world.cluster.register(&model, instance, SimTime::ZERO);
            }
        }
        Rig { model, world }
    }

    /// Chooses by this method from now on.
    pub fn use_method(&mut self, method: Method) {
        self.world.placer.use_method(method);
    }

    /// Chooses a place, if there is one.
    pub fn choose(&mut self, ask: &Ask) -> Option<Place> {
        super::choose(&self.model, &mut self.world, ask)
    }

    /// Says why there is no place.
    pub fn explain(&mut self, ask: &Ask) -> PlacementFailure {
        super::explain_often(&self.model, &mut self.world, ask)
    }

    /// Reserves what is asked for.
    pub fn reserve(&mut self, ask: &Ask, place: Place) {
        super::reserve(&self.model, &mut self.world, ask, place);
    }

    /// Gives it back.
    pub fn cancel(&mut self, ask: &Ask, place: Place) {
        super::cancel(&self.model, &mut self.world, ask, place);
    }
}
