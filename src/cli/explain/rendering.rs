//! Takes an explanation, gives it in lines for people, the answer last.

use super::explanation::{
    AccessFacts, AdmissionFacts, AnswerFacts, CardFacts, ChainFacts, Explanation, MappingFacts, RuleFacts,
    ToBackend,
};
use crate::cli::findings::CertificateLine;
use crate::cli::sheet::Sheet;

pub(super) fn sheet(explanation: &Explanation) -> Sheet {
    let mut sheet = Sheet::default();
    request(&mut sheet, explanation);
    if let Some(found) = &explanation.rule {
        rule(&mut sheet, found);
    }
    if let Some(facts) = &explanation.card {
        card(&mut sheet, facts);
    }
    if let Some(facts) = &explanation.admission {
        admission(&mut sheet, facts);
    }
    if let Some(request) = &explanation.to_backend {
        to_backend(&mut sheet, request);
    }
    answer(&mut sheet, &explanation.answer);
    sheet
}

fn request(sheet: &mut Sheet, explanation: &Explanation) {
    sheet.heading(&format!("{} {}", explanation.method, explanation.url));
    sheet.entry("judged at", &explanation.judged_at);
    sheet.entry("client", explanation.client);
    sheet.list("listener", &explanation.listener);
    sheet.list("site", &explanation.site);
    sheet.list("canonical path", &explanation.canonical_path);
}

fn rule(sheet: &mut Sheet, rule: &RuleFacts) {
    sheet.heading(&format!("rule {}", rule.path));
    sheet.entry("client certificate", rule.client_certificate);
    let unmapped = if rule.unmapped_card_may_use_password { ", also for a card of nobody" } else { "" };
    sheet.entry("password", format!("{}{unmapped}", rule.password));
    sheet.entry("methods", rule.methods.join(", "));
    sheet.list("demands usage", &rule.extended_key_usages);
    sheet.list("demands one policy of", &rule.certificate_policies);
    sheet.list("demands one issuer of", &rule.issuers);
    access(sheet, "lets in", rule.allow.as_ref());
    access(sheet, "keeps out", rule.deny.as_ref());
    sheet.entry("query", rule.query);
    sheet.entry("other sites' pages", rule.cross_site);
    sheet.entry("largest body", format!("{} bytes", rule.max_body));
    sheet.entry("backend", &rule.backend);
}

fn access(sheet: &mut Sheet, label: &'static str, list: Option<&AccessFacts>) {
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
    sheet.list(label, entries);
}

fn admission(sheet: &mut Sheet, admission: &AdmissionFacts) {
    let by = match (admission.admitted, admission.by, &admission.group) {
        (false, _, _) => "refused".to_owned(),
        (true, _, Some(group)) => format!("as a member of {group}"),
        (true, Some("everybody"), None) => "everybody is let in".to_owned(),
        (true, Some(_), None) => "by name".to_owned(),
        (true, None, None) => "under nobody's name".to_owned(),
    };
    sheet.heading(&format!("admission: {by}"));
    sheet.list("cause", &admission.cause);
}

fn card(sheet: &mut Sheet, card: &CardFacts) {
    sheet.heading("certificate");
    let words = match card.status {
        "judged" => "presented and judged",
        "malformed" => "presented, and cannot be read",
        "not_looked_at" => "not looked at: the path ignores certificates",
        "not_asked" => "the site asks for none",
        "not_presented" => "asked for, none presented",
        other => other,
    };
    sheet.entry("status", words);
    sheet.list("realm", &card.realm);
    sheet.list("presented", card.presented.iter().map(|certificate| &certificate.subject));
    sheet.list("verdict holds until", &card.holds_until);
    if let Some(facts) = &card.chain {
        chain(sheet, facts, &card.presented);
    }
    if let Some(revocation) = &card.revocation {
        let verdict = if revocation.passed { "passed" } else { "refused" };
        sheet.heading(&format!("revocation ({}): {verdict}", revocation.mode));
        if revocation.certificates.is_empty() {
            sheet.entry("not looked at", "the realm's mode is off");
        }
        for status in &revocation.certificates {
            status.tell(sheet);
        }
    }
    if let Some(facts) = &card.mapping {
        mapping(sheet, facts);
    }
}

/// Certificate by certificate: those of the paths, or where there is none those that were presented.
fn chain(sheet: &mut Sheet, chain: &ChainFacts, presented: &[CertificateLine]) {
    sheet.heading(if chain.valid { "chain: valid" } else { "chain: refused" });
    sheet.list("cause", &chain.cause);
    for (index, path) in chain.paths.iter().enumerate() {
        if chain.paths.len() > 1 {
            sheet.entry("path", index + 1);
        }
        path.tell(sheet);
    }
    if chain.paths.is_empty() {
        for (index, certificate) in presented.iter().enumerate() {
            certificate.tell(if index == 0 { "certificate" } else { "sent along" }, sheet);
        }
    }
}

fn mapping(sheet: &mut Sheet, mapping: &MappingFacts) {
    match &mapping.account {
        Some(account) => sheet.heading(&format!("mapping: {}", account.user)),
        None => sheet.heading("mapping: nobody"),
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
        sheet.entry("asked", format!("{}, which saw {saw}: {result}", step.mapper));
    }
    if let Some(look_up) = &mapping.look_up {
        sheet.list("directory asked", &look_up.filters);
        sheet.list("directory has", &look_up.found);
    }
    sheet.list("cause", &mapping.cause);
    if let Some(account) = &mapping.account {
        sheet.list("upn", &account.upn);
        sheet.list("sid", &account.sid);
        sheet.list("group", &account.groups);
        sheet.entry("by", format!("{}, {}", account.method, account.strength));
    }
}

fn to_backend(sheet: &mut Sheet, request: &ToBackend) {
    sheet.heading(&format!("to the backend {}: {} {}", request.backend, request.method, request.target));
    sheet.list("server", &request.servers);
    sheet.list("identity", request.identity.and_then(beyond_headers));
    sheet.list("headers", request.headers.iter().map(|header| format!("{}: {}", header.name, header.value)));
    sheet.entry("", "and the client's own (the request id is an example)");
}

fn beyond_headers(identity: &'static str) -> Option<&'static str> {
    match identity {
        "kerberos" => Some("a Kerberos ticket in the user's name, which is not asked for here"),
        "certificate" => Some("a certificate in the user's name, which is not made here"),
        _ => None,
    }
}

fn answer(sheet: &mut Sheet, answer: &AnswerFacts) {
    let status = match (answer.status, answer.sub_status) {
        (Some(status), Some(sub_status)) => format!("{status}.{sub_status}"),
        (Some(status), None) => status.to_string(),
        (None, _) => {
            sheet.heading("answer: permit");
            return sheet.list("dialogue", answer.dialogue.map(dialogue));
        }
    };
    sheet.heading(&format!("answer: {} ({status})", answer.decision));
    sheet.list("cause", &answer.detail);
    sheet.list("sent on (308) to", &answer.redirect);
    sheet.list("hint", answer.hint);
    sheet.list("dialogue", answer.dialogue.map(dialogue));
}

fn dialogue(with: &'static str) -> &'static str {
    match with {
        "directory" => "the client is asked for a user name and a password (WWW-Authenticate: Basic)",
        "backend" => "the backend asks the client itself, and the gate passes that on",
        other => other,
    }
}
