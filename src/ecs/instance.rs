//! Container instances come: fixed fleets register when the run begins.

use crate::engine::Id;

use super::cluster::Instance;
use super::model::Scheduling;
use super::{Cx, Fact, World, placement};

/// Registers every instance of every fixed fleet, and sets room aside for daemons on it.
pub(super) fn register_fleets(cx: &mut Cx, world: &mut World) {
    for (_, fleet) in cx.model.fleets.iter() {
        for number in 0..fleet.count {
            let class = fleet.classes[number as usize % fleet.classes.len()];
            let instance = world.cluster.register(cx.model, class, number, cx.now());
            set_aside_for_daemons(cx, world, instance);
            cx.tell(world, Fact::InstanceActive { instance });
        }
    }
}

/// Sets aside what each daemon service that runs here needs, in the order of the services.
fn set_aside_for_daemons(cx: &mut Cx, world: &mut World, instance: Id<Instance>) {
    for (ix, service) in cx.model.services.iter() {
        let Scheduling::Daemon = service.scheduling else { continue };
        let launch = &cx.model.launches[service.launch];
        let requirement = cx.model.task_definitions[service.task_definition].requirement;
        if placement::qualifies_for_daemon(cx.model, &world.cluster, launch, requirement, instance)
        {
            // Where it does not fit, the service will say so.
            world.cluster.set_aside(instance, ix, &cx.model.requirements[requirement]);
            world.services[ix].daemon_instance(instance);
        }
    }
}
