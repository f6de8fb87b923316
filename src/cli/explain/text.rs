//! Takes an explanation, gives it in lines for people, the answer last.

use super::facts::{
    AccessFacts, AdmissionFacts, AnswerFacts, CardFacts, ChainFacts, Explanation, MappingFacts, RuleFacts,
    ToBackend,
};
use crate::cli::chain_facts::CertificateLine;
use crate::cli::output::TextOutput;

pub(super) fn render(explanation: &Explanation) -> TextOutput {
    let mut output = TextOutput::default();
    request(&mut output, explanation);
    if let Some(found) = &explanation.rule {
        rule(&mut output, found);
    }
    if let Some(facts) = &explanation.card {
        card(&mut output, facts);
    }
    if let Some(facts) = &explanation.admission {
        admission(&mut output, facts);
    }
    if let Some(request) = &explanation.to_backend {
        to_backend(&mut output, request);
    }
    answer(&mut output, &explanation.answer);
    output
}

fn request(output: &mut TextOutput, explanation: &Explanation) {
    output.heading(&format!("{} {}", explanation.method, explanation.url));
    output.entry("judged at", &explanation.judged_at);
    output.entry("client", explanation.client);
    output.list("listener", &explanation.listener);
    output.list("site", &explanation.site);
    output.list("canonical path", &explanation.canonical_path);
}

fn rule(output: &mut TextOutput, rule: &RuleFacts) {
    output.heading(&format!("rule {}", rule.path));
    output.entry("client certificate", rule.client_certificate);
    let unmapped = if rule.unmapped_card_may_use_password { ", also for a card of nobody" } else { "" };
    output.entry("password", format!("{}{unmapped}", rule.password));
    output.entry("methods", rule.methods.join(", "));
    output.list("demands usage", &rule.extended_key_usages);
    output.list("demands one policy of", &rule.certificate_policies);
    output.list("demands one issuer of", &rule.issuers);
    access(output, "lets in", rule.allow.as_ref());
    access(output, "keeps out", rule.deny.as_ref());
    output.entry("query", rule.query);
    output.entry("other sites' pages", rule.cross_site);
    output.entry("largest body", format!("{} bytes", rule.max_body));
    output.entry("backend", &rule.backend);
}

fn access(output: &mut TextOutput, label: &'static str, list: Option<&AccessFacts>) {
    let Some(list) = list else { return };
    let kinds = [
        ("account", &list.accounts),
        ("group", &list.groups),
        ("issuer", &list.issuers),
        ("network", &list.networks),
    ];
    let entries = kinds
        .into_iter()
        .flat_map(|(kind, entries)| entries.iter().map(move |entry| format!("{kind} {entry}")));
    output.list(label, entries);
}

fn admission(output: &mut TextOutput, admission: &AdmissionFacts) {
    let by = match (admission.admitted, admission.by, &admission.group) {
        (false, _, _) => "refused".to_owned(),
        (true, _, Some(group)) => format!("as a member of {group}"),
        (true, Some("everybody"), None) => "everybody is let in".to_owned(),
        (true, Some(_), None) => "by name".to_owned(),
        (true, None, None) => "under nobody's name".to_owned(),
    };
    output.heading(&format!("admission: {by}"));
    output.list("cause", &admission.cause);
}

fn card(output: &mut TextOutput, card: &CardFacts) {
    output.heading("certificate");
    let words = match card.status {
        "judged" => "presented and judged",
        "malformed" => "presented, and cannot be read",
        "not_looked_at" => "not looked at: the path ignores certificates",
        "not_asked" => "the site asks for none",
        "not_presented" => "asked for, none presented",
        other => other,
    };
    output.entry("status", words);
    output.list("realm", &card.realm);
    output.list("presented", card.presented.iter().map(|certificate| &certificate.subject));
    output.list("verdict holds until", &card.holds_until);
    if let Some(facts) = &card.chain {
        chain(output, facts, &card.presented);
    }
    if let Some(revocation) = &card.revocation {
        let verdict = if revocation.passed { "passed" } else { "refused" };
        output.heading(&format!("revocation ({}): {verdict}", revocation.mode));
        if revocation.certificates.is_empty() {
            output.entry("not looked at", "the realm's mode is off");
        }
        for status in &revocation.certificates {
            status.tell(output);
        }
    }
    if let Some(facts) = &card.mapping {
        mapping(output, facts);
    }
}

