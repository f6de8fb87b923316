//! The text output of `inspect`. An absent field has no line, unless its absence affects validation.

use super::facts::{CertificateFacts, DistributionPointFacts, InspectedFile};
use crate::cli::output::TextOutput;

pub(super) fn render(inspected: &InspectedFile) -> TextOutput {
    let mut output = TextOutput::default();
    let several = inspected.certificates.len() > 1;
    for (index, certificate) in inspected.certificates.iter().enumerate() {
        let number = if several { format!(" {}", index + 1) } else { String::new() };
        output.heading(&format!("certificate{number}: {}", certificate.subject));
        basic_fields(&mut output, certificate);
        names(&mut output, certificate);
        usages(&mut output, certificate);
        locations(&mut output, certificate);
        problems(&mut output, certificate);
        alt_security_identities(&mut output, certificate);
    }
    output
}

fn basic_fields(output: &mut TextOutput, certificate: &CertificateFacts) {
    let own = if certificate.self_issued { " (self-issued)" } else { "" };
    output.entry("issuer", format!("{}{own}", certificate.issuer));
    output.entry("serial", &certificate.serial);
    output.entry("valid", format!("{} to {}", certificate.not_before, certificate.not_after));
    output.entry("version", certificate.version);
    let unusable = if certificate.key.usable {
        ""
    } else {
        " (not supported: the certificate cannot authenticate a client)"
    };
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

fn usages(output: &mut TextOutput, certificate: &CertificateFacts) {
    match &certificate.extended_key_usages {
        Some(usages) => output.list("extended key usage", usages),
        None => output.entry("extended key usage", "absent: the usage is not restricted"),
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
            (true, Some(length)) => format!("a CA, path length {length}"),
        };
        output.entry("basic constraints", words);
    }
    output.list("policy", &certificate.policies);
}

fn locations(output: &mut TextOutput, certificate: &CertificateFacts) {
    output.list("crl", certificate.crl_distribution_points.iter().map(distribution_point));
    output.list("ocsp", &certificate.ocsp);
    output.list("issuer certificate", &certificate.ca_issuers);
    output.list("subject key id", &certificate.subject_key_identifier);
    output.list("authority key id", &certificate.authority_key_identifier);
}

/// Adds the properties for which the gateway may reject the certificate or not map it.
fn problems(output: &mut TextOutput, certificate: &CertificateFacts) {
    output.list("path constraint", &certificate.path_constraints);
    output.list("unknown critical", &certificate.unknown_critical_extensions);
    output.list("duplicate extension", &certificate.duplicate_extensions);
    output.list("undecodable extension", &certificate.undecodable_extensions);
    for form in &certificate.unreadable_names {
        output.entry("undecodable name", format!("{form}: names of this form are not mapped"));
    }
    if certificate.alternative_names_undecodable && certificate.unreadable_names.is_empty() {
        output.entry("undecodable name", "none of the alternative names is mapped");
    }
}

fn alt_security_identities(output: &mut TextOutput, certificate: &CertificateFacts) {
    let values = certificate.alt_security_identities.iter();
    output.list(
        "altSecurityIdentities",
        values.map(|identity| format!("{:<6}  {}", identity.strength, identity.value)),
    );
}

fn distribution_point(point: &DistributionPointFacts) -> String {
    let mut words = point.uris.join(" ");
    if point.uris.is_empty() {
        words.push_str("no URI");
    }
    if point.some_reasons {
        words.push_str(" (some reasons only)");
    }
    if point.other_issuer {
        words.push_str(" (signed by another issuer)");
    }
    words
}
