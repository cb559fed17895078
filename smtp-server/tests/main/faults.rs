//! Faults on purpose, as clients see them.

mod clients;
mod order;
mod rules;
mod time;
mod wire;

use smtp_server::Service;
use smtp_server::testing::{Faults, Rule};

use crate::support::hooks::Scripted;
use crate::support::setup::Setup;

/// A server with these rules, its faults and its log of messages.
fn setup(rules: &[&str]) -> (Setup, Faults, Scripted) {
    let (mut setup, delivery) = Setup::accepting();
    let faults = Faults::default();
    for rule in rules {
        faults.add(rule.parse::<Rule>().unwrap());
    }
    setup.faults = faults.clone();
    (setup, faults, delivery)
}

fn lmtp(rules: &[&str]) -> (Setup, Faults, Scripted) {
    let (mut setup, faults, delivery) = setup(rules);
    setup.service = Service::Lmtp;
    (setup, faults, delivery)
}

/// How often each rule happened.
fn hits(faults: &Faults) -> Vec<u64> {
    faults.rules().into_iter().map(|(_, _, hits)| hits).collect()
}
