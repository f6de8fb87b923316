//! SOAP messages of the RMS services (MS-RMPR 2.1): versions, namespaces, envelopes, and faults (MS-RMPR 3.1.4.5).

use http::StatusCode;
use quick_xml::escape::escape;

/// The two versions of SOAP that every `.asmx` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SoapVersion {
    /// SOAP 1.1: `text/xml` and a `SOAPAction` header.
    V1_1,
    /// SOAP 1.2: `application/soap+xml`, the action in its parameter.
    V1_2,
}

impl SoapVersion {
    /// Returns the namespace of the envelope.
    pub(super) fn envelope_namespace(self) -> &'static str {
        match self {
            Self::V1_1 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::V1_2 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    /// Returns the media type of a message.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::V1_1 => "text/xml; charset=utf-8",
            Self::V1_2 => "application/soap+xml; charset=utf-8",
        }
    }
}

/// An RMS service, whose operations one or more `.asmx` files provide (MS-RMPR 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RmsService {
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
    pub(super) fn namespace(self) -> &'static str {
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
pub(super) enum VersionHeader {
    /// The minimum version 1.0.0.0 and this maximum version.
    UpTo(&'static str),
    /// No header, as in faults and `GetServerInfo`.
    Absent,
}

/// Returns an envelope around `body`, which is XML.
pub(super) fn envelope(
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

/// The error of a call, with the message that ASP.NET or RMS returns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SoapFault {
    /// Not XML, or XML that is not permitted in an envelope: a DTD, nesting that is too deep, an incomplete document.
    #[error("System.Xml.XmlException: {0}")]
    MalformedXml(String),
    /// Not an envelope of the version in the media type.
    #[error("Possible SOAP version mismatch")]
    VersionMismatch,
    /// Not an operation of this file.
    #[error("Server did not recognize the value of HTTP Header SOAPAction: {0}.")]
    UnknownAction(String),
    /// The message has no `VersionData` of the service, or no supported version.
    #[error("Microsoft.DigitalRightsManagement.Core.UnsupportedDataVersionException")]
    UnsupportedDataVersion,
    /// A version that is not four numbers.
    #[error("Microsoft.DigitalRightsManagement.Core.MalformedDataVersionException")]
    MalformedDataVersion,
    /// `Certify` without a user.
    #[error("System.UnauthorizedAccessException: Attempted to perform an unauthorized operation.")]
    Unauthorized,
    /// `FindServiceLocationsForUser` without a user.
    #[error("Microsoft.DigitalRightsManagement.Utilities.UnspecifiedErrorException")]
    Unspecified,
    /// An unknown service type.
    #[error("System.InvalidOperationException: '{0}' is not a valid value for ServiceType.")]
    InvalidServiceType(String),
}

impl SoapFault {
    /// Returns the status of the response. ASP.NET responds to faults with 500, except for malformed XML.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::MalformedXml(_) => StatusCode::BAD_REQUEST,
            Self::VersionMismatch
            | Self::UnknownAction(_)
            | Self::UnsupportedDataVersion
            | Self::MalformedDataVersion
            | Self::Unauthorized
            | Self::Unspecified
            | Self::InvalidServiceType(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the complete envelope; a fault has no `VersionData`.
    pub(super) fn envelope(&self, version: SoapVersion) -> String {
        let text = self.to_string();
        let (code, text) = (self.code(version), escape(text.as_str()));
        let fault = match version {
            SoapVersion::V1_1 => format!(
                "<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{text}</faultstring><detail />\
                 </soap:Fault>"
            ),
            SoapVersion::V1_2 => format!(
                "<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code><soap:Reason>\
                 <soap:Text xml:lang=\"en\">{text}</soap:Text></soap:Reason><soap:Detail /></soap:Fault>"
            ),
        };
        enclose(version, "", &fault)
    }

    /// Returns the fault code. RMS always reports the server as the cause; errors that ASP.NET detects before it calls RMS
    /// are the sender's.
    fn code(&self, version: SoapVersion) -> &'static str {
        let [sender, receiver] = match version {
            SoapVersion::V1_1 => ["Client", "Server"],
            SoapVersion::V1_2 => ["Sender", "Receiver"],
        };
        match self {
            Self::VersionMismatch => "VersionMismatch",
            Self::MalformedXml(_) | Self::UnknownAction(_) => sender,
            Self::UnsupportedDataVersion
            | Self::MalformedDataVersion
            | Self::Unauthorized
            | Self::Unspecified
            | Self::InvalidServiceType(_) => receiver,
        }
    }
}

fn enclose(version: SoapVersion, header: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{}\">{header}\
         <soap:Body>{body}</soap:Body></soap:Envelope>",
        version.envelope_namespace()
    )
}
