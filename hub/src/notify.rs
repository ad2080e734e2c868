//! Tells people by a webhook that something waits for them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentos_config::Secret;
use agentos_domain::{Proposal, ProposalId, ProposalStatus};
use agentos_engine::{Notifier, NotifyError};
use agentos_store::{BudgetScope, Spend};
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

/// Webhooks that are told of proposals.
pub(crate) struct Webhooks {
    http: reqwest::Client,
    targets: Vec<(Form, Secret)>,
    /// The targets that know of a proposal which others do not know of yet.
    partly: Mutex<HashSet<(ProposalId, ProposalStatus, usize)>>,
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
        let mut failed = None;
        for (number, (form, url)) in self.targets.iter().enumerate() {
            let key = (proposal.proposal_id.clone(), proposal.status, number);
            if self.partly().contains(&key) {
                continue;
            }
            match self.post(url, &body(*form, proposal)).await {
                Ok(()) => {
                    self.partly().insert(key);
                }
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.partly().retain(|(id, ..)| *id != proposal.proposal_id);
        Ok(())
    }
}

impl Webhooks {
    fn partly(&self) -> MutexGuard<'_, HashSet<(ProposalId, ProposalStatus, usize)>> {
        self.partly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells all of a budget that is nearly used up. Those who could be told are
    /// told again where others could not.
    pub(crate) async fn tell_of_budget(&self, spend: &Spend) -> Result<(), NotifyError> {
        for (form, url) in &self.targets {
            self.post(url, &budget_body(*form, spend)).await?;
        }
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

#[cfg(test)]
mod tests {
    use agentos_domain::{NanoUsd, ProposalKind, Timestamp, ToolCall, ToolClass, call_hash};

    use agentos_store::Period;

    use super::*;

    #[test]
    fn a_budget_is_told_with_its_amounts() {
        let spend = Spend {
            period: Period::of(Timestamp::from_millis(1_795_300_000_000)),
            scope: BudgetScope::Installation,
            settled: NanoUsd(4_000_000_000),
            reserved: NanoUsd(100_000_000),
            calls: 7,
            limit: Some(NanoUsd(5_000_000_000)),
        };
        let json = budget_body(Form::Json, &spend);
        assert_eq!(
            (&json["settled_usd"], &json["month"]),
            (&"4.000000000".into(), &"2026-11".into())
        );
        let text = budget_body(Form::Discord, &spend).to_string();
        assert!(text.contains("4.000000000 of 5.000000000 USD"), "{text}");
    }

    #[test]
    fn nothing_of_the_content_leaves_the_hub() {
        let call = ToolCall {
            id: "call_1".into(),
            name: "mail_send".parse().unwrap(),
            arguments: json!({ "text": "canary" }),
        };
        let proposal = Proposal {
            proposal_id: agentos_domain::ProposalId::generate(),
            workspace_id: "a".parse().unwrap(),
            kind: ProposalKind::ToolCall,
            status: ProposalStatus::Pending,
            title: "MailAgent wants to call mail_send".into(),
            rationale: "canary".into(),
            task_id: agentos_domain::TaskId::generate(),
            agent: "MailAgent".parse().unwrap(),
            content_hash: call_hash(&call),
            call,
            class: ToolClass::Once,
            idempotency_key: None,
            called_at: None,
            decision: None,
            reviewer: None,
            reviewer_notes: Some("canary".into()),
            created_at: Timestamp::from_millis(0),
            reviewed_at: None,
            applied_at: None,
            expires_at: None,
        };
        for form in [Form::Json, Form::Discord] {
            let text = body(form, &proposal).to_string();
            assert!(text.contains("mail_send") && !text.contains("canary"), "{text}");
        }
        assert_eq!(body(Form::Json, &proposal)["event"], "proposal_created");
    }
}
