//! The account's quotas: vCPUs that run at once, launches and calls per second.

use std::collections::VecDeque;

use smallvec::SmallVec;

use crate::engine::Ix;
use crate::units::{SimTime, Span};

use super::capacity::group::PurchaseOption;
use super::model::{
    FargateSize, InstanceClass, InstanceLaunchType, Model, Provider, RateLimit, Subnet,
};

/// What of the account's quotas is used now; shared by all clusters.
#[derive(Clone, Debug)]
pub struct AccountState {
    fargate: FargateUse,
    fargate_spot: FargateUse,
    api_calls: Option<Bucket>,
    fargate_run_task_calls: Option<Bucket>,
    free_addresses: Vec<u32>,
    /// CPU units of EC2 instances, on demand and Spot.
    ec2_cpu_units: [u64; 2],
}

#[derive(Clone, Debug)]
struct FargateUse {
    cpu_units: u64,
    limit: Option<u32>,
    launches: Option<Bucket>,
}

fn column(class: &InstanceClass) -> usize {
    match class.purchase_option() {
        PurchaseOption::OnDemand => 0,
        PurchaseOption::Spot => 1,
    }
}

/// A token bucket: full at first, gains tokens steadily, never overflows.
#[derive(Clone, Debug)]
pub struct Bucket {
    limit: RateLimit,
    tokens: f64,
    updated: SimTime,
}

impl Bucket {
    /// Makes a full bucket.
    pub fn new(limit: RateLimit) -> Bucket {
        Bucket { limit, tokens: f64::from(limit.burst), updated: SimTime::ZERO }
    }

    /// Returns how many whole tokens there are now.
    pub fn available(&mut self, now: SimTime) -> u32 {
        let passed = now.since(self.updated).as_secs_f64();
        self.updated = now;
        let full = f64::from(self.limit.burst);
        self.tokens = (self.tokens + passed * self.limit.per_second).min(full);
        // A part in a billion of slack: what arithmetic took must not cost a token.
        (self.tokens + 1e-9) as u32
    }

    /// Takes tokens; a gang that is launched at one instant may leave a debt, which later
    /// launches wait for.
    pub fn take(&mut self, tokens: u32) {
        self.tokens -= f64::from(tokens);
    }

    /// Returns how long it takes until there is a token.
    pub fn wait(&self) -> Span {
        let missing = (1.0 - self.tokens).max(0.0);
        // A microsecond more, so that the token is there when the time has come.
        Span::from_secs_f64(missing / self.limit.per_second).saturating_add(Span::micros(1))
    }
}

/// At most so many launches in any minute.
///
/// The quota is written as tasks "per service per minute", unlike the token buckets of the account
/// (AWS General Reference, Amazon ECS endpoints and quotas). Assumption: any minute counts, not
/// only those of the clock, and the launches of a minute may come at once.
#[derive(Clone, Debug)]
pub struct PerMinute {
    limit: u32,
    /// Launches of the last minute by instant, the oldest first.
    recent: VecDeque<(SimTime, u32)>,
    count: u32,
}

impl PerMinute {
    /// Makes a quota of which nothing is used.
    pub fn new(limit: u32) -> PerMinute {
        PerMinute { limit, recent: VecDeque::new(), count: 0 }
    }

    /// Returns how long to wait for the next launch; zero: not at all.
    pub fn wait(&mut self, now: SimTime) -> Span {
        while let Some(&(at, count)) = self.recent.front()
            && now.since(at) >= Span::MINUTE
        {
            self.recent.pop_front();
            self.count -= count;
        }
        match self.recent.front() {
            Some(&(oldest, _)) if self.count >= self.limit => {
                oldest.saturating_add(Span::MINUTE).since(now)
            }
            _ => Span::ZERO,
        }
    }

    /// Counts a launch.
    pub fn take(&mut self, now: SimTime) {
        self.count += 1;
        match self.recent.back_mut() {
            Some((at, count)) if *at == now => *count += 1,
            _ => self.recent.push_back((now, 1)),
        }
    }
}

impl AccountState {
    /// An instance of this kind is launched.
    pub fn instance_comes(&mut self, model: &Model, class: Ix<InstanceClass>) {
        let class = &model.classes[class];
        if class.launch_type == InstanceLaunchType::Ec2 {
            self.ec2_cpu_units[column(class)] += u64::from(class.registered.cpu_units);
        }
    }

    /// An instance of this kind is gone.
    pub fn instance_goes(&mut self, model: &Model, class: Ix<InstanceClass>) {
        let class = &model.classes[class];
        if class.launch_type == InstanceLaunchType::Ec2 {
            self.ec2_cpu_units[column(class)] -= u64::from(class.registered.cpu_units);
        }
    }

    /// Says whether the account may run one more instance of this kind.
    ///
    /// Source: EC2 User Guide, On-Demand and Spot Instance quotas, which count vCPUs. Assumption:
    /// all families share one; AWS has one for the usual families and others for the rest.
    pub fn may_launch_instance(&self, model: &Model, class: Ix<InstanceClass>) -> bool {
        let class = &model.classes[class];
        let limit = match class.purchase_option() {
            PurchaseOption::OnDemand => model.account.ec2_cpu_units,
            PurchaseOption::Spot => model.account.ec2_spot_cpu_units,
        };
        let wanted = self.ec2_cpu_units[column(class)] + u64::from(class.registered.cpu_units);
        limit.is_none_or(|limit| wanted <= u64::from(limit))
    }

