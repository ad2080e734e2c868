//! What waits for a person, and what was decided.

use agentos_domain::{
    BlobHash, Decision, EdgeId, Entry, GrantScope, Proposal, ProposalKind, ProposalStatus,
    TaskStatus, ToolClass, call_hash,
};
use agentos_store::{Claimed, ProposalFilter, Resolution, Store, StoreError};

use crate::fixture::{
    APPROVAL_TTL, add_task, append, at, call, claim, intent, reply, result, try_claim, ws,
};

fn asked(id: &str) -> Entry {
    Entry::ApprovalAsked { call: call(id, "a"), class: ToolClass::Once, reasons: vec![] }
}

pub(crate) fn resolution(decision: Decision) -> Resolution {
    Resolution { decision, reviewer: "key_ann".into(), notes: None, content_hash: None }
}

fn approve(scope: GrantScope) -> Resolution {
    resolution(Decision::Approve { scope })
}

/// A run that waits for a person to confirm its first call.
async fn waiting(store: &dyn Store, now: i64) -> (Claimed, Proposal) {
    add_task(store, "a", now).await;
    let run = claim(store, &EdgeId::generate(), now + 1).await;
    let entries = [reply(vec![call("1", "a")]), asked("1")];
    let appended = append(store, &run, 1, &entries, now + 2).await.unwrap();
    assert_eq!(appended.task.status, TaskStatus::WaitingApproval);
    (run, appended.proposal.unwrap())
}

/// A run whose call of a tool has no result.
async fn lost(store: &dyn Store, now: i64) -> (Claimed, Proposal) {
    add_task(store, "a", now).await;
    let run = claim(store, &EdgeId::generate(), now + 1).await;
    let unknown = Entry::ToolUnknown { call_id: "1".into() };
    let begin = [reply(vec![call("1", "a")]), intent("1", "a", ToolClass::Once)];
    append(store, &run, 1, &begin, now + 2).await.unwrap();
    let appended = append(store, &run, 3, &[unknown], now + 3).await.unwrap();
    (run, appended.proposal.unwrap())
}

async fn pending(store: &dyn Store, workspace: &str) -> Vec<Proposal> {
    let filter = ProposalFilter { status: Some(ProposalStatus::Pending), before: None, limit: 100 };
    store.proposals(&ws(workspace), &filter).await.unwrap()
}

pub(crate) async fn a_call_waits_without_a_lease_until_it_is_approved(store: &dyn Store) {
    let (run, proposal) = waiting(store, 0).await;
    assert_eq!((proposal.kind, proposal.status), (ProposalKind::ToolCall, ProposalStatus::Pending));
    assert_eq!(
        (&proposal.call, proposal.content_hash),
        (&call("1", "a"), call_hash(&proposal.call))
    );
    assert_eq!((proposal.rationale.as_str(), proposal.created_at), ("text", at(2)));
    assert_eq!(pending(store, "a").await, std::slice::from_ref(&proposal));
    assert!(store.expire_leases(at(1000)).await.unwrap().is_empty(), "it holds no lease");
    assert!(try_claim(store, &run.edge, 1000).await.is_none(), "it is not queued");
    let late = append(store, &run, 3, &[intent("1", "a", ToolClass::Once)], 4).await;
    assert_eq!(late, Err(StoreError::Fenced));

    let id = &proposal.proposal_id;
    let resolved = store.resolve(&ws("a"), id, approve(GrantScope::Once), at(50)).await;
    let resolved = resolved.unwrap().unwrap();
    assert_eq!((resolved.task.status, resolved.step.seq), (TaskStatus::Pending, 3));
    assert_eq!(resolved.proposal.status, ProposalStatus::Approved);
    assert_eq!(resolved.proposal.reviewer.as_deref(), Some("key_ann"));
    assert_eq!(resolved.proposal.reviewed_at, Some(at(50)));
    let again = claim(store, &EdgeId::generate(), 51).await;
    assert!(again.fence > run.fence && again.granted.is_empty());
    assert!(matches!(again.journal.last(), Some(Entry::Decided { by, .. }) if by == "key_ann"));
    append(store, &again, 4, &[intent("1", "a", ToolClass::Once)], 52).await.unwrap();
    let applied = store.proposal(&ws("a"), id).await.unwrap().unwrap();
    assert_eq!((applied.status, applied.applied_at), (ProposalStatus::Applied, Some(at(52))));
}

