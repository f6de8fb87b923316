//! The text output of `explain`: one section for each step of the request pipeline, the response last.

use super::facts::{
    AccessListFacts, AuthorizationFacts, BackendRequestFacts, ChainFacts, ClientCertificateFacts,
    Explanation, MappingFacts, ResponseFacts, RuleFacts,
};
use crate::cli::chain_facts::CertificateSummary;
use crate::cli::output::TextOutput;

pub(super) fn render(explanation: &Explanation) -> TextOutput {
    let mut output = TextOutput::default();
    request(&mut output, explanation);
    if let Some(facts) = &explanation.rule {
        rule(&mut output, facts);
    }
    if let Some(facts) = &explanation.certificate {
        certificate(&mut output, facts);
    }
    if let Some(facts) = &explanation.authorization {
        authorization(&mut output, facts);
    }
    if let Some(facts) = &explanation.backend_request {
        backend_request(&mut output, facts);
    }
    response(&mut output, &explanation.response);
    output
}

fn request(output: &mut TextOutput, explanation: &Explanation) {
    output.heading(&format!("{} {}", explanation.method, explanation.url));
    output.entry("evaluated at", &explanation.evaluated_at);
    output.entry("client", explanation.client);
    output.list("listener", &explanation.listener);
    output.list("site", &explanation.site);
    output.list("canonical path", &explanation.canonical_path);
}

fn rule(output: &mut TextOutput, rule: &RuleFacts) {
    output.heading(&format!("path rule {}", rule.path));
    output.entry("client certificate", rule.client_certificate);
    let unmapped = if rule.password_for_unmapped_card { ", also for an unmapped certificate" } else { "" };
    output.entry("password", format!("{}{unmapped}", rule.password));
    output.entry("methods", rule.methods.join(", "));
    output.list("required usage", &rule.extended_key_usages);
    output.list("required policy, one of", &rule.certificate_policies);
    output.list("required issuer, one of", &rule.issuers);
    access_list(output, "allow", rule.allow.as_ref());
    access_list(output, "deny", rule.deny.as_ref());
    output.entry("query", rule.query);
    output.entry("cross-site requests", rule.cross_site);
    output.entry("max body", format!("{} bytes", rule.max_body));
    output.entry("backend", &rule.backend);
}

