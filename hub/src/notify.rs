//! Tells people by a webhook that something waits for them.

use std::sync::Arc;
use std::time::Duration;

use agentos_config::Secret;
use agentos_domain::{Proposal, ProposalStatus};
use agentos_engine::{Notifier, NotifyError};
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
        Ok(Some(Self { http, targets }))
    }
}

#[async_trait]
impl Notifier for Webhooks {
    async fn tell(&self, proposal: &Proposal) -> Result<(), NotifyError> {
        for (form, url) in &self.targets {
            let request = self.http.post(url.expose()).json(&body(*form, proposal));
            // The address holds the webhook's secret: it is no part of a message.
            let answer = request.send().await.map_err(|error| NotifyError(told(error)))?;
            if !answer.status().is_success() {
                let status = answer.status();
                return Err(NotifyError(format!("the webhook answers {status}: correct its URL")));
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use agentos_domain::{ProposalKind, Timestamp, ToolCall, ToolClass, call_hash};

    use super::*;

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
