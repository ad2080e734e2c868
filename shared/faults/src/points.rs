//! All points, and where they are.

/// Which program passes a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Program {
    /// The hub.
    Hub,
    /// The edge.
    Edge,
}

/// A point of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// What it is called.
    pub name: &'static str,
    /// Who passes it.
    pub program: Program,
    /// How things stand there.
    pub stands: &'static str,
}

const fn hub(name: &'static str, stands: &'static str) -> Point {
    Point { name, program: Program::Hub, stands }
}

const fn edge(name: &'static str, stands: &'static str) -> Point {
    Point { name, program: Program::Edge, stands }
}

/// Every point: around each commit and each effect, in the order of a run. A
/// test holds that the sources use each of them once and no others.
pub const POINTS: &[Point] = &[
    hub(
        "hub.started",
        "the leases of a process before have been extended; nothing is dispatched yet",
    ),
    hub("store.operation.done", "an operation has run in a transaction that is open"),
    hub("store.commit.before", "all operations of a transaction have run; it is not committed"),
    hub("store.commit.after", "a transaction is committed; nobody has been answered"),
    hub("hub.submit.before", "a submission is found to be valid; nothing is stored"),
    hub("hub.submit.durable", "a task is durable; its client has not been answered"),
    hub("hub.claim.done", "a task is leased; its edge has not been told"),
    hub("hub.execute.answered", "an edge has taken a run"),
    hub(
        "hub.take_up.renewed",
        "the leases that an edge brought along were looked at; its runs are not followed",
    ),
    hub("hub.append.received", "an edge's report is read; nothing is stored"),
    hub("hub.append.durable", "an edge's report is durable; nobody has been told"),
    hub("hub.append.told", "those who watch know of a report; its edge has not been answered"),
    hub("hub.heartbeat.renewed", "leases are renewed; their edge has not been answered"),
    hub(
        "hub.session.opened",
        "an edge's new session is durable; the leases that it lost are not taken back",
    ),
    hub(
        "hub.session.taken_back",
        "the leases that an edge lost are taken back; it has not been welcomed",
    ),
    hub("hub.leases.expired", "leases whose time was over are taken back; nobody has been told"),
    hub("hub.give_back.before", "an edge has let go of a run; its lease is not looked at yet"),
    hub("hub.give_back.done", "the lease of a run that its edge let go of is gone"),
    hub("hub.cancel.durable", "a cancellation is durable; the edge has not been told"),
    hub(
        "hub.cancel.passed_on",
        "the edge of a cancelled run has been told; the client has not been answered",
    ),
    hub("hub.resolve.before", "a decision on a proposal has come; nothing is stored"),
    hub("hub.resolve.durable", "a decision is durable; nobody has been told"),
    edge("edge.execute.accepted", "a run is accepted; the hub has not been answered"),
    edge("edge.run.recovered", "a run of an earlier process is about to go on"),
    edge("edge.file.fetched", "a file of a run has come and is in the cache"),
    edge("edge.files.laid_out", "a run's files are laid out; nothing has been done"),
    edge("edge.model.before", "the model is about to be called"),
    edge("edge.model.replied", "the model has answered; its answer is not reported"),
    edge("edge.intent.before", "a tool is about to be announced"),
    edge("edge.intent.told", "the hub has a tool's announcement; the edge has not kept it"),
    edge("edge.intent.durable", "a tool's call is announced, durably; it has not been made"),
    edge("edge.effect.done", "a tool's call has had its effect; its result is not reported"),
    edge("edge.result.kept", "a report is on the edge's disk; the hub does not have it"),
    edge("edge.result.durable", "a tool's result is durable"),
    edge("edge.ask.durable", "a question for a person is durable; the run has not stopped"),
    edge("edge.append.sending", "a report is about to be sent, perhaps again"),
    edge("edge.append.answered", "the hub has answered a report"),
    edge("edge.heartbeat.answered", "the hub has answered a heartbeat"),
    edge("edge.cancel.received", "the hub has asked for the end of a run; it goes on"),
    edge("edge.run.over", "a run is over; the edge still holds it"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_can_be_told_from_their_number() {
        let names: HashSet<_> = POINTS.iter().map(|point| point.name).collect();
        assert_eq!(names.len(), POINTS.len());
        let fits = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b"._".contains(&b));
        assert!(names.iter().all(|name| fits(name)), "{names:?}");
    }
}
