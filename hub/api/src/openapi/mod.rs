//! The description of the API (OpenAPI 3.1), made from the code: each handler
//! describes itself, and the table of routes adds who may call it and which
//! errors it answers.

mod approvals;
mod billing;
mod document;
mod machines;
mod schedules;
mod schemas;
mod spending;
mod stream;

pub(crate) use approvals::{
    AskReason, AuditPage, Decision, GrantPage, GrantScope, PendingPage, Proposal, ProposalPage,
    ProposalStatus,
};
pub(crate) use billing::{
    ExportForm, KernelHealth, KernelTaskReport, MonthlyTotals, Reconciliation, ResultPage, RunPage,
    RunStatus, Triggered,
};
pub(crate) use document::serve;
#[cfg(test)]
pub(crate) use document::{document, templates};
pub(crate) use machines::{
    Edge, EdgePage, Health, Invitation, Key, KeyPage, NewKey, ProviderKey, ProviderKeyPage,
    Readiness, RevokedEdge, Scope, Session,
};
pub(crate) use schedules::{Schedule, SchedulePage, SlotPage};
pub(crate) use schemas::{
    File, FilePage, OnEdgeLost, Priority, Privacy, Problem, StepPage, Task, TaskPage, TaskStatus,
};
pub(crate) use spending::{Budget, BudgetPage, CallPage, ModelPage, OnLimit};
pub(crate) use stream::TaskEvent;
