//! Hostile input, row by row; each test names its row.

mod commands;
mod end_of_data;
mod source_routes;
mod tls;

use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
