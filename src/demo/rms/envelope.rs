//! The parser of SOAP messages, which extracts the facts that the operations need. It rejects a DTD, so that a message
//! cannot define entities (XXE, "billion laughs").

use quick_xml::NsReader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use quick_xml::name::ResolveResult;

use super::soap::{RmsService, SoapFault, SoapVersion};

/// The largest nesting of elements; more than any XrML document in an envelope needs.
const MAXIMUM_DEPTH: usize = 64;
/// The largest length of a recorded text; more than any text that the operations use.
const MAXIMUM_TEXT: usize = 1_024;
/// The largest number of recorded values; more than any client requests in one call.
const MAXIMUM_VALUES: usize = 1_024;

/// The facts of one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SoapEnvelope {
    /// The namespace of the first element of the body.
    pub(super) namespace: String,
    /// The name of that element: the operation.
    pub(super) operation: String,
    /// The number of elements in the first parameter; for licences, the number requested.
    pub(super) items: usize,
    /// The texts of the `Type` and `string` elements of the parameters.
    pub(super) values: Vec<String>,
    versions: Vec<Versions>,
}

/// One `VersionData` header.
#[derive(Debug, Default, PartialEq, Eq)]
struct Versions {
    namespace: String,
    minimum: String,
    maximum: String,
}

