//! The queue as this program has it.
//!
//! * **In**: settings. **Out**: a [`Queue`] that knows what the disk has. **Promises**: damage is told and costs what is
//!   damaged, never the start. **Limits**: the spool's. **Panics**: never. **Spec**: none.

use std::net::SocketAddr;
use std::path::PathBuf;

use smtp_queue::{ManagerConfig, Queue, QueueMetrics};
use smtp_server::relay::LocalDomains;

use crate::failure::{Failure, say};
use crate::outbound::Outbound;
use crate::settings::Settings;

/// What it needs to know.
pub(crate) struct QueueSettings {
    pub(crate) directory: PathBuf,
    pub(crate) manager: ManagerConfig,
    pub(crate) bounce_bytes_max: usize,
    pub(crate) outbound: Outbound,
    pub(crate) local_domains: LocalDomains,
}

/// Opens it.
pub(crate) fn open(
    queue: QueueSettings,
    settings: &Settings,
    own_addresses: impl Iterator<Item = SocketAddr>,
    metrics: Option<QueueMetrics>,
) -> Result<Queue, Failure> {
    let QueueSettings { directory, manager, bounce_bytes_max, outbound, local_domains } = queue;
    let Settings { host_name, transport, accounts, log, .. } = settings;
    let mut builder = Queue::builder(host_name)
        .map_err(|error| Failure::usage(format!("-o myhostname: {error}")))?
        .config(manager)
        .bounce_bytes_max(bounce_bytes_max)
        .local_domains(move |domain| local_domains.contains(&domain.clone().into_owned()))
        .observer(log.observer());
    if let Some(metrics) = metrics {
        builder = builder.observer(metrics);
    }
    let outbound = own_addresses.fold(outbound, Outbound::own_address);
    let builder = outbound.add_to(builder, host_name, transport, accounts.clone());
    let place = directory.display().to_string();
    let opened = builder.open_directory(directory, |damage| {
        say(&format!("the queue is damaged: {}: {}", damage.path, damage.reason));
    });
    opened.map_err(|error| {
        let why = std::error::Error::source(&error).map(|source| format!(": {source}"));
        Failure::temporary(format!(
            "cannot open the queue in {place}: {error}{}",
            why.unwrap_or_default()
        ))
    })
}