/// Certificate by certificate: those of the paths, or where there is none those that were presented.
fn chain(output: &mut TextOutput, chain: &ChainFacts, presented: &[CertificateLine]) {
    output.heading(if chain.valid { "chain: valid" } else { "chain: refused" });
    output.list("cause", &chain.cause);
    for (index, path) in chain.paths.iter().enumerate() {
        if chain.paths.len() > 1 {
            output.entry("path", index + 1);
        }
        path.tell(output);
    }
    if chain.paths.is_empty() {
        for (index, certificate) in presented.iter().enumerate() {
            certificate.tell(if index == 0 { "certificate" } else { "sent along" }, output);
        }
    }
}

fn mapping(output: &mut TextOutput, mapping: &MappingFacts) {
    match &mapping.account {
        Some(account) => output.heading(&format!("mapping: {}", account.user)),
        None => output.heading("mapping: nobody"),
    }
    for step in &mapping.steps {
        let saw = if step.saw.is_empty() { "nothing".to_owned() } else { step.saw.join(", ") };
        let result = match step.result {
            "nothing_to_go_on" => "the next one is asked",
            "not_fed" => "the issuer may not feed it; the next one is asked",
            "nobody_found" => "nobody in the directory has it; the next one is asked",
            "agrees" => "the same account",
            "passed_over" => "passed over, since somebody was found before",
            other => other,
        };
        output.entry("asked", format!("{}, which saw {saw}: {result}", step.mapper));
    }
    if let Some(look_up) = &mapping.look_up {
        output.list("directory asked", &look_up.filters);
        output.list("directory has", &look_up.found);
    }
    output.list("cause", &mapping.cause);
    if let Some(account) = &mapping.account {
        output.list("upn", &account.upn);
        output.list("sid", &account.sid);
        output.list("group", &account.groups);
        output.entry("by", format!("{}, {}", account.method, account.strength));
    }
}

fn to_backend(output: &mut TextOutput, request: &ToBackend) {
    output.heading(&format!("to the backend {}: {} {}", request.backend, request.method, request.target));
    output.list("server", &request.servers);
    output.list("identity", request.identity.and_then(beyond_headers));
    output.list("headers", request.headers.iter().map(|header| format!("{}: {}", header.name, header.value)));
    output.entry("", "and the client's own (the request id is an example)");
}

fn beyond_headers(identity: &'static str) -> Option<&'static str> {
    match identity {
        "kerberos" => Some("a Kerberos ticket in the user's name, which is not asked for here"),
        "certificate" => Some("a certificate in the user's name, which is not made here"),
        _ => None,
    }
}

fn answer(output: &mut TextOutput, answer: &AnswerFacts) {
    let status = match (answer.status, answer.sub_status) {
        (Some(status), Some(sub_status)) => format!("{status}.{sub_status}"),
        (Some(status), None) => status.to_string(),
        (None, _) => {
            output.heading("answer: permit");
            return output.list("dialogue", answer.dialogue.map(dialogue));
        }
    };
    output.heading(&format!("answer: {} ({status})", answer.decision));
    output.list("cause", &answer.detail);
    output.list("sent on (308) to", &answer.redirect);
    output.list("hint", answer.hint);
    output.list("dialogue", answer.dialogue.map(dialogue));
}

fn dialogue(with: &'static str) -> &'static str {
    match with {
        "directory" => "the client is asked for a user name and a password (WWW-Authenticate: Basic)",
        "backend" => "the backend asks the client itself, and the gate passes that on",
        other => other,
    }
}