fn access_list(output: &mut TextOutput, label: &'static str, list: Option<&AccessListFacts>) {
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

fn authorization(output: &mut TextOutput, authorization: &AuthorizationFacts) {
    let result = match (authorization.permitted, authorization.by, &authorization.group) {
        (false, _, _) => "rejected".to_owned(),
        (true, _, Some(group)) => format!("permitted as a member of {group}"),
        (true, Some("everyone"), None) => "permitted, without an allow list".to_owned(),
        (true, Some(_), None) => "permitted by account name".to_owned(),
        (true, None, None) => "permitted as an anonymous request".to_owned(),
    };
    output.heading(&format!("authorization: {result}"));
    output.list("cause", &authorization.cause);
}

fn certificate(output: &mut TextOutput, certificate: &ClientCertificateFacts) {
    output.heading("client certificate");
    let status = match certificate.status {
        "evaluated" => "presented",
        "malformed" => "presented, but cannot be decoded",
        "ignored" => "ignored by the path rule",
        "not_requested" => "not requested by the site",
        "not_presented" => "requested, but not presented",
        other => other,
    };
    output.entry("status", status);
    output.list("realm", &certificate.realm);
    output.list("presented", certificate.presented.iter().map(|certificate| &certificate.subject));
    output.list("cached until", &certificate.cached_until);
    if let Some(facts) = &certificate.chain {
        chain(output, facts, &certificate.presented);
    }
    if let Some(revocation) = &certificate.revocation {
        let result = if revocation.passed { "passed" } else { "failed" };
        output.heading(&format!("revocation check (mode {}): {result}", revocation.mode));
        if revocation.certificates.is_empty() {
            output.entry("not checked", "the revocation mode of the realm is \"off\"");
        }
        for status in &revocation.certificates {
            status.add_to(output);
        }
    }
    if let Some(facts) = &certificate.mapping {
        mapping(output, facts);
    }
}

/// Adds the certificates of the valid paths. If there is none, the presented certificates are shown instead.
fn chain(output: &mut TextOutput, chain: &ChainFacts, presented: &[CertificateSummary]) {
    output.heading(if chain.valid { "chain: valid" } else { "chain: rejected" });
    output.list("cause", &chain.cause);
    for (index, path) in chain.paths.iter().enumerate() {
        if chain.paths.len() > 1 {
            output.entry("path", index + 1);
        }
        path.add_to(output);
    }
    if chain.paths.is_empty() {
        for (index, certificate) in presented.iter().enumerate() {
            certificate.add_to(if index == 0 { "certificate" } else { "also presented" }, output);
        }
    }
}

fn mapping(output: &mut TextOutput, mapping: &MappingFacts) {
    match &mapping.account {
        Some(account) => output.heading(&format!("mapping: {}", account.user)),
        None => output.heading("mapping: no account"),
    }
    for step in &mapping.steps {
        let values =
            if step.values.is_empty() { String::new() } else { format!("{}: ", step.values.join(", ")) };
        let result = match (step.mapper, step.result) {
            ("rule", "no_value") => "no rule matches",
            (_, "no_value") => "no such value in the certificate",
            (_, "issuer_not_permitted") => "not permitted for certificates of this issuer",
            (_, "no_account") => "no such account in the directory",
            (_, "agrees") => "the same account",
            (_, "skipped") => "skipped, because an account was already found",
            (_, other) => other,
        };
        output.entry(step.mapper, format!("{values}{result}"));
    }
    if let Some(lookup) = &mapping.lookup {
        output.list("directory query", &lookup.filters);
        output.list("found", &lookup.found);
    }
    output.list("cause", &mapping.cause);
    if let Some(account) = &mapping.account {
        output.list("account UPN", &account.upn);
        output.list("account SID", &account.sid);
        output.list("group", &account.groups);
        output.entry("mapped by", format!("{} ({})", account.method, account.strength));
    }
}

fn backend_request(output: &mut TextOutput, request: &BackendRequestFacts) {
    output.heading(&format!("request to backend {}: {} {}", request.backend, request.method, request.target));
    output.list("server", &request.servers);
    output.list("identity", request.identity.and_then(identity_beyond_headers));
    output.list("headers", request.headers.iter().map(|header| format!("{}: {}", header.name, header.value)));
    output.entry("", "and the other headers of the client (the request id is an example)");
}

fn identity_beyond_headers(identity: &'static str) -> Option<&'static str> {
    match identity {
        "kerberos" => Some("a Kerberos ticket for the user (`explain` requests none)"),
        "certificate" => Some("a certificate for the user (`explain` issues none)"),
        _ => None,
    }
}

fn response(output: &mut TextOutput, response: &ResponseFacts) {
    let status = match (response.status, response.sub_status) {
        (Some(status), Some(sub_status)) => format!("{status}.{sub_status}"),
        (Some(status), None) => status.to_string(),
        (None, _) => {
            output.heading("response: permit");
            return output.list("password prompt", response.password_prompt.map(password_prompt));
        }
    };
    output.heading(&format!("response: {} ({status})", response.decision));
    output.list("cause", &response.detail);
    output.list("redirect (308) to", &response.redirect);
    output.list("hint", response.hint);
    output.list("password prompt", response.password_prompt.map(password_prompt));
}

fn password_prompt(side: &'static str) -> &'static str {
    match side {
        "directory" => "by the gateway (WWW-Authenticate: Basic)",
        "backend" => "by the backend (pass-through authentication)",
        other => other,
    }
}
