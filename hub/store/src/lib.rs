//! The hub's database: everything that has to survive a crash, behind verbs
//! of the domain.
//!
//! [`Store`] is the contract: each verb is one transaction, and takes the time
//! as an argument. [`Ledger`] is the part of it that is about money, and
//! [`KernelStore`] that of the kernel's plugins, and [`JobStore`] that of the
//! hub's own jobs. All are implemented by [`SqliteStore`]. The promises of the contract are held by the
//! conformance suite in `tests/store/conformance`.
//!
//! ```text
//!             claim_next                 append(Finished)
//!  pending ───────────────► running ───────────────────────► completed
//!     ▲   release, expiry,   │   │ append(Failed), fail
//!     └── revoke, new session┘   ├─────────────────────────► failed
//!                                │ append(ToolUnknown, ApprovalAsked)
//!                                └───────► waiting_approval ── resolve ──► pending, failed
//!  cancel: from every status that is not final to cancelled
//! ```

mod day;
mod error;
mod jobs;
mod kernel;
mod ledger;
mod sqlite;
mod store;
mod types;
mod usd;

pub use day::{Day, DayError};
pub use error::StoreError;
pub use jobs::{JobSlot, JobSlotStatus, JobStore};
pub use kernel::{
    BilledDay, DayOutcome, KernelCounts, KernelStore, MeteredDay, ReplacedResult, ResultFilter,
    ResultId, ResultOrder, ResultRecord, RunEnd, RunFilter, RunId, RunRecord, RunStatus,
};
pub use ledger::{
    Admission, Budget, BudgetScope, CallOutcome, CallRecord, Ledger, ModelCall, OnLimit,
    OverBudget, Period, SettledCall, Settlement, Spend,
};
pub use sqlite::{Disk, SqliteConfig, SqliteStore, WriteStats};
pub use store::Store;
pub use types::{
    Append, Appended, AuditRecord, BlobOffer, Cancelled, Claim, ClaimLimits, Claimed, Created,
    EdgeRecord, Health, HeldLease, KeyRecord, Lease, Placement, ProposalFilter, ProviderKeyRecord,
    Redeemed, Resolution, Resolved, RunScope, SealedKey, Settle, Settled, SlotAction, SlotRun,
    TaskFilter, TaskLoad,
};
pub use usd::{Usd, UsdError};
