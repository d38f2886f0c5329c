//! Closed forms of queueing theory: what simulations of requests are judged by.
//!
//! Means of stationary queues with Poisson arrivals. `offered` is arrival rate times mean service
//! time, in erlangs; a queue that is offered as much as it can serve, or more, waits forever
//! (infinity). Times are in whatever unit the rates use.

/// Returns the probability that a request finds all `servers` busy and is lost, nobody waiting.
///
/// Source: A. K. Erlang, 1917, by the recursion B(c) = aB(c-1) ÷ (c + aB(c-1)).
pub fn erlang_b(servers: u32, offered: f64) -> f64 {
    let step = |lost: f64, server: u32| offered * lost / (f64::from(server) + offered * lost);
    (1..=servers).fold(1.0, step)
}

/// Returns the probability that a request has to wait in M/M/c; 1 if the queue has no end.
///
/// Source: A. K. Erlang, 1917: C = B ÷ (1 - ρ(1 - B)).
pub fn erlang_c(servers: u32, offered: f64) -> f64 {
    let utilization = offered / f64::from(servers);
    if servers == 0 || utilization >= 1.0 {
        return 1.0;
    }
    let lost = erlang_b(servers, offered);
    lost / (1.0 - utilization * (1.0 - lost))
}

/// Returns the mean wait of M/M/c.
pub fn mmc_wait(servers: u32, arrival_rate: f64, mean_service: f64) -> f64 {
    allen_cunneen_wait(servers, arrival_rate, mean_service, [1.0, 1.0])
}

/// Returns the mean wait of M/G/1; `scv` is the squared coefficient of variation of service times.
///
/// Source: the formula of Pollaczek and Khinchine, ρE\[S](1 + scv) ÷ 2(1 - ρ).
pub fn mg1_wait(arrival_rate: f64, mean_service: f64, scv: f64) -> f64 {
    let utilization = arrival_rate * mean_service;
    if utilization >= 1.0 {
        return f64::INFINITY;
    }
    utilization * mean_service * (1.0 + scv) / (2.0 * (1.0 - utilization))
}

/// Returns the mean wait of G/G/c, approximately; `scvs` are the squared coefficients of variation
/// of gaps and of service times. Exact for M/M/c and M/G/1.
///
/// Source: A. O. Allen, "Probability, Statistics, and Queueing Theory", 1990, as the
/// approximation of Allen and Cunneen: the wait of M/M/c times half the sum of both.
pub fn allen_cunneen_wait(
    servers: u32,
    arrival_rate: f64,
    mean_service: f64,
    scvs: [f64; 2],
) -> f64 {
    let offered = arrival_rate * mean_service;
    if offered >= f64::from(servers) {
        return f64::INFINITY;
    }
    let waits = erlang_c(servers, offered) * mean_service / (f64::from(servers) - offered);
    waits * (scvs[0] + scvs[1]) / 2.0
}

/// A birth and death process: requests that come at random and share `capacity`, one each at most.
///
/// With n requests, `min(n, capacity)` times the service rate of one leave. A whole capacity is
/// M/M/c; a task with fewer vCPUs than requests is one of a fraction. Any distribution of service
/// times has these means if requests share the capacity evenly from their arrival (M/G/c-PS is
/// insensitive), an exponential one under every order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shared {
    /// The mean number of requests; infinite if more comes than can be served.
    pub in_system: f64,
    /// The probability that there are none.
    pub empty: f64,
    /// The probability that a request comes when the whole capacity is in use, or would be by it.
    pub busy: f64,
}

/// Returns the stationary birth and death process of `offered` erlangs at this `capacity`.
///
/// Source: L. Kleinrock, "Queueing Systems" 1, 1975, §3.1: p(n) = p(n-1)λ ÷ μ(n), summed up to the
/// capacity and as a geometric series beyond it.
pub fn shared(offered: f64, capacity: f64) -> Shared {
    if offered >= capacity {
        return Shared { in_system: f64::INFINITY, empty: 0.0, busy: 1.0 };
    }
    let ratio = offered / capacity;
    // Relative to that of n = 0; rescaled, as it can be larger than a number.
    let (mut weight, mut sum, mut moment, mut n) = (1.0, 0.0, 0.0, 0.0);
    let mut scale = 1.0;
    while n + 1.0 <= capacity {
        sum += weight;
        moment += n * weight;
        n += 1.0;
        weight *= offered / n;
        if weight > 1e200 {
            (sum, moment, scale) = (sum / weight, moment / weight, scale / weight);
            weight = 1.0;
        }
    }
    // From n on each is the one before times the ratio.
    let tail = weight / (1.0 - ratio);
    let tail_moment = tail * (n + ratio / (1.0 - ratio));
    let all = sum + tail;
    Shared { in_system: (moment + tail_moment) / all, empty: scale / all, busy: tail / all }
}

