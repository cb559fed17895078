//! Several authenticators as one.
//!
//! * **In**: two authenticators. **Out**: the mechanisms of both; a question goes to the one whose exchange asks.
//! * **Promises**: a mechanism that both have is the first one's. **Limits**: none. **Panics**: never. **Spec**: none.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;

use crate::hooks::{
    Authenticator, CredentialAnswer, CredentialQuery, CustomQuery, SaslExchange, SaslStep,
};
use crate::info::SessionInfo;

/// The mechanisms of two authenticators: see [`AuthenticatorExt::or`].
#[derive(Clone, Debug)]
pub struct Or<A, B> {
    first: A,
    second: B,
}

/// Joins authenticators into a sentence.
pub trait AuthenticatorExt: Authenticator + Sized {
    /// The mechanisms of this one, then those of `second` that it lacks.
    fn or<B: Authenticator>(self, second: B) -> Or<Self, B> {
        Or { first: self, second }
    }
}

impl<A: Authenticator> AuthenticatorExt for A {}

#[async_trait]
impl<A: Authenticator, B: Authenticator> Authenticator for Or<A, B> {
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        let mut mechanisms = self.first.mechanisms(info);
        for mechanism in self.second.mechanisms(info) {
            if !mechanisms.contains(&mechanism) {
                mechanisms.push(mechanism);
            }
        }
        mechanisms
    }

    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        let (exchange, side) = match self.first.mechanisms(info).contains(&mechanism) {
            true => (self.first.start(mechanism, info)?, Side::First),
            false => (self.second.start(mechanism, info)?, Side::Second),
        };
        Some(Box::new(Addressed { exchange, side }))
    }

    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer {
        let CredentialQuery::Custom(query) = query else { return CredentialAnswer::Denied };
        let query: &dyn Any = &**query;
        match query.downcast_ref() {
            Some(AddressedQuery { query, side: Side::First }) => {
                self.first.look_up(query, info).await
            }
            Some(AddressedQuery { query, side: Side::Second }) => {
                self.second.look_up(query, info).await
            }
            None => CredentialAnswer::Denied,
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    First,
    Second,
}

/// An exchange whose questions carry the address of the authenticator that began it.
struct Addressed {
    exchange: Box<dyn SaslExchange>,
    side: Side,
}

struct AddressedQuery {
    query: CredentialQuery,
    side: Side,
}

impl CustomQuery for AddressedQuery {
    fn authcid(&self) -> &str {
        self.query.authcid()
    }
}

impl Addressed {
    fn address(&self, step: SaslStep) -> SaslStep {
        match step {
            SaslStep::Ask(query) => {
                let query = AddressedQuery { query, side: self.side };
                SaslStep::Ask(CredentialQuery::Custom(Arc::new(query)))
            }
            step => step,
        }
    }
}

impl SaslExchange for Addressed {
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep {
        let step = self.exchange.step(response);
        self.address(step)
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        let step = self.exchange.answer(answer);
        self.address(step)
    }
}
