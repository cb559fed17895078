//! `mta explain`: what would come of a recipient, and which rule says so.
//!
//! * **In**: [`Settings`], [`Facts`]. **Out**: the explanation as text. **Promises**: the server is the one that
//!   `mta` with the same options would run, less its sockets: nothing is bound, created or delivered.
//! * **Limits**: the service `smtp`. **Panics**: never. **Spec**: none.

use std::net::SocketAddr;
use std::sync::Arc;

use smtp_server::delivery::Discard;
use smtp_server::{Explain, Hello, Identity, Peer, Service, ServiceConfig, SessionInfo};

use crate::authentication::Authentication;
use crate::failure::Failure;
use crate::options::facts::Facts;
use crate::options::values::Address;
use crate::serve;
use crate::settings::{Settings, from_config};

/// One line for each rule that was asked, and one for the verdict.
pub(crate) fn explain(mut settings: Settings, facts: Facts) -> Result<String, Failure> {
    let Facts { client, helo, login, from, to } = facts;
    let local = settings.listeners.iter().find_map(|(service, address)| match address {
        Address::Inet(address) if *service == Service::Smtp => Some(*address),
        _ => None,
    });
    let peer = Peer { remote: client.map(|ip| SocketAddr::new(ip, 0)), local };
    let mut info = SessionInfo::new(settings.host_name.as_str(), Service::Smtp, peer);
    info.hello = helo.map(|name| Hello { name, extended: true });
    info.identity = login.map(Identity::new);
    let authentication = Authentication::new(std::mem::take(&mut settings.users));
    let server = serve::builder(settings, authentication, Arc::new(Discard))
        .build()
        .map_err(|error| from_config(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::temporary(format!("cannot start: {error}")))?;
    let question = Explain { info, from, to };
    let explanation = runtime.block_on(server.explain(question, ServiceConfig::smtp()));
    Ok(explanation.map_err(|error| from_config(&error))?.to_string())
}
