//! A table of networks.
//!
//! * **In**: lines `network action`, `!network action`, `if network`, `endif`. **Out**: the action of the first line
//!   that an address lies in. **Promises**: what is no address lies in no network; an IPv4 network says nothing of
//!   IPv6 addresses, also with `!`. **Limits**: one walk down a trie for each run of lines without `!`, `if` and
//!   `endif`. **Panics**: never. **Spec**: Postfix `cidr_table`(5); RFC 4632.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

use super::super::{AccessAction, TableError};
use super::actions::Actions;
use super::coverage;
use super::lines::{Line, Source};
use super::program::{Builder, Program};

pub(super) struct NetworkTable {
    program: Program<Condition, Rule>,
    actions: Vec<AccessAction>,
    /// What has an action that grants.
    granted: Vec<IpNet>,
    /// Whether one has it for what lies outside of a network.
    grants_outside: bool,
}

struct Condition {
    network: IpNet,
    is_negated: bool,
}

enum Rule {
    /// Consecutive lines. One that lies within an earlier one never counts and is left out, so the first line that an
    /// address lies in is always the longest prefix.
    Inside(Box<Run>),
    Outside(IpNet, u32),
}

#[derive(Default)]
struct Run {
    ipv4: PrefixMap<Ipv4Net, u32>,
    ipv6: PrefixMap<Ipv6Net, u32>,
}

impl NetworkTable {
    pub(super) fn parse(source: &Source<'_>) -> Result<Self, TableError> {
        let mut actions = Actions::of_postfix();
        let mut builder = Builder::new();
        let (mut granted, mut grants_outside) = (Vec::new(), false);
        for line in source.lines() {
            let line = line?;
            if line.text.trim_ascii_end().eq_ignore_ascii_case("endif") {
                builder.end(&line)?;
                continue;
            }
            let (word, offset, rest) = line.split()?;
            if word.eq_ignore_ascii_case("if") {
                builder.begin(&line, condition(&line, offset, rest)?);
                continue;
            }
            let Condition { network, is_negated } = condition(&line, 0, word)?;
            let action = actions.number(&line, offset, rest)?;
            if actions.at(action).is_some_and(coverage::grants) {
                grants_outside |= is_negated;
                granted.push(network);
            }
            match builder.last() {
                _ if is_negated => builder.push(Rule::Outside(network, action)),
                Some(Rule::Inside(run)) => run.add(network, action),
                _ => {
                    let mut run = Box::<Run>::default();
                    run.add(network, action);
                    builder.push(Rule::Inside(run));
                }
            }
        }
        let (program, actions) = (builder.finish()?, actions.into_vec());
        Ok(Self { program, actions, granted, grants_outside })
    }

    /// Whether a relay policy may believe it.
    pub(super) fn check_relaying(&self, name: &str) -> Result<(), TableError> {
        if !self.actions.iter().all(coverage::is_for_relaying) {
            return Err(TableError::NotForRelaying { table: name.to_owned() });
        }
        if self.grants_outside {
            let fault = "it has OK for all that lies outside of a network".to_owned();
            return Err(TableError::OpenRelay { table: name.to_owned(), fault });
        }
        coverage::check(name, &self.granted)
    }

    pub(super) fn granted_networks(&self) -> Vec<IpNet> {
        self.granted.clone()
    }

    pub(super) fn find(&self, key: &str) -> Option<AccessAction> {
        let address: IpAddr = key.parse().ok()?;
        let address = address.to_canonical();
        let holds = |condition: &Condition| Ok(condition.holds(address));
        let apply = |rule: &Rule| Ok(rule.action_for(address));
        let found: Result<_, std::convert::Infallible> = self.program.first(holds, apply);
        let Ok(number) = found;
        self.actions.get(number? as usize).cloned()
    }
}

impl Condition {
    fn holds(&self, address: IpAddr) -> bool {
        is_same_family(&self.network, address) && self.network.contains(&address) != self.is_negated
    }
}

impl Rule {
    fn action_for(&self, address: IpAddr) -> Option<u32> {
        match (self, address) {
            (Self::Inside(run), IpAddr::V4(address)) => {
                run.ipv4.get_lpm(&address.into()).map(|(_, action)| *action)
            }
            (Self::Inside(run), IpAddr::V6(address)) => {
                run.ipv6.get_lpm(&address.into()).map(|(_, action)| *action)
            }
            (Self::Outside(network, action), address) => {
                let is_outside = is_same_family(network, address) && !network.contains(&address);
                is_outside.then_some(*action)
            }
        }
    }
}

impl Run {
    fn add(&mut self, network: IpNet, action: u32) {
        match network {
            IpNet::V4(network) if self.ipv4.get_lpm(&network).is_none() => {
                self.ipv4.insert(network, action);
            }
            IpNet::V6(network) if self.ipv6.get_lpm(&network).is_none() => {
                self.ipv6.insert(network, action);
            }
            _ => {}
        }
    }
}

fn is_same_family(network: &IpNet, address: IpAddr) -> bool {
    matches!(network, IpNet::V4(_)) == address.is_ipv4()
}

/// `network` or `!network`, which begins at this octet of the line.
fn condition(line: &Line<'_>, offset: usize, text: &str) -> Result<Condition, TableError> {
    let inner = text.strip_prefix('!').map(str::trim_ascii_start);
    let network = inner.unwrap_or(text);
    let offset = offset + text.len() - network.len();
    Ok(Condition { network: parse(line, offset, network)?, is_negated: inner.is_some() })
}

/// `192.0.2.0/24` or `192.0.2.1`, in brackets or not.
fn parse(line: &Line<'_>, offset: usize, text: &str) -> Result<IpNet, TableError> {
    let plain = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, rest)) => format!("{address}{rest}"),
        None => text.to_owned(),
    };
    let network = match plain.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => plain.parse::<IpNet>().map_err(|_| {
            line.expected(offset, "a network, such as 192.0.2.0/24 or 2001:db8::/32")
        })?,
    };
    if network != network.trunc() {
        let expected = format!("no bits behind the prefix, as in {}", network.trunc());
        return Err(line.expected(offset, &expected));
    }
    Ok(network)
}
