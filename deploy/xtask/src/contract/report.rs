//! What schemathesis reports, as JSON.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The parts of a report that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// Operations that were tested.
    pub(crate) operations: u64,
    /// Requests that were made.
    pub(crate) cases: u64,
    selected: u64,
    failures: u64,
    errors: u64,
    complete: bool,
    /// Operations that never succeeded.
    unreached: Vec<String>,
}

impl Report {
    /// From the text of `--report json`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let report: Value = serde_json::from_str(text).context("the report is no JSON")?;
        let number = |path: &str| {
            report.pointer(path).and_then(Value::as_u64).with_context(|| format!("no {path}"))
        };
        let length = |name: &str| report[name].as_array().map_or(0, Vec::len) as u64;
        let rates = report["valid_rates"].as_object().context("no /valid_rates")?;
        let reached = |phases: &Value| {
            let phases = phases.as_object().into_iter().flat_map(|phases| phases.values());
            phases.filter_map(|phase| phase["accepted"].as_u64()).sum::<u64>() > 0
        };
        let unreached = rates.iter().filter(|(_, phases)| !reached(phases));
        Ok(Self {
            operations: number("/operations/tested")?,
            cases: number("/test_cases/generated")?,
            selected: number("/operations/selected")?,
            failures: length("failures").max(number("/test_cases/unique_failures")?),
            errors: length("errors") + number("/operations/errored")?,
            complete: report["complete"] == true,
            unreached: unreached.map(|(name, _)| name.clone()).collect(),
        })
    }

    /// The report itself where nothing was found and nothing was left out.
    /// `success` is what the exit code says.
    pub(crate) fn judge(self, success: bool) -> Result<Self> {
        let Self { operations, selected, cases, failures, errors, complete, .. } = self;
        if failures > 0 || errors > 0 {
            bail!("schemathesis found {failures} failures and {errors} errors in {cases} cases");
        }
        if !success {
            bail!("schemathesis failed without a finding: see its warnings");
        }
        if !complete || operations == 0 || operations != selected {
            bail!("schemathesis tested {operations} of {selected} operations and did not finish");
        }
        Ok(self)
    }

    /// Fails where an operation never succeeded, but for the ones named.
    pub(crate) fn all_accepted(&self, except: &[&str]) -> Result<()> {
        let missing: Vec<_> =
            self.unreached.iter().filter(|name| !except.contains(&name.as_str())).collect();
        if missing.is_empty() {
            return Ok(());
        }
        bail!("no request succeeded, so nothing was learnt of wrong keys: {missing:?}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Value {
        json!({
            "complete": true,
            "operations": { "total": 3, "selected": 2, "tested": 2, "errored": 0 },
            "test_cases": { "generated": 40, "unique_failures": 0 },
            "failures": [],
            "errors": [],
            "valid_rates": {
                "GET /a": { "fuzzing": { "accepted": 1 } },
                "POST /b": { "coverage": { "accepted": 0 }, "fuzzing": { "accepted": 0 } },
            },
        })
    }

    fn judged(change: impl Fn(&mut Value), success: bool) -> Result<Report> {
        let mut report = report();
        change(&mut report);
        Report::parse(&report.to_string())?.judge(success)
    }

    #[test]
    fn only_a_whole_run_without_findings_is_good() {
        let good = judged(|_| (), true).unwrap();
        assert_eq!((good.operations, good.cases), (2, 40));
        assert!(judged(|_| (), false).is_err());
        assert!(judged(|report| report["failures"] = json!([{}]), true).is_err());
        assert!(judged(|report| report["test_cases"]["unique_failures"] = json!(1), true).is_err());
        assert!(judged(|report| report["errors"] = json!([{}]), true).is_err());
        assert!(judged(|report| report["operations"]["errored"] = json!(1), true).is_err());
        assert!(judged(|report| report["complete"] = json!(false), true).is_err());
        assert!(judged(|report| report["operations"]["tested"] = json!(1), true).is_err());
        let none = json!({ "selected": 0, "tested": 0, "errored": 0 });
        assert!(judged(|report| report["operations"] = none.clone(), true).is_err());
        assert!(Report::parse("{}").is_err());
        assert!(Report::parse("").is_err());
    }

    #[test]
    fn operations_that_never_succeeded_are_named() {
        let report = Report::parse(&report().to_string()).unwrap();
        assert!(report.all_accepted(&[]).unwrap_err().to_string().contains("POST /b"));
        report.all_accepted(&["POST /b"]).unwrap();
    }
}
