//! The report of `check --online`. Scripts depend on the field names.

use crate::cli::output::TextOutput;
use serde::Serialize;

/// The result of one check of one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct OnlineFinding {
    /// The component that was checked: `backend rms, https://10.0.0.5:443`.
    pub(super) component: String,
    /// The property that was checked.
    pub(super) check: String,
    pub(super) result: CheckResult,
    /// The facts on which the result is based, as text.
    pub(super) detail: String,
    /// Proposed changes, the most likely one first; empty if nothing needs a fix.
    pub(super) fix: Vec<String>,
}

/// Ordered by severity, so that the maximum of all findings is the result of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CheckResult {
    Passed,
    /// The check is not possible from here.
    NotTested,
    /// Requests succeed, but an administrator should act.
    Warning,
    Failed,
}

/// All findings, in the order in which they were made.
#[derive(Debug, Serialize)]
pub(super) struct OnlineReport {
    /// The most severe result of all findings.
    pub(super) result: CheckResult,
    pub(super) findings: Vec<OnlineFinding>,
}

impl OnlineFinding {
    pub(super) fn passed(component: &str, check: &str, detail: impl Into<String>) -> Self {
        Self {
            component: component.to_owned(),
            check: check.to_owned(),
            result: CheckResult::Passed,
            detail: detail.into(),
            fix: Vec::new(),
        }
    }

    pub(super) fn warning(self, fix: impl Into<String>) -> Self {
        Self { result: CheckResult::Warning, fix: vec![fix.into()], ..self }
    }

    pub(super) fn not_tested(self, fix: impl Into<String>) -> Self {
        Self { result: CheckResult::NotTested, fix: vec![fix.into()], ..self }
    }

    /// Returns the finding as a failure, with a fix for each likely cause.
    pub(super) fn failed(self, fixes: &[&str]) -> Self {
        let fix = fixes.iter().map(|fix| (*fix).to_owned()).collect();
        Self { result: CheckResult::Failed, fix, ..self }
    }
}

impl OnlineReport {
    pub(super) fn of(findings: Vec<OnlineFinding>) -> Self {
        let result = findings.iter().map(|finding| finding.result).max().unwrap_or(CheckResult::Passed);
        Self { result, findings }
    }

    /// Returns whether every check passed. A check that is not possible from here does not count as a failure.
    pub(super) fn is_success(&self) -> bool {
        self.result <= CheckResult::NotTested
    }

    pub(super) fn text(&self) -> TextOutput {
        let mut output = TextOutput::default();
        let mut component = "";
        for finding in &self.findings {
            if finding.component != component {
                output.heading(&finding.component);
                component = &finding.component;
            }
            output.entry(finding.result.label(), format!("{}: {}", finding.check, finding.detail));
            output.list("", finding.fix.iter().map(|fix| format!("fix: {fix}")));
        }
        output
    }
}

impl CheckResult {
    const fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotTested => "not tested",
            Self::Warning => "WARNING",
            Self::Failed => "FAILED",
        }
    }
}
