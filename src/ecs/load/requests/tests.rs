//! Tests of the request simulation.
