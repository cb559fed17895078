//! The queue manager, in simulated time.

mod deadlines;
mod fairness;
mod model;
mod operations;
mod retries;
mod sites;
mod support;
