//! Encodings of header values: text as printable ASCII that percent-decodes to it (RFC 3986 2.1, UTF-8), and certificates
//! in the forms of RFC 9440, of Envoy and of IIS ARR.
//!
//! IIS reads header bytes as ANSI or UTF-8, depending on version and setting, so only ASCII is sent. Values are never
//! truncated.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode, utf8_percent_encode};

/// The characters that are encoded in every value: the percent sign, controls and non-ASCII.
pub(super) const IN_VALUE: &AsciiSet = &CONTROLS.add(b'%');
/// In an item of a comma-separated list, also the comma.
pub(super) const IN_LIST: &AsciiSet = &IN_VALUE.add(b',');

/// Appends `text`. Spaces at either end are encoded too, because HTTP strips them (RFC 9110 5.5).
pub(super) fn push_encoded(value: &mut String, text: &str, set: &'static AsciiSet) {
    let after_spaces = text.trim_start_matches(' ');
    let inner = after_spaces.trim_end_matches(' ');
    value.extend(std::iter::repeat_n("%20", text.len() - after_spaces.len()));
    value.extend(utf8_percent_encode(inner, set));
    value.extend(std::iter::repeat_n("%20", after_spaces.len() - inner.len()));
}

/// `text` as the whole value of a header.
pub(super) fn encode(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    push_encoded(&mut value, text, IN_VALUE);
    value
}

/// The header value of a text that this file or base64 produced.
pub(super) fn header_value(printable: String) -> HeaderValue {
    HeaderValue::try_from(printable)
        .expect("percent-encoding and base64 leave only printable ASCII and inner spaces")
}

/// The characters that Envoy percent-encodes in PEM (`urlEncodedPemEncodedPeerCertificate`), besides line ends.
const IN_PEM: &AsciiSet = &CONTROLS.add(b' ').add(b'+').add(b'/').add(b'=');
/// Base64 characters in a line of PEM (RFC 7468 2).
const PEM_LINE: usize = 64;

/// `Client-Cert`: one Byte Sequence of RFC 8941 3.3.5 (RFC 9440 2.2).
pub(super) fn client_cert(leaf: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(leaf))
}

/// `Client-Cert-Chain`: the other certificates in the order of TLS, without the leaf (RFC 9440 2.3).
pub(super) fn client_cert_chain(chain: &[&[u8]]) -> String {
    chain.iter().map(|der| client_cert(der)).collect::<Vec<_>>().join(", ")
}

/// `X-ARR-ClientCert`: plain base64 in one line, as IIS ARR and Azure App Service write it.
pub(super) fn arr_client_cert(leaf: &[u8]) -> String {
    STANDARD.encode(leaf)
}

/// One element of Envoy's `X-Forwarded-Client-Cert`, in Envoy's order of keys. `Chain` includes the leaf.
pub(super) fn forwarded_client_cert(
    sha256: &str,
    leaf: &[u8],
    chain: Option<&[&[u8]]>,
    subject: &str,
) -> String {
    let mut element = format!("Hash={sha256};Cert=\"{}\"", encoded_pem(leaf));
    if let Some(chain) = chain {
        let others: String = chain.iter().map(|der| encoded_pem(der)).collect();
        element.push_str(&format!(";Chain=\"{}{others}\"", encoded_pem(leaf)));
    }
    element.push_str(";Subject=\"");
    push_encoded(&mut element, &quotable(subject), IN_VALUE);
    element.push('"');
    element
}

fn encoded_pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN%20CERTIFICATE-----%0A");
    for line in base64.as_bytes().chunks(PEM_LINE) {
        pem.extend(percent_encode(line, IN_PEM));
        pem.push_str("%0A");
    }
    pem.extend(utf8_percent_encode("-----END CERTIFICATE-----\n", IN_PEM));
    pem
}

/// The same name (RFC 4514 2.4), written so that no reader finds the end of the quoted string inside it.
///
/// Envoy documents one escape, `\"`; most readers accept `\` before any character. They differ if a backslash is itself
/// escaped: after `\\` a quote ends the value for one and not for the other, and a name that contains `\";URI=…` would add
/// a key of its own. An escaped backslash is therefore written as its hex pair, `\5C`.
fn quotable(subject: &str) -> String {
    let mut quotable = String::with_capacity(subject.len());
    let mut letters = subject.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('\\') | None => quotable.push_str("\\5C"),
                Some(escaped) => quotable.extend(['\\', escaped]),
            },
            '"' => quotable.push_str("\\\""),
            other => quotable.push(other),
        }
    }
    quotable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_9440_values_are_byte_sequences_with_padding() {
        assert_eq!(client_cert(&[0x30, 0x82, 0xff, 0xfe]), ":MIL//g==:");
        assert_eq!(client_cert_chain(&[&[0x30], &[0x31]]), ":MA==:, :MQ==:");
    }

    #[test]
    fn the_arr_value_is_base64_in_one_line() {
        let line = arr_client_cert(&[0xff; 100]);
        assert_eq!(line.len(), 136);
        assert!(line.ends_with("/w==") && !line.contains('\n'));
    }

    #[test]
    fn the_envoy_element_has_hash_certificate_chain_and_subject() {
        let pem = |base64: &str| {
            format!("-----BEGIN%20CERTIFICATE-----%0A{base64}%0A-----END%20CERTIFICATE-----%0A")
        };
        let (leaf, issuing) = (pem("MIL%2F%2Fg%3D%3D"), pem("MA%3D%3D"));
        let der: &[u8] = &[0x30, 0x82, 0xff, 0xfe];
        assert_eq!(
            forwarded_client_cert("00ff", der, Some(&[&[0x30]]), "CN=Alice,O=Corp"),
            format!("Hash=00ff;Cert=\"{leaf}\";Chain=\"{leaf}{issuing}\";Subject=\"CN=Alice,O=Corp\"")
        );
        assert_eq!(
            forwarded_client_cert("00ff", der, None, ""),
            format!("Hash=00ff;Cert=\"{leaf}\";Subject=\"\"")
        );
    }

    #[test]
    fn pem_has_lines_of_64_characters() {
        let pem = encoded_pem(&[0; 49]);
        let lines: Vec<&str> = pem.split("%0A").collect();
        assert_eq!(lines[1], "A".repeat(64));
        assert_eq!(lines[2], "AA%3D%3D");
    }

    #[test]
    fn a_quote_in_a_name_cannot_end_the_value() {
        assert_eq!(quotable(r#"CN=a\"b"#), r#"CN=a\"b"#);
        assert_eq!(quotable(r#"CN=a"b"#), r#"CN=a\"b"#);
        assert_eq!(quotable(r#"CN=a\\";URI=x"#), r#"CN=a\5C\";URI=x"#);
        assert_eq!(quotable(r"CN=Doe\, John"), r"CN=Doe\, John");
        assert_eq!(quotable(r"CN=a\\"), r"CN=a\5C");
        assert_eq!(quotable(r"CN=a\"), r"CN=a\5C");
    }
}
