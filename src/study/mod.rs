//! Many runs: variants, replications, statistics.
