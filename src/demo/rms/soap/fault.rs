//! SOAP faults (MS-RMPR 3.1.4.5).

use http::StatusCode;
use quick_xml::escape::escape;

use super::message::{SoapVersion, enclose};

/// The error of a call, with the message that ASP.NET or RMS returns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SoapFault {
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
    pub(crate) fn status(&self) -> StatusCode {
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
    pub(crate) fn envelope(&self, version: SoapVersion) -> String {
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