pub(crate) async fn a_proposal_is_decided_once(store: &dyn Store) {
    let (_, proposal) = waiting(store, 0).await;
    let id = &proposal.proposal_id;
    let reject = || resolution(Decision::Reject { reason: "no".into() });
    let own = ws("a");
    let (yes, no) = tokio::join!(
        store.resolve(&own, id, approve(GrantScope::Once), at(5)),
        store.resolve(&own, id, reject(), at(5)),
    );
    assert_eq!(u8::from(yes.is_ok()) + u8::from(no.is_ok()), 1, "{yes:?} {no:?}");
    let after = store.resolve(&ws("a"), id, reject(), at(6)).await;
    assert!(matches!(after, Err(StoreError::AlreadyDecided { .. })), "{after:?}");
    let decided = store.proposal(&ws("a"), id).await.unwrap().unwrap();
    assert_eq!(decided.reviewed_at, Some(at(5)));
    let steps = store.steps(&ws("a"), &proposal.task_id, 0, 100).await.unwrap();
    let decisions = steps.iter().filter(|step| matches!(step.entry, Entry::Decided { .. }));
    assert_eq!(decisions.count(), 1);
}

pub(crate) async fn a_decision_is_bound_to_what_was_seen(store: &dyn Store) {
    let (_, proposal) = waiting(store, 0).await;
    let id = &proposal.proposal_id;
    let mut other = approve(GrantScope::Once);
    other.content_hash = Some(BlobHash::of(b"another call"));
    let refused = store.resolve(&ws("a"), id, other.clone(), at(5)).await;
    assert_eq!(refused, Err(StoreError::ContentDiffers));
    let wrong = store.resolve(&ws("a"), id, resolution(Decision::Retry), at(5)).await;
    assert!(matches!(wrong, Err(StoreError::WrongDecision { .. })), "{wrong:?}");
    assert_eq!(store.resolve(&ws("b"), id, approve(GrantScope::Once), at(5)).await, Ok(None));
    assert_eq!(pending(store, "a").await.len(), 1, "none of these changed anything");
    other.content_hash = Some(call_hash(&call("1", "a")));
    assert!(store.resolve(&ws("a"), id, other, at(6)).await.unwrap().is_some());
}

pub(crate) async fn a_lost_call_is_settled_by_a_person(store: &dyn Store) {
    for (decision, status, task) in [
        (
            Decision::Done { note: Some("seen".into()) },
            ProposalStatus::Applied,
            TaskStatus::Pending,
        ),
        (Decision::Retry, ProposalStatus::Approved, TaskStatus::Pending),
        (Decision::Abort, ProposalStatus::Applied, TaskStatus::Failed),
    ] {
        let (_, proposal) = lost(store, 0).await;
        assert_eq!(proposal.kind, ProposalKind::UnknownOutcome);
        assert_eq!(proposal.idempotency_key.as_deref(), Some("key-1"));
        assert_eq!((proposal.called_at, proposal.expires_at), (Some(at(2)), None));
        let retry = decision == Decision::Retry;
        let id = &proposal.proposal_id;
        let resolved = store.resolve(&ws("a"), id, resolution(decision), at(9)).await;
        let resolved = resolved.unwrap().unwrap();
        assert_eq!((resolved.proposal.status, resolved.task.status), (status, task));
        if task == TaskStatus::Failed {
            assert_eq!(resolved.task.error.unwrap().code, "aborted");
            continue;
        }
        let run = claim(store, &EdgeId::generate(), 10).await;
        let intent = intent("1", "a", ToolClass::Once);
        if retry {
            append(store, &run, 5, &[intent, result("1")], 11).await.unwrap();
        } else {
            assert!(append(store, &run, 5, &[intent], 11).await.is_err(), "it is done");
        }
        store.cancel(&ws("a"), &proposal.task_id, "enough", at(12)).await.unwrap();
    }
}

pub(crate) async fn what_nobody_decides_in_time_is_denied(store: &dyn Store) {
    let (_, proposal) = waiting(store, 0).await;
    let end = 2 + i64::try_from(APPROVAL_TTL.as_secs()).unwrap();
    assert_eq!(proposal.expires_at, Some(at(end)));
    let (_, unknown) = lost(store, 10).await;
    assert!(store.expire_proposals(at(end - 1)).await.unwrap().is_empty());
    let expired = store.expire_proposals(at(end)).await.unwrap();
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].proposal.status, ProposalStatus::Expired);
    assert_eq!(expired[0].task.status, TaskStatus::Pending, "the model is told");
    assert!(store.expire_proposals(at(end)).await.unwrap().is_empty());
    assert_eq!(pending(store, "a").await[0].proposal_id, unknown.proposal_id, "this one stays");
    let audit = store.audit(&ws("a"), None, 10).await.unwrap();
    assert_eq!((audit[0].action.as_str(), audit[0].actor.as_str()), ("expire", "system"));
}

