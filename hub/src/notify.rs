//! Tells people by webhooks that something waits for them, that a budget is
//! nearly used up, or that what providers charge is out of the ordinary.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_config::Secret;
use agentos_domain::{Proposal, ProposalId, ProposalStatus};
use agentos_engine::{Notifier, NotifyError};
use agentos_kernel::Alert;
use agentos_store::{BudgetScope, Period, Spend};
use async_trait::async_trait;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};

use crate::error::HubError;

/// How long a webhook may take.
const DEADLINE: Duration = Duration::from_secs(8);

/// What a webhook's server wants to read.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A document for programs.
    Json,
    /// Discord's messages.
    Discord,
}

/// What people are told of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum News {
    Proposal(ProposalId, ProposalStatus),
    Budget(BudgetScope, Period),
    /// What is told of costs, as it is written.
    Costs(String),
}

impl News {
    /// Whether it is about the same thing as other news.
    fn is_about(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Proposal(one, _), Self::Proposal(another, _)) => one == another,
            (one, another) => one == another,
        }
    }
}

/// Webhooks that are told of proposals and budgets.
pub(crate) struct Webhooks {
    http: reqwest::Client,
    targets: Vec<(Form, Secret)>,
    /// The targets that know of something which others do not know of yet.
    partly: Mutex<HashSet<(News, usize)>>,
}

impl Webhooks {
    /// The webhooks that are configured; `None` where there is none.
    pub(crate) fn new(
        json: Option<&Secret>,
        discord: Option<&Secret>,
    ) -> Result<Option<Self>, HubError> {
        let json = json.map(|url| (Form::Json, url.clone()));
        let discord = discord.map(|url| (Form::Discord, url.clone()));
        let targets: Vec<_> = json.into_iter().chain(discord).collect();
        if targets.is_empty() {
            return Ok(None);
        }
        let failed = |error: &dyn std::fmt::Display| HubError::Webhook(error.to_string());
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Some(Self { http, targets, partly: Mutex::default() }))
    }
}

#[async_trait]
impl Notifier for Webhooks {
    async fn tell(&self, proposal: &Proposal) -> Result<(), NotifyError> {
        let news = News::Proposal(proposal.proposal_id.clone(), proposal.status);
        self.tell_all(news, |form| body(form, proposal)).await
    }
}

impl Webhooks {
    fn partly(&self) -> MutexGuard<'_, HashSet<(News, usize)>> {
        self.partly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all of a budget that is nearly used up.
    pub(crate) async fn tell_of_budget(&self, spend: &Spend) -> Result<(), NotifyError> {
        let news = News::Budget(spend.scope.clone(), spend.period.clone());
        self.tell_all(news, |form| budget_body(form, spend)).await
    }

    /// Tells all of something about what providers charge.
    pub(crate) async fn tell_of_costs(&self, alert: &Alert) -> Result<(), NotifyError> {
        let news = News::Costs(alert.message());
        self.tell_all(news, |form| costs_body(form, alert)).await
    }

    /// Tells each target once, also where others cannot be told; those are told
    /// when this is called again.
    async fn tell_all(&self, news: News, body: impl Fn(Form) -> Value) -> Result<(), NotifyError> {
        let mut failed = None;
        for (number, (form, url)) in self.targets.iter().enumerate() {
            let key = (news.clone(), number);
            if self.partly().contains(&key) {
                continue;
            }
            match self.post(url, &body(*form)).await {
                Ok(()) => {
                    self.partly().insert(key);
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.partly().retain(|(known, _)| !known.is_about(&news));
        Ok(())
    }

    async fn post(&self, url: &Secret, body: &Value) -> Result<(), NotifyError> {
        let request = self.http.post(url.expose()).json(body);
        // The address holds the webhook's secret: it is no part of a message.
        let status = request.send().await.map_err(|error| NotifyError(told(error)))?.status();
        match status.as_u16() {
            200..=299 => Ok(()),
            401 | 403 | 404 | 410 => {
                Err(NotifyError(format!("the webhook answers {status}: correct its URL")))
            }
            _ => Err(NotifyError(format!("the webhook answers {status}"))),
        }
    }
}

fn told(error: reqwest::Error) -> String {
    format!("the webhook cannot be reached: {}", error.without_url())
}

/// The title names an agent and a tool; nothing else of a proposal leaves the hub.
fn body(form: Form, proposal: &Proposal) -> Value {
    match form {
        Form::Json => json!({
            "event": match proposal.status {
                ProposalStatus::Expired => "proposal_expired",
                _ => "proposal_created",
            },
            "proposal_id": proposal.proposal_id,
            "type": proposal.kind,
            "status": proposal.status,
            "title": proposal.title,
            "task_id": proposal.task_id,
            "agent": proposal.agent,
            "created_at": proposal.created_at,
            "expires_at": proposal.expires_at,
        }),
        Form::Discord => {
            let waits = match proposal.status {
                ProposalStatus::Expired => "was not decided in time and is denied",
                _ => "waits for your decision",
            };
            let id = &proposal.proposal_id;
            let content = format!("{}: {waits}.\n`agentos approvals show {id}`", proposal.title);
            json!({ "content": content, "allowed_mentions": { "parse": [] } })
        }
    }
}

/// Whose budget it is, and the amounts.
fn budget_body(form: Form, spend: &Spend) -> Value {
    let limit = spend.limit.unwrap_or_default();
    let scope = match &spend.scope {
        BudgetScope::Installation => "of all calls together".to_owned(),
        BudgetScope::Workspace(id) => format!("of the workspace {id}"),
        BudgetScope::Key(id) => format!("of the key {id}"),
    };
    match form {
        Form::Json => json!({
            "event": "budget_alert",
            "scope": spend.scope.kind(),
            "id": spend.scope.id(),
            "month": spend.period.to_string(),
            "limit_usd": limit.to_string(),
            "settled_usd": spend.settled.to_string(),
            "reserved_usd": spend.reserved.to_string(),
        }),
        Form::Discord => {
            let content = format!(
                "The budget {scope} for {}: {} of {limit} USD are spent, {} USD reserved.",
                spend.period, spend.settled, spend.reserved
            );
            json!({ "content": content, "allowed_mentions": { "parse": [] } })
        }
    }
}

/// Which alert it is, with its amounts.
fn costs_body(form: Form, alert: &Alert) -> Value {
    match form {
        Form::Json => json!({
            "event": "cost_alert",
            "alert": alert.code(),
            "message": alert.message(),
            "details": alert,
        }),
        Form::Discord => {
            json!({ "content": alert.message(), "allowed_mentions": { "parse": [] } })
        }
    }
}

#[cfg(test)]
mod tests;
