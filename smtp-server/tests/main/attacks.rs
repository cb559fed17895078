//! Hostile input, row by row; each test names its row.

mod commands;
mod end_of_data;
mod out_of_turn;
mod slow;
mod tls;

use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
