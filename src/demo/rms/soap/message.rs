//! SOAP messages of the RMS services (MS-RMPR 2.1): versions, namespaces, envelopes.

/// The two versions of SOAP that every `.asmx` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SoapVersion {
    /// SOAP 1.1: `text/xml` and a `SOAPAction` header.
    V1_1,
    /// SOAP 1.2: `application/soap+xml`, the action in its parameter.
    V1_2,
}

impl SoapVersion {
    /// Returns the namespace of the envelope.
    pub(crate) fn envelope_namespace(self) -> &'static str {
        match self {
            Self::V1_1 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::V1_2 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    /// Returns the media type of a message.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::V1_1 => "text/xml; charset=utf-8",
            Self::V1_2 => "application/soap+xml; charset=utf-8",
        }
    }
}

/// An RMS service, whose operations one or more `.asmx` files provide (MS-RMPR 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RmsService {
    /// Rights account certificates.
    Certification,
    /// Use licences.
    Licensing,
    /// Publishing licences and client licensor certificates.
    Publishing,
    /// Properties of the server, and the locations of its services.
    Server,
    /// Rights policy templates.
    TemplateDistribution,
}

impl RmsService {
    /// Returns the namespace of the service's elements, which is also the prefix of its actions.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Certification => "http://microsoft.com/DRM/CertificationService",
            Self::Licensing => "http://microsoft.com/DRM/LicensingService",
            Self::Publishing => "http://microsoft.com/DRM/PublishingService",
            Self::Server => "http://microsoft.com/DRM/ServerService",
            Self::TemplateDistribution => "http://microsoft.com/DRM/TemplateDistributionService",
        }
    }
}

/// The `VersionData` header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::demo::rms) enum VersionHeader {
    /// The minimum version 1.0.0.0 and this maximum version.
    UpTo(&'static str),
    /// No header, as in faults and `GetServerInfo`.
    Absent,
}

/// Returns an envelope around `body`, which is XML.
pub(in crate::demo::rms) fn envelope(
    version: SoapVersion,
    service: RmsService,
    header: VersionHeader,
    body: &str,
) -> String {
    let header = match header {
        VersionHeader::UpTo(highest) => format!(
            "<soap:Header><VersionData xmlns=\"{}\"><MinimumVersion>1.0.0.0</MinimumVersion>\
             <MaximumVersion>{highest}</MaximumVersion></VersionData></soap:Header>",
            service.namespace()
        ),
        VersionHeader::Absent => String::new(),
    };
    enclose(version, &header, body)
}

pub(super) fn enclose(version: SoapVersion, header: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{}\">{header}\
         <soap:Body>{body}</soap:Body></soap:Envelope>",
        version.envelope_namespace()
    )
}
