//! Takes the facts of certificates, gives them in lines for people. What is absent is left out, save where its absence
//! says something.

use super::facts::{CertificateFacts, DistributionPointFacts, Inspection};
use crate::cli::output::TextOutput;

pub(super) fn render(inspection: &Inspection) -> TextOutput {
    let mut output = TextOutput::default();
    let several = inspection.certificates.len() > 1;
    for (index, certificate) in inspection.certificates.iter().enumerate() {
        let number = if several { format!(" {}", index + 1) } else { String::new() };
        output.heading(&format!("certificate{number}: {}", certificate.subject));
        certificate_itself(&mut output, certificate);
        names(&mut output, certificate);
        purposes(&mut output, certificate);
        places(&mut output, certificate);
        misgivings(&mut output, certificate);
        directory(&mut output, certificate);
    }
    output
}

fn certificate_itself(output: &mut TextOutput, certificate: &CertificateFacts) {
    let own = if certificate.self_issued { " (itself)" } else { "" };
    output.entry("issuer", format!("{}{own}", certificate.issuer));
    output.entry("serial", &certificate.serial);
    output.entry("valid", format!("{} to {}", certificate.not_before, certificate.not_after));
    output.entry("version", certificate.version);
    let unusable = if certificate.key.usable { "" } else { ": cannot be used to log in" };
    output.entry("key", format!("{}{unusable}", certificate.key.name));
    output.entry("signed with", &certificate.signature_algorithm);
    output.entry("sha256", &certificate.sha256);
    output.entry("key id (sha256)", &certificate.key_id);
}

fn names(output: &mut TextOutput, certificate: &CertificateFacts) {
    output.list("upn", &certificate.upns);
    output.list("e-mail", &certificate.emails);
    output.list("dns name", &certificate.dns_names);
    output.list("uri", &certificate.uris);
    output.list("directory name", &certificate.directory_names);
    output.list("sid", &certificate.sid);
}

fn purposes(output: &mut TextOutput, certificate: &CertificateFacts) {
    match &certificate.extended_key_usages {
        Some(usages) => output.list("extended key usage", usages),
        None => output.entry("extended key usage", "absent: does not say what it is for"),
    }
    if let Some(usages) = &certificate.application_policies {
        output.list("application policy", usages);
    }
    if let Some(usages) = &certificate.key_usage {
        output.entry("key usage", usages.join(", "));
    }
    if let Some(constraints) = &certificate.basic_constraints {
        let words = match (constraints.ca, constraints.path_length) {
            (false, _) => "not a CA".to_owned(),
            (true, None) => "a CA".to_owned(),
            (true, Some(length)) => format!("a CA with at most {length} CAs below it"),
        };
        output.entry("basic constraints", words);
    }
    output.list("policy", &certificate.policies);
}

fn places(output: &mut TextOutput, certificate: &CertificateFacts) {
    output.list("crl", certificate.crl_distribution_points.iter().map(distribution_point));
    output.list("ocsp", &certificate.ocsp);
    output.list("issuer's certificate", &certificate.ca_issuers);
    output.list("subject key id", &certificate.subject_key_identifier);
    output.list("authority key id", &certificate.authority_key_identifier);
}

/// What makes the gate refuse it, or not map by it.
fn misgivings(output: &mut TextOutput, certificate: &CertificateFacts) {
    output.list("limits the path", &certificate.path_constraints);
    output.list("critical and unknown", &certificate.unknown_critical_extensions);
    output.list("stands there twice", &certificate.duplicate_extensions);
    output.list("cannot be decoded", &certificate.undecodable_extensions);
    for form in &certificate.unreadable_names {
        output.entry("cannot be read", format!("an alternative name: no {form} names an account"));
    }
    if certificate.alternative_names_undecodable && certificate.unreadable_names.is_empty() {
        output.entry("cannot be decoded", "one of the alternative names: none of them names an account");
    }
}

fn directory(output: &mut TextOutput, certificate: &CertificateFacts) {
    let values = certificate.alt_security_identities.iter();
    output.list(
        "altSecurityIdentities",
        values.map(|identity| format!("{:<6}  {}", identity.strength, identity.value)),
    );
}

fn distribution_point(point: &DistributionPointFacts) -> String {
    let mut words = point.uris.join(" ");
    if point.uris.is_empty() {
        words.push_str("without a URI");
    }
    if point.some_reasons {
        words.push_str(" (for some reasons only)");
    }
    if point.other_issuer {
        words.push_str(" (of another issuer)");
    }
    words
}
