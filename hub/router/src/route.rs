//! Which deployments may answer a request, and in which order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::seq::SliceRandom as _;

use crate::config::{Fallback, Location, Strategy};
use crate::deployment::Deployment;

/// All deployments, by the names that they answer to.
pub(crate) struct Pool {
    pub(crate) groups: BTreeMap<String, Vec<Arc<Deployment>>>,
    pub(crate) fallbacks: Vec<Fallback>,
    pub(crate) strategy: Strategy,
}

impl Pool {
    /// The deployments that a name stands for: a group's, or the one of that
    /// name.
    pub(crate) fn named(&self, name: &str) -> Option<(String, Vec<Arc<Deployment>>)> {
        if let Some(group) = self.groups.get(name) {
            return Some((name.to_owned(), group.clone()));
        }
        let all = self.groups.values().flatten();
        let one = all.into_iter().find(|deployment| deployment.name() == name)?;
        Some((one.config.group.clone(), vec![Arc::clone(one)]))
    }

    /// The deployments in the order in which they are asked.
    pub(crate) fn ordered(&self, mut deployments: Vec<Arc<Deployment>>) -> Vec<Arc<Deployment>> {
        // Those that are alike come in any order.
        deployments.shuffle(&mut rand::rng());
        match self.strategy {
            Strategy::LeastBusy => deployments.sort_by_key(|deployment| deployment.under_way()),
            Strategy::Fastest => deployments.sort_by_key(|deployment| deployment.latency()),
            Strategy::Shuffle => {}
        }
        deployments
    }

    /// The groups that may answer where `group` failed with an error that comes
    /// under `condition`, in their order.
    pub(crate) fn after<'s>(
        &'s self,
        group: &'s str,
        condition: &'s str,
    ) -> impl Iterator<Item = &'s str> {
        let rules = self.fallbacks.iter().filter(move |rule| rule.model == group);
        rules.filter(move |rule| rule.is_for(condition)).map(|rule| rule.fallback.as_str())
    }

    /// The group that answers where `group` is less sure than its rule wants,
    /// and how sure it has to be.
    pub(crate) fn when_unsure(&self, group: &str) -> Option<(&str, f64)> {
        let mut rules = self.fallbacks.iter().filter(|rule| rule.model == group);
        rules.find_map(|rule| Some((rule.fallback.as_str(), rule.confidence_below?)))
    }

    /// The deployments that may answer for a group where it has none that can be
    /// reached: its own, and those of the fallbacks, however long the way.
    pub(crate) fn behind(&self, group: &str) -> Vec<Arc<Deployment>> {
        let (mut seen, mut found) = (vec![group.to_owned()], Vec::new());
        let mut next = 0;
        while let Some(name) = seen.get(next).cloned() {
            next += 1;
            found.extend(self.groups.get(&name).into_iter().flatten().cloned());
            for after in self.after(&name, "unavailable") {
                if !seen.iter().any(|seen| seen == after) {
                    seen.push(after.to_owned());
                }
            }
        }
        found
    }

    /// All local deployments, for whom nothing else may answer.
    pub(crate) fn local(&self) -> Vec<Arc<Deployment>> {
        let all = self.groups.values().flatten();
        let local = all.filter(|deployment| deployment.config.location == Location::Local);
        local.cloned().collect()
    }
}

/// The way of one request through the deployments.
///
/// First the group that was asked for, then the groups of the fallbacks; when
/// all have failed, those once more whose failure may pass.
pub(crate) struct Route<'p> {
    pool: &'p Pool,
    seen: Vec<String>,
    queue: VecDeque<Arc<Deployment>>,
    again: Vec<Arc<Deployment>>,
    second: bool,
    /// Whether no fallback counts.
    stays: bool,
    /// The groups that were asked, the newest last, and what their last failures
    /// came under.
    conditions: Vec<(String, &'static str)>,
}

impl<'p> Route<'p> {
    pub(crate) fn new(pool: &'p Pool, group: String, deployments: Vec<Arc<Deployment>>) -> Self {
        let queue = pool.ordered(deployments).into();
        let seen = vec![group.clone()];
        let conditions = vec![(group, "unavailable")];
        Self { pool, seen, queue, again: Vec::new(), second: false, stays: false, conditions }
    }

    /// The next deployment; none where all have been asked.
    pub(crate) fn next(&mut self) -> Option<Arc<Deployment>> {
        loop {
            if let Some(next) = self.queue.pop_front() {
                return Some(next);
            }
            if !self.second {
                if !self.stays && self.go_on() {
                    continue;
                }
                self.second = true;
                self.queue.extend(std::mem::take(&mut self.again));
                if !self.queue.is_empty() {
                    continue;
                }
            }
            return None;
        }
    }

    /// Goes on with the first group that is to answer for one of those that have
    /// failed, the newest first. False where there is none left.
    fn go_on(&mut self) -> bool {
        let pool = self.pool;
        loop {
            let unseen = |name: &&str| !self.seen.iter().any(|seen| seen == name);
            let next = self.conditions.iter().rev().find_map(|(group, condition)| {
                pool.after(group, condition).find(unseen).map(ToOwned::to_owned)
            });
            match next {
                None => return false,
                Some(group) if self.go_to(&group) => return true,
                // A name that stands for nothing; it is not tried again.
                Some(_) => {}
            }
        }
    }

    /// Whether deployments that have failed are asked once more.
    pub(crate) fn is_second(&self) -> bool {
        self.second
    }

    /// Goes on with the deployments of another group. False where it has been
    /// there, or there is none of that name.
    pub(crate) fn go_to(&mut self, group: &str) -> bool {
        if self.seen.iter().any(|seen| seen == group) {
            return false;
        }
        self.seen.push(group.to_owned());
        let Some((name, deployments)) = self.pool.named(group) else { return false };
        self.conditions.push((name, "unavailable"));
        self.queue = self.pool.ordered(deployments).into();
        true
    }

    /// Where nothing that costs money may answer: local deployments, those of
    /// which were asked already left out.
    pub(crate) fn go_local(&mut self, asked: &[String]) {
        let mut local = self.pool.local();
        local.retain(|deployment| !asked.iter().any(|name| name == deployment.name()));
        self.queue = self.pool.ordered(local).into();
        self.again.clear();
        self.stays = true;
    }

    /// Has no fallback count.
    pub(crate) fn stay(&mut self) {
        self.stays = true;
    }

    /// Notes what a failure came under.
    pub(crate) fn failed(&mut self, condition: &'static str) {
        if let Some((_, last)) = self.conditions.last_mut() {
            *last = condition;
        }
    }

    /// Has a deployment asked once more when all others have failed.
    pub(crate) fn try_again(&mut self, deployment: Arc<Deployment>) {
        if !self.second {
            self.again.push(deployment);
        }
    }
}