impl SoapEnvelope {
    /// Parses a complete message of `version`.
    pub(super) fn parse(message: &str, version: SoapVersion) -> Result<Self, SoapFault> {
        let mut reader = NsReader::from_str(message.trim_start_matches('\u{feff}'));
        reader.config_mut().expand_empty_elements = true;
        let mut parser =
            SoapParser { version, open: Vec::new(), text: String::new(), envelope: Self::default() };
        let mut elements = 0_usize;
        loop {
            let (namespace, event) = reader.read_resolved_event().map_err(|error| malformed(&error))?;
            match event {
                Event::Start(start) => {
                    if parser.open.is_empty() && elements > 0 {
                        return Err(SoapFault::MalformedXml("a second root element".to_owned()));
                    }
                    elements += 1;
                    let namespace = match namespace {
                        ResolveResult::Bound(name) => name.0.to_owned(),
                        ResolveResult::Unbound => String::new(),
                        ResolveResult::Unknown(prefix) => {
                            return Err(SoapFault::MalformedXml(format!("unknown prefix {prefix}")));
                        }
                    };
                    parser.start(namespace, start.local_name().into_inner())?;
                }
                Event::End(_) => parser.end(),
                Event::Text(text) => parser.add(&text)?,
                Event::CData(text) => parser.add(&text)?,
                Event::GeneralRef(reference) => parser.add(&resolved(&reference)?)?,
                Event::DocType(_) => {
                    return Err(SoapFault::MalformedXml("a DTD is not permitted".to_owned()));
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Empty(_) => {}
            }
        }
        parser.finish()
    }

    /// Returns an error unless the message has one `VersionData` of `service` that overlaps 1.0.0.0 to 1.1.0.0 (MS-RMPR
    /// 2.2.3.3).
    pub(super) fn check_version(&self, service: RmsService) -> Result<(), SoapFault> {
        let mut of_service = self.versions.iter().filter(|it| it.namespace == service.namespace());
        let (Some(versions), None) = (of_service.next(), of_service.next()) else {
            return Err(SoapFault::UnsupportedDataVersion);
        };
        let minimum = four_numbers(&versions.minimum).ok_or(SoapFault::MalformedDataVersion)?;
        let maximum = four_numbers(&versions.maximum).ok_or(SoapFault::MalformedDataVersion)?;
        let is_supported = minimum <= maximum && minimum <= [1, 1, 0, 0] && maximum >= [1, 0, 0, 0];
        if is_supported { Ok(()) } else { Err(SoapFault::UnsupportedDataVersion) }
    }
}

/// The state of the parser: the open elements, and the facts so far.
struct SoapParser {
    version: SoapVersion,
    open: Vec<(String, String)>,
    text: String,
    envelope: SoapEnvelope,
}

impl SoapParser {
    fn start(&mut self, namespace: String, name: &str) -> Result<(), SoapFault> {
        if self.open.len() == MAXIMUM_DEPTH {
            return Err(SoapFault::MalformedXml("nesting too deep".to_owned()));
        }
        self.open.push((namespace, name.to_owned()));
        self.text.clear();
        match self.soap_part() {
            None if self.open.len() == 1 => self.check_root()?,
            Some("Body") if self.open.len() == 3 && self.envelope.operation.is_empty() => {
                self.begin_operation();
            }
            Some("Body") if self.open.len() == 5 => self.envelope.items += 1,
            Some("Header") if self.open.len() == 3 && name == "VersionData" => self.begin_versions()?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self) {
        let text = self.text.trim().to_owned();
        let depth = self.open.len();
        let part = self.soap_part().map(str::to_owned);
        let Some((namespace, name)) = self.open.pop() else { return };
        match (part.as_deref(), depth, name.as_str()) {
            (Some("Header"), 4, "MinimumVersion") => self.in_versions(|versions| versions.minimum = text),
            (Some("Header"), 4, "MaximumVersion") => self.in_versions(|versions| versions.maximum = text),
            (Some("Body"), 5 | 6, "Type" | "string")
                if namespace == self.envelope.namespace && self.envelope.values.len() < MAXIMUM_VALUES =>
            {
                self.envelope.values.push(text);
            }
            _ => {}
        }
        self.text.clear();
    }

    fn add(&mut self, text: &str) -> Result<(), SoapFault> {
        if self.open.is_empty() && !text.trim().is_empty() {
            return Err(SoapFault::MalformedXml("text outside the envelope".to_owned()));
        }
        if self.text.len() + text.len() <= MAXIMUM_TEXT {
            self.text.push_str(text);
        }
        Ok(())
    }

    fn finish(self) -> Result<SoapEnvelope, SoapFault> {
        if !self.open.is_empty() {
            return Err(SoapFault::MalformedXml("incomplete envelope".to_owned()));
        }
        if self.envelope.operation.is_empty() {
            return Err(SoapFault::MalformedXml("empty body".to_owned()));
        }
        Ok(self.envelope)
    }

    fn check_root(&self) -> Result<(), SoapFault> {
        let is_envelope = |(namespace, name): &(String, String)| {
            namespace == self.version.envelope_namespace() && name == "Envelope"
        };
        if self.open.first().is_some_and(is_envelope) { Ok(()) } else { Err(SoapFault::VersionMismatch) }
    }

    /// Returns `Header` or `Body` if the parser is inside one of them.
    fn soap_part(&self) -> Option<&str> {
        let (namespace, name) = self.open.get(1)?;
        (namespace == self.version.envelope_namespace()).then_some(name)
    }

    fn begin_operation(&mut self) {
        if let Some((namespace, name)) = self.open.last().cloned() {
            self.envelope.namespace = namespace;
            self.envelope.operation = name;
        }
    }

    fn begin_versions(&mut self) -> Result<(), SoapFault> {
        if self.envelope.versions.len() == MAXIMUM_DEPTH {
            return Err(SoapFault::MalformedXml("too many headers".to_owned()));
        }
        let namespace = self.open.last().map(|(namespace, _)| namespace.clone()).unwrap_or_default();
        self.envelope.versions.push(Versions { namespace, ..Versions::default() });
        Ok(())
    }

    /// Changes the versions of the current header, if it is a `VersionData`.
    fn in_versions(&mut self, change: impl FnOnce(&mut Versions)) {
        if let Some((namespace, name)) = self.open.last()
            && name == "VersionData"
            && let Some(versions) = self.envelope.versions.last_mut()
            && versions.namespace == *namespace
        {
            change(versions);
        }
    }
}

/// Returns the text of a character reference or of one of the five predefined entities of XML.
fn resolved(reference: &BytesRef<'_>) -> Result<String, SoapFault> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| malformed(&error))? {
        return Ok(character.to_string());
    }
    let name: &str = reference;
    resolve_predefined_entity(name)
        .map(str::to_owned)
        .ok_or_else(|| SoapFault::MalformedXml(format!("unknown entity {name}")))
}

fn malformed(error: &quick_xml::Error) -> SoapFault {
    SoapFault::MalformedXml(error.to_string())
}

fn four_numbers(text: &str) -> Option<[u32; 4]> {
    let numbers = text.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().ok()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::rms::tests::requests::certify_request;

    const V11: SoapVersion = SoapVersion::V1_1;

    fn parse(message: &str) -> Result<SoapEnvelope, SoapFault> {
        SoapEnvelope::parse(message, V11)
    }

    fn with_versions(service: RmsService, minimum: &str, maximum: &str) -> SoapEnvelope {
        let namespace = service.namespace();
        let soap = V11.envelope_namespace();
        parse(&format!(
            "<s:Envelope xmlns:s='{soap}'><s:Header><VersionData xmlns='{namespace}'>\
             <MinimumVersion>{minimum}</MinimumVersion><MaximumVersion>{maximum}</MaximumVersion></VersionData>\
             </s:Header><s:Body><X/></s:Body></s:Envelope>"
        ))
        .unwrap()
    }

    #[test]
    fn a_certify_call_has_its_operation() {
        let request = certify_request(V11);
        let envelope = parse(std::str::from_utf8(&request.body).unwrap()).unwrap();
        assert_eq!(envelope.namespace, RmsService::Certification.namespace());
        assert_eq!(envelope.operation, "Certify");
        assert_eq!(envelope.check_version(RmsService::Certification), Ok(()));
    }

    #[test]
    fn an_envelope_of_the_other_version_is_a_mismatch() {
        let request = certify_request(SoapVersion::V1_2);
        let message = std::str::from_utf8(&request.body).unwrap();
        assert_eq!(parse(message), Err(SoapFault::VersionMismatch));
    }

    #[test]
    fn version_data_of_another_service_is_ignored() {
        let envelope = with_versions(RmsService::Licensing, "1.0.0.0", "1.0.0.0");
        assert_eq!(envelope.check_version(RmsService::Certification), Err(SoapFault::UnsupportedDataVersion));
    }

    #[test]
    fn versions_are_four_numbers_that_overlap_the_supported_ones() {
        let check = |minimum, maximum| {
            with_versions(RmsService::Licensing, minimum, maximum).check_version(RmsService::Licensing)
        };
        assert_eq!(check("1.0.0.0", "1.1.0.0"), Ok(()));
        assert_eq!(check("1.0.0.0", "9.0.0.0"), Ok(()));
        assert_eq!(check("1.2.0.0", "9.0.0.0"), Err(SoapFault::UnsupportedDataVersion));
        assert_eq!(check("0.1.0.0", "0.9.0.0"), Err(SoapFault::UnsupportedDataVersion));
        assert_eq!(check("1.1.0.0", "1.0.0.0"), Err(SoapFault::UnsupportedDataVersion));
        assert_eq!(check("1.0", "1.1.0.0"), Err(SoapFault::MalformedDataVersion));
        assert_eq!(check("one", "1.1.0.0"), Err(SoapFault::MalformedDataVersion));
    }

    #[test]
    fn malformed_messages_are_rejected() {
        let soap = V11.envelope_namespace();
        let deep = format!("<s:Envelope xmlns:s='{soap}'><s:Body>{}", "<a>".repeat(100_000));
        let messages = [
            "",
            "plain text",
            "<s:Envelope/>",
            "<a><b></a>",
            deep.as_str(),
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            &format!("<s:Envelope xmlns:s='{soap}'><s:Body><X>&unknown;</X></s:Body></s:Envelope>"),
            &format!("<s:Envelope xmlns:s='{soap}'><s:Body/></s:Envelope>"),
            &format!("<s:Envelope xmlns:s='{soap}'><s:Body><X/></s:Body></s:Envelope><again/>"),
        ];
        for message in messages {
            let fault = parse(message).unwrap_err();
            assert!(
                matches!(fault, SoapFault::MalformedXml(_) | SoapFault::VersionMismatch),
                "{message:.80}: {fault}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_causes_a_panic(text in ".{0,200}", markup in "[<>&;a-c/!\\[\\]'\"= ?-]{0,80}") {
            let _ = parse(&text);
            let _ = parse(&markup);
            let soap = V11.envelope_namespace();
            let _ = parse(&format!("<s:Envelope xmlns:s='{soap}'><s:Body><X>{markup}</X></s:Body></s:Envelope>"));
        }
    }
}
