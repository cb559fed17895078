//! `mta explain`: what would come of a recipient, and which rule says so.
//!
//! * **In**: [`Settings`], [`Facts`]. **Out**: the explanation as text. **Promises**: the server is the one that
//!   `mta` with the same options would run, less its sockets: nothing is bound, created or delivered.
//! * **Limits**: one recipient. **Panics**: never. **Spec**: none.

use std::net::SocketAddr;
use std::sync::Arc;

use smtp_server::delivery::Discard;
use smtp_server::{ClientCertificate, Explain, Hello, Identity, Peer, SessionInfo, TlsInfo};

use crate::authentication::Authentication;
use crate::failure::Failure;
use crate::options::facts::Facts;
use crate::options::values::Address;
use crate::serve;
use crate::settings::{Settings, from_config};

/// One line for each rule that was asked, and one for the verdict.
pub(crate) fn explain(mut settings: Settings, facts: Facts) -> Result<String, Failure> {
    let Facts { service, client, helo, login, certificate, from, to } = facts;
    let local = settings.listeners.iter().find_map(|(one, address)| match address {
        Address::Inet(address) if *one == service => Some(*address),
        _ => None,
    });
    let peer = Peer { remote: client.map(|ip| SocketAddr::new(ip, 0)), local };
    let mut info = SessionInfo::new(settings.host_name.as_str(), service, peer);
    info.hello = helo.map(|name| Hello { name, extended: true });
    info.identity = login.map(Identity::new);
    info.tls = certificate.map(tls_with);
    let authentication = Authentication::new(std::mem::take(&mut settings.users));
    let server = serve::builder(settings, authentication, Arc::new(Discard))
        .build()
        .map_err(|error| from_config(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::temporary(format!("cannot start: {error}")))?;
    let question = Explain { info, from, to };
    let explanation = runtime.block_on(server.explain(question, serve::config_of(service)));
    Ok(explanation.map_err(|error| from_config(&error))?.to_string())
}

/// TLS with a client that shows a certificate of this fingerprint and of no name.
fn tls_with(sha256: String) -> TlsInfo {
    let certificate = ClientCertificate { dns_names: Vec::new(), sha256, der: Default::default() };
    let mut tls = TlsInfo::new("TLSv1.3", "TLS_AES_256_GCM_SHA384", None);
    tls.client_certificate = Some(Box::new(certificate));
    tls
}