/// Returns the mean response time of M/G/1 of which `places` requests are served at once, sharing
/// one server evenly, approximately; exact for 1 place, for endless ones, and if `scv` is 1.
///
/// Source: B. Avi-Itzhak and S. Halfin, "Expected response times in a non-symmetric time sharing
/// queue with a limited number of service positions", ITC 12, 1988: with the probability ρᵏ a
/// request waits as in M/G/1, otherwise it shares.
pub fn limited_sharing_response(
    places: u32,
    arrival_rate: f64,
    mean_service: f64,
    scv: f64,
) -> f64 {
    let utilization = arrival_rate * mean_service;
    if utilization >= 1.0 {
        return f64::INFINITY;
    }
    let queues = utilization.powf(f64::from(places));
    mean_service * ((1.0 - queues) + queues * (1.0 + scv) / 2.0) / (1.0 - utilization)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stationary distribution of a birth and death process up to `most`, from its balance
    /// equations alone: λp(n) = μ(n + 1)p(n + 1).
    fn balance(arrival_rate: f64, leave: impl Fn(usize) -> f64, most: usize) -> Vec<f64> {
        let mut weights = vec![1.0];
        for n in 1..=most {
            weights.push(weights[n - 1] * arrival_rate / leave(n));
        }
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    fn mean(distribution: &[f64]) -> f64 {
        distribution.iter().enumerate().map(|(n, p)| n as f64 * p).sum()
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-9), "{a} is not {b}");
    }

    #[test]
    fn erlangs_formulas_are_the_balance_of_births_and_deaths() {
        for (servers, offered) in [(1u32, 0.3), (1, 0.9), (2, 1.5), (10, 8.0), (64, 50.0)] {
            let rate = |n: usize| n.min(servers as usize) as f64;
            let lost = balance(offered, rate, servers as usize);
            close(erlang_b(servers, offered), lost[servers as usize]);
            let queue = balance(offered, rate, 5000);
            close(erlang_c(servers, offered), queue[servers as usize..].iter().sum());
            // Little's law for those who wait.
            let waiting = mean(&queue) - offered;
            close(mmc_wait(servers, offered, 1.0), waiting / offered);
            let it = shared(offered, f64::from(servers));
            close(it.in_system, mean(&queue));
            close(it.empty, queue[0]);
            close(it.busy, erlang_c(servers, offered));
        }
        // Overload and nothing at all.
        close(erlang_b(2, 3.0), balance(3.0, |n| n as f64, 2)[2]);
        assert_eq!((erlang_b(0, 1.0), erlang_c(0, 1.0), erlang_c(2, 2.0)), (1.0, 1.0, 1.0));
        assert_eq!((erlang_b(3, 0.0), erlang_c(3, 0.0)), (0.0, 0.0));
        assert_eq!(mmc_wait(2, 2.0, 1.0), f64::INFINITY);
    }

    #[test]
    fn a_fraction_of_a_capacity_is_the_balance_of_births_and_deaths() {
        for (offered, capacity) in [(0.2f64, 0.25f64), (0.9, 1.5), (2.0, 2.75), (700.0, 800.5)] {
            let rate = |n: usize| capacity.min(n as f64);
            let queue = balance_of_large(offered, rate, 8000);
            let it = shared(offered, capacity);
            close(it.in_system, mean(&queue));
            close(it.busy, queue[capacity.floor() as usize..].iter().sum());
            close(it.empty, queue[0]);
        }
        assert_eq!(shared(1.0, 0.5).in_system, f64::INFINITY);
        assert_eq!(shared(0.0, 0.5), Shared { in_system: 0.0, empty: 1.0, busy: 1.0 });
    }

    /// The same by logarithms.
    fn balance_of_large(rate: f64, leave: impl Fn(usize) -> f64, most: usize) -> Vec<f64> {
        let mut logs = vec![0.0f64];
        for n in 1..=most {
            logs.push(logs[n - 1] + rate.ln() - leave(n).ln());
        }
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    #[test]
    fn formulas_agree_where_they_must() {
        for utilization in [0.1, 0.5, 0.95] {
            for scv in [0.0, 0.5, 1.0, 9.0] {
                let wait = mg1_wait(utilization, 1.0, scv);
                close(allen_cunneen_wait(1, utilization, 1.0, [1.0, scv]), wait);
                close(limited_sharing_response(1, utilization, 1.0, scv), 1.0 + wait);
                let shares = limited_sharing_response(2000, utilization, 1.0, scv);
                close(shares, shared(utilization, 1.0).in_system / utilization);
            }
            close(limited_sharing_response(3, utilization, 1.0, 1.0), 1.0 / (1.0 - utilization));
        }
        // M/D/1 waits half as long as M/M/1; 10 requests a second of 50 ms wait 50 ms.
        close(mg1_wait(10.0, 0.05, 1.0), 0.05);
        close(mg1_wait(10.0, 0.05, 0.0), 0.025);
        assert_eq!(mg1_wait(1.0, 1.0, 0.0), f64::INFINITY);
        assert_eq!(limited_sharing_response(5, 1.0, 1.0, 0.0), f64::INFINITY);
    }
}
