//! What the server does wrong on purpose.
//!
//! * **In**: rules as text; mailpit's triggers. **Out**: rules with their numbers and hits.
//! * **Promises**: a change acts from the next command on, and viewers are told. Mailpit's triggers are rules like
//!   others, three at most, and replaced as a whole.
//! * **Limits**: [`RULES_MAX`]. **Panics**: never. **Spec**: `smtp_server::testing::Rule`; mailpit's API v1, chaos.

use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use smtp_server::testing::{Faults, On, Rule, RuleId};

use super::App;
use super::answer::{Problem, json, ok, read_json};
use crate::store::Change;

const RULES_MAX: usize = 1000;

/// The rules, and which of them mailpit's clients set.
pub(crate) struct Rules {
    pub(crate) faults: Faults,
    chaos: Mutex<Chaos>,
}

#[derive(Default)]
struct Chaos {
    triggers: Triggers,
    rules: Vec<RuleId>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(rename = "ID")]
    id: String,
    rule: String,
    hits: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub(super) struct New {
    rule: String,
}

/// Mailpit's `Triggers`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub(super) struct Triggers {
    sender: Trigger,
    recipient: Trigger,
    authentication: AuthenticationTrigger,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
struct Trigger {
    error_code: u16,
    /// In percent.
    probability: u8,
}

/// With a default of its own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
struct AuthenticationTrigger {
    error_code: u16,
    probability: u8,
}

impl Default for Trigger {
    fn default() -> Self {
        Self { error_code: 451, probability: 0 }
    }
}

impl Default for AuthenticationTrigger {
    fn default() -> Self {
        Self { error_code: 535, probability: 0 }
    }
}

impl Rules {
    pub(crate) fn new(faults: Faults) -> Self {
        Self { faults, chaos: Mutex::default() }
    }
}

pub(super) async fn list(State(app): State<App>) -> Response {
    let rules = app.rules.faults.rules().into_iter();
    let listed =
        rules.map(|(id, rule, hits)| Listed { id: id.to_string(), rule: rule.to_string(), hits });
    json(&listed.collect::<Vec<_>>())
}

pub(super) async fn add(State(app): State<App>, body: Bytes) -> Result<Response, Problem> {
    let New { rule } = read_json(&body)?;
    if rule.trim().is_empty() {
        return Err(Problem::bad(
            "Rule: there is none, such as 'rcpt nth=2 reply=\"451 4.2.1 later\"'",
        ));
    }
    let rule: Rule = rule.parse().map_err(Problem::bad)?;
    if app.rules.faults.rules().len() >= RULES_MAX {
        return Err(Problem::Bad(format!("there are {RULES_MAX} rules already")));
    }
    let text = rule.to_string();
    let id = app.rules.faults.add(rule);
    app.store.tell(Change::Faults);
    Ok(json(&Listed { id: id.to_string(), rule: text, hits: 0 }))
}

pub(super) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = id.parse::<RuleId>().map_err(|_| Problem::NotFound)?;
    if !app.rules.faults.remove(id) {
        return Err(Problem::NotFound);
    }
    app.store.tell(Change::Faults);
    Ok(ok())
}

pub(super) async fn clear(State(app): State<App>) -> Response {
    app.rules.faults.clear();
    *app.rules.chaos.lock().unwrap_or_else(PoisonError::into_inner) = Chaos::default();
    app.store.tell(Change::Faults);
    ok()
}

pub(super) async fn chaos(State(app): State<App>) -> Response {
    json(&app.rules.chaos.lock().unwrap_or_else(PoisonError::into_inner).triggers)
}

pub(super) async fn set_chaos(State(app): State<App>, body: Bytes) -> Result<Response, Problem> {
    let triggers: Triggers = read_json(&body)?;
    let Triggers { sender, recipient, authentication } = triggers;
    let rules = [
        rule(On::Mail, sender.error_code, sender.probability)?,
        rule(On::Rcpt, recipient.error_code, recipient.probability)?,
        rule(On::Auth, authentication.error_code, authentication.probability)?,
    ];
    {
        let mut chaos = app.rules.chaos.lock().unwrap_or_else(PoisonError::into_inner);
        for former in chaos.rules.drain(..) {
            app.rules.faults.remove(former);
        }
        chaos.rules.extend(rules.into_iter().flatten().map(|rule| app.rules.faults.add(rule)));
        chaos.triggers = triggers;
    }
    app.store.tell(Change::Faults);
    Ok(json(&triggers))
}

/// What a trigger means; nothing for one that never does anything.
fn rule(on: On, code: u16, percent: u8) -> Result<Option<Rule>, Problem> {
    if !(400..=599).contains(&code) {
        return Err(Problem::bad("error code must be between 400 and 599"));
    }
    if percent > 100 {
        return Err(Problem::bad("probability must be between 0 and 100"));
    }
    if percent == 0 {
        return Ok(None);
    }
    let text = format!(
        "{} probability={} reply=\"{code} Chaos\"",
        on.as_str(),
        f64::from(percent) / 100.0
    );
    text.parse().map(Some).map_err(Problem::bad)
}
