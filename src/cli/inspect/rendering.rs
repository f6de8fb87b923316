//! Takes the facts of certificates, gives them in lines for people. What is absent is left out, save where its absence
//! says something.

use super::facts::{CertificateFacts, DistributionPointFacts, Inspection};
use crate::cli::sheet::Sheet;

pub(super) fn sheet(inspection: &Inspection) -> Sheet {
    let mut sheet = Sheet::default();
    let several = inspection.certificates.len() > 1;
    for (index, certificate) in inspection.certificates.iter().enumerate() {
        let number = if several { format!(" {}", index + 1) } else { String::new() };
        sheet.heading(&format!("certificate{number}: {}", certificate.subject));
        certificate_itself(&mut sheet, certificate);
        names(&mut sheet, certificate);
        purposes(&mut sheet, certificate);
        places(&mut sheet, certificate);
        misgivings(&mut sheet, certificate);
        directory(&mut sheet, certificate);
    }
    sheet
}

fn certificate_itself(sheet: &mut Sheet, certificate: &CertificateFacts) {
    let own = if certificate.self_issued { " (itself)" } else { "" };
    sheet.entry("issuer", format!("{}{own}", certificate.issuer));
    sheet.entry("serial", &certificate.serial);
    sheet.entry("valid", format!("{} to {}", certificate.not_before, certificate.not_after));
    sheet.entry("version", certificate.version);
    let unusable = if certificate.key.usable { "" } else { ": cannot be used to log in" };
    sheet.entry("key", format!("{}{unusable}", certificate.key.name));
    sheet.entry("signed with", &certificate.signature_algorithm);
    sheet.entry("sha256", &certificate.sha256);
    sheet.entry("key id (sha256)", &certificate.key_id);
}

fn names(sheet: &mut Sheet, certificate: &CertificateFacts) {
    sheet.list("upn", &certificate.upns);
    sheet.list("e-mail", &certificate.emails);
    sheet.list("dns name", &certificate.dns_names);
    sheet.list("uri", &certificate.uris);
    sheet.list("directory name", &certificate.directory_names);
    sheet.list("sid", &certificate.sid);
}

fn purposes(sheet: &mut Sheet, certificate: &CertificateFacts) {
    match &certificate.extended_key_usages {
        Some(usages) => sheet.list("extended key usage", usages),
        None => sheet.entry("extended key usage", "absent: does not say what it is for"),
    }
    if let Some(usages) = &certificate.application_policies {
        sheet.list("application policy", usages);
    }
    if let Some(usages) = &certificate.key_usage {
        sheet.entry("key usage", usages.join(", "));
    }
    if let Some(constraints) = &certificate.basic_constraints {
        let words = match (constraints.ca, constraints.path_length) {
            (false, _) => "not a CA".to_owned(),
            (true, None) => "a CA".to_owned(),
            (true, Some(length)) => format!("a CA with at most {length} CAs below it"),
        };
        sheet.entry("basic constraints", words);
    }
    sheet.list("policy", &certificate.policies);
}

fn places(sheet: &mut Sheet, certificate: &CertificateFacts) {
    sheet.list("crl", certificate.crl_distribution_points.iter().map(distribution_point));
    sheet.list("ocsp", &certificate.ocsp);
    sheet.list("issuer's certificate", &certificate.ca_issuers);
    sheet.list("subject key id", &certificate.subject_key_identifier);
    sheet.list("authority key id", &certificate.authority_key_identifier);
}

/// What makes the gate refuse it, or not map by it.
fn misgivings(sheet: &mut Sheet, certificate: &CertificateFacts) {
    sheet.list("limits the path", &certificate.path_constraints);
    sheet.list("critical and unknown", &certificate.unknown_critical_extensions);
    sheet.list("stands there twice", &certificate.duplicate_extensions);
    sheet.list("cannot be decoded", &certificate.undecodable_extensions);
    for form in &certificate.unreadable_names {
        sheet.entry("cannot be read", format!("an alternative name: no {form} names an account"));
    }
    if certificate.alternative_names_undecodable && certificate.unreadable_names.is_empty() {
        sheet.entry("cannot be decoded", "one of the alternative names: none of them names an account");
    }
}

fn directory(sheet: &mut Sheet, certificate: &CertificateFacts) {
    let values = certificate.alt_security_identities.iter();
    sheet.list(
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
