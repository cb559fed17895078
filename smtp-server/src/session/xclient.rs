//! XCLIENT: an authorised client speaks for another one.
//!
//! * **In**: what it says of the other client. **Out**: a session that begins anew, about that one.
//! * **Promises**: who may say so is decided by the connection's own address, never by a claimed one. The
//!   session goes back to the greeting: all questions are asked about the new client, and nothing that was
//!   known of the former one is left. TLS is the connection's, so its facts stay, but for the certificate: whoever
//!   speaks for others showed its own.
//! * **Limits**: it counts as an idle command. **Panics**: never. **Spec**: Postfix's `XCLIENT_README`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use smtp_proto::{Attribute, ClientName, Domain, Protocol, XClient, replies};

use super::Session;
use super::state::{Asked, Mail, State};
use crate::info::{Extensions, Hello, Identity, Peer};
use crate::relay::Networks;

/// How the client spoken for introduced itself, where its speaker knows.
#[derive(Default)]
pub(super) struct Claims {
    name: Option<Box<ClientName<'static>>>,
    extended: Option<bool>,
}

impl Claims {
    /// The introduction of the client, made on behalf of it by whoever `said` this one.
    pub(super) fn hello(&self, said: Hello) -> Hello {
        Hello {
            name: self.name.as_deref().cloned().unwrap_or(said.name),
            extended: self.extended.unwrap_or(said.extended),
        }
    }
}

impl Session {
    pub(super) fn xclient(&mut self, client: XClient<'_>, mail: Mail) -> State {
        self.guard.count_idle_command();
        let refusal = if !self.is_in(&self.config.xclient_clients) {
            replies::NOT_AUTHORIZED
        } else if !matches!(mail, Mail::None) {
            replies::IN_TRANSACTION
        } else {
            self.restart(client);
            return State::Asked(Asked::Client);
        };
        self.refuse(&refusal);
        State::Command(mail)
    }

    /// Whether the connection, whomever it speaks for, comes from these networks.
    pub(super) fn is_in(&self, networks: &Networks) -> bool {
        networks.network_of(&self.connection).is_some()
    }

    /// Goes back to where the session knew an address and nothing else; TLS apart.
    fn restart(&mut self, client: XClient<'_>) {
        let known = &*self.info;
        let reverse_name = match &client.name {
            Some(name) => name.known().and_then(|name| host_name(name)),
            // The name of another address would be a lie.
            None if client.address.is_some() => None,
            None => known.reverse_name.clone(),
        };
        let peer = Peer {
            remote: replaced(known.peer.remote, client.address.as_ref(), client.port.as_ref()),
            local: replaced(
                known.peer.local,
                client.destination_address.as_ref(),
                client.destination_port.as_ref(),
            ),
        };
        self.bare_newline = self.config.bare_newline_of(&peer);
        let info = Arc::make_mut(&mut self.info);
        info.peer = peer;
        info.reverse_name = reverse_name;
        info.hello = None;
        if let Some(tls) = &mut info.tls {
            tls.client_certificate = None;
        }
        info.identity = known_value(client.login).map(Identity::new);
        info.mechanism = None;
        if let Some(tls) = &mut info.tls {
            // The client spoken for is not the other end of this connection.
            tls.channel_bindings = None;
        }
        info.extensions = Extensions::default();
        self.claims = Claims {
            name: known_value(client.helo).map(|name| Box::new(name.into_owned())),
            extended: known_value(client.protocol).map(|protocol| protocol == Protocol::Esmtp),
        };
        self.forwarded = None;
        self.extended = false;
        self.client_extensions = Extensions::default();
        #[cfg(feature = "testing")]
        self.keep_transcript();
        self.mechanisms = Vec::new();
    }
}

/// A name of a host. The DNS may hold others (with underscores), which count as unknown.
fn host_name(text: &str) -> Option<Domain<'static>> {
    Domain::parse(text).ok().filter(|name| matches!(name, Domain::Name(_))).map(Domain::into_owned)
}

/// One end of the connection as it is told; the port of another address is not kept.
fn replaced(
    end: Option<SocketAddr>,
    address: Option<&Attribute<IpAddr>>,
    port: Option<&Attribute<u16>>,
) -> Option<SocketAddr> {
    let mut end = match address {
        Some(address) => address.known().map(|ip| SocketAddr::new(*ip, 0)),
        None => end,
    };
    if let (Some(end), Some(port)) = (&mut end, port) {
        end.set_port(port.known().copied().unwrap_or(0));
    }
    end
}

fn known_value<T>(attribute: Option<Attribute<T>>) -> Option<T> {
    match attribute {
        Some(Attribute::Known(value)) => Some(value),
        _ => None,
    }
}