pub(crate) async fn the_end_of_a_task_takes_its_proposal_along(store: &dyn Store) {
    let (_, proposal) = waiting(store, 0).await;
    store.cancel(&ws("a"), &proposal.task_id, "enough", at(5)).await.unwrap();
    assert!(pending(store, "a").await.is_empty());
    let id = &proposal.proposal_id;
    let late = store.resolve(&ws("a"), id, approve(GrantScope::Once), at(6)).await;
    assert!(matches!(late, Err(StoreError::AlreadyDecided { .. })), "{late:?}");
}

pub(crate) async fn a_grant_reaches_the_agents_next_runs(store: &dyn Store) {
    let (run, proposal) = waiting(store, 0).await;
    let id = &proposal.proposal_id;
    store.resolve(&ws("a"), id, approve(GrantScope::Agent), at(5)).await.unwrap();
    let tool = proposal.call.name.clone();
    assert_eq!(claim(store, &run.edge, 6).await.granted, std::slice::from_ref(&tool));
    let grants = store.tool_grants(&ws("a")).await.unwrap();
    assert_eq!((&grants[0].tool, &grants[0].proposal_id), (&tool, id));
    assert!(store.tool_grants(&ws("b")).await.unwrap().is_empty());

    add_task(store, "b", 7).await;
    assert!(claim(store, &run.edge, 8).await.granted.is_empty(), "another workspace");
    let (agent, own) = (&proposal.agent, ws("a"));
    let revoke = || store.revoke_tool_grant(&own, agent, &tool, "key_bob", at(9));
    assert!(!store.revoke_tool_grant(&ws("b"), agent, &tool, "key_bob", at(9)).await.unwrap());
    assert!(revoke().await.unwrap());
    assert!(!revoke().await.unwrap());
    add_task(store, "a", 10).await;
    assert!(claim(store, &run.edge, 11).await.granted.is_empty());
    let audit = store.audit(&ws("a"), None, 10).await.unwrap();
    let actions: Vec<_> = audit.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["revoke_grant", "approve"]);
    assert!(store.audit(&ws("b"), None, 10).await.unwrap().is_empty());
    assert_eq!(store.audit(&ws("a"), Some(audit[0].seq), 10).await.unwrap(), audit[1..]);
}

pub(crate) async fn those_who_are_to_be_told_are_told(store: &dyn Store) {
    let (_, proposal) = waiting(store, 0).await;
    let id = &proposal.proposal_id;
    assert_eq!(store.untold_proposals(10).await.unwrap().len(), 1);
    store.proposal_told(id, ProposalStatus::Pending).await.unwrap();
    assert!(store.untold_proposals(10).await.unwrap().is_empty());
    store.expire_proposals(proposal.expires_at.unwrap()).await.unwrap();
    assert_eq!(store.untold_proposals(10).await.unwrap()[0].status, ProposalStatus::Expired);
    store.proposal_told(id, ProposalStatus::Expired).await.unwrap();
    assert!(store.untold_proposals(10).await.unwrap().is_empty());
    store.cancel(&ws("a"), &proposal.task_id, "enough", at(40)).await.unwrap();
    let (_, decided) = waiting(store, 50).await;
    let id = &decided.proposal_id;
    store.resolve(&ws("a"), id, approve(GrantScope::Once), at(60)).await.unwrap();
    assert!(store.untold_proposals(10).await.unwrap().is_empty(), "it waits no more");
}

pub(crate) async fn proposals_come_in_pages_of_their_workspace(store: &dyn Store) {
    let mut made = Vec::new();
    for now in [0, 10, 20] {
        made.push(waiting(store, now).await.1.proposal_id);
    }
    let mut page = ProposalFilter { status: None, before: None, limit: 2 };
    let ids = async |page: &ProposalFilter| -> Vec<_> {
        let page = store.proposals(&ws("a"), page).await.unwrap();
        page.into_iter().map(|one| one.proposal_id).collect()
    };
    assert_eq!(ids(&page).await, [made[2].clone(), made[1].clone()]);
    page.before = Some(made[1].clone());
    assert_eq!(ids(&page).await, [made[0].clone()]);
    let foreign = store.proposals(&ws("b"), &page).await;
    assert_eq!(foreign, Err(StoreError::UnknownCursor));
    assert!(pending(store, "b").await.is_empty());
    assert_eq!(store.proposal(&ws("b"), &made[0]).await, Ok(None));
}