    /// Makes the state of an account that runs nothing.
    pub fn new(model: &Model) -> AccountState {
        let account = &model.account;
        let fargate = |limit, launches: Option<RateLimit>| FargateUse {
            cpu_units: 0,
            limit,
            launches: launches.map(Bucket::new),
        };
        AccountState {
            fargate: fargate(account.fargate_cpu_units, account.fargate_launches),
            fargate_spot: fargate(account.fargate_spot_cpu_units, account.fargate_spot_launches),
            api_calls: account.api_calls.map(Bucket::new),
            fargate_run_task_calls: account.fargate_run_task_calls.map(Bucket::new),
            ec2_cpu_units: [0; 2],
            free_addresses: model.subnets.iter().map(|(_, s)| s.free_addresses).collect(),
        }
    }

    fn fargate(&mut self, provider: Provider) -> Option<&mut FargateUse> {
        match provider {
            Provider::Fargate => Some(&mut self.fargate),
            Provider::FargateSpot => Some(&mut self.fargate_spot),
            Provider::Ec2 | Provider::External => None,
        }
    }

    /// Says whether the vCPU quota leaves room for a task of this size.
    pub fn fargate_has_room(&mut self, provider: Provider, size: FargateSize) -> bool {
        self.fargate(provider).is_none_or(|used| {
            used.limit
                .is_none_or(|limit| used.cpu_units + u64::from(size.cpu_units) <= u64::from(limit))
        })
    }

    /// Returns how long to wait for the launch rate of Fargate; zero: not at all.
    pub fn fargate_launch_wait(&mut self, provider: Provider, now: SimTime) -> Span {
        let launches = self.fargate(provider).and_then(|used| used.launches.as_mut());
        launches.map_or(Span::ZERO, |bucket| match bucket.available(now) {
            0 => bucket.wait(),
            _ => Span::ZERO,
        })
    }

    /// Counts a task that starts on Fargate.
    pub fn fargate_starts(&mut self, provider: Provider, size: FargateSize, paced: bool) {
        let Some(used) = self.fargate(provider) else { return };
        used.cpu_units += u64::from(size.cpu_units);
        if let Some(bucket) = used.launches.as_mut().filter(|_| paced) {
            bucket.take(1);
        }
    }

    /// Counts it no more.
    pub fn fargate_stops(&mut self, provider: Provider, size: FargateSize) {
        if let Some(used) = self.fargate(provider) {
            used.cpu_units -= u64::from(size.cpu_units);
        }
    }

    /// Takes tokens for calls of RunTask made together, or returns how long to wait for the first.
    ///
    /// Calls that can start tasks on Fargate need those of that rate as well. Where there are
    /// fewer tokens than calls, a debt is left.
    pub fn run_task_calls(
        &mut self,
        now: SimTime,
        on_fargate: bool,
        calls: u32,
    ) -> Result<(), Span> {
        let of_fargate = self.fargate_run_task_calls.as_mut().filter(|_| on_fargate);
        let mut buckets: SmallVec<[&mut Bucket; 2]> =
            self.api_calls.iter_mut().chain(of_fargate).collect();
        let empty = buckets.iter_mut().filter_map(|bucket| match bucket.available(now) {
            0 => Some(bucket.wait()),
            _ => None,
        });
        if let Some(wait) = empty.max() {
            return Err(wait);
        }
        for bucket in buckets {
            bucket.take(calls);
        }
        Ok(())
    }

    /// Returns how many addresses of the subnet are free.
    pub fn free_addresses(&self, subnet: Ix<Subnet>) -> u32 {
        self.free_addresses[subnet.index()]
    }

    /// Takes an address.
    pub fn take_address(&mut self, subnet: Ix<Subnet>) {
        let free = &mut self.free_addresses[subnet.index()];
        assert!(*free > 0, "an address was taken from {subnet:?}, which has none");
        *free -= 1;
    }

    /// Gives it back.
    pub fn give_address(&mut self, subnet: Ix<Subnet>) {
        self.free_addresses[subnet.index()] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_500_tasks_of_a_service_are_launched_in_any_minute() {
        let mut quota = PerMinute::new(500);
        let mut launches: Vec<SimTime> = Vec::new();
        let mut now = SimTime::from_secs(7);
        // Ten launches a second, so the quota binds after 50 seconds.
        while now < SimTime::from_secs(300) {
            let wait = quota.wait(now);
            if wait.is_zero() {
                quota.take(now);
                launches.push(now);
                now += Span::millis(100);
            } else {
                now += wait;
            }
        }
        let in_minute_from = |from: SimTime| {
            let until = from + Span::MINUTE;
            launches.iter().filter(|&&at| at >= from && at < until).count()
        };
        assert!(launches.iter().all(|&from| in_minute_from(from) <= 500));
        assert_eq!(in_minute_from(launches[0]), 500, "it is used in full");
        assert_eq!(launches[500], launches[0] + Span::MINUTE, "and again as soon as it may be");
    }

    #[test]
    fn a_bucket_of_100_and_20_a_second_lets_300_pass_in_ten_seconds() {
        let mut bucket = Bucket::new(RateLimit { burst: 100, per_second: 20.0 });
        let mut passed = 0;
        let mut now = SimTime::ZERO;
        // A microsecond of grace for each wait, which is rounded up.
        while now <= SimTime::from_secs(10) + Span::micros(1) {
            if bucket.available(now) > 0 {
                bucket.take(1);
                passed += 1;
            } else {
                now += bucket.wait();
            }
        }
        assert_eq!(passed, 100 + 10 * 20);
    }
}
