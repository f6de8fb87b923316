//! One thing that was tried, what came of it, and what would mend it. The field names are a contract.

use crate::cli::output::TextOutput;
use serde::Serialize;

/// What came of one trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Which part of the configuration: `backend rms, https://10.0.0.5:443`.
    pub(super) about: String,
    /// What was tried.
    pub(super) what: String,
    pub(super) verdict: Verdict,
    /// What was found, in words.
    pub(super) found: String,
    /// What to do about it, where something is to be done; the likeliest first.
    pub(super) mend: Vec<String>,
}

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It does what it is for.
    Works,
    /// It cannot be tried from here.
    Untested,
    /// It works, and somebody should look at it.
    Doubtful,
    /// It does not work.
    Fails,
}

/// All that was tried, as a script reads it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The worst verdict of all.
    pub(super) verdict: Verdict,
    pub(super) findings: Vec<Finding>,
}

impl Finding {
    pub(super) fn works(about: &str, what: &str, found: impl Into<String>) -> Self {
        Self {
            about: about.to_owned(),
            what: what.to_owned(),
            verdict: Verdict::Works,
            found: found.into(),
            mend: Vec::new(),
        }
    }

    /// The same with a verdict that is worse, and what to do about it.
    pub(super) fn but(self, verdict: Verdict, mend: impl Into<String>) -> Self {
        Self { verdict, mend: vec![mend.into()], ..self }
    }

    /// The same as a failure that has several likely causes.
    pub(super) fn fails(self, mends: &[&str]) -> Self {
        Self { verdict: Verdict::Fails, mend: mends.iter().map(|mend| (*mend).to_owned()).collect(), ..self }
    }
}

impl Report {
    pub(super) fn of(findings: Vec<Finding>) -> Self {
        let verdict = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Works);
        Self { verdict, findings }
    }

    /// Whether somebody has to do something.
    pub(super) fn is_fine(&self) -> bool {
        self.verdict <= Verdict::Untested
    }

    pub(super) fn output(&self) -> TextOutput {
        let mut output = TextOutput::default();
        let mut about = "";
        for finding in &self.findings {
            if finding.about != about {
                output.heading(&finding.about);
                about = &finding.about;
            }
            output.entry(finding.verdict.words(), format!("{}: {}", finding.what, finding.found));
            output.list("", finding.mend.iter().map(|mend| format!("mend: {mend}")));
        }
        output
    }
}

impl Verdict {
    const fn words(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Untested => "untested",
            Self::Doubtful => "DOUBTFUL",
            Self::Fails => "FAILS",
        }
    }
}
