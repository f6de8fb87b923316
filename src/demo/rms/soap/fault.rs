//! Why a SOAP call fails, and how that is written (MS-RMPR 3.1.4.5).

use http::StatusCode;
use quick_xml::escape::escape;

use super::{SoapVersion, enclose};

/// Every way in which a call to the stand-in fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Not XML, or XML that no envelope may be: with a DTD, too deep, unfinished.
    #[error("System.Xml.XmlException: {0}")]
    MalformedXml(String),
    /// Not an envelope of the version that the media type named.
    #[error("Possible SOAP version mismatch")]
    VersionMismatch,
    /// No operation of this file.
    #[error("Server did not recognize the value of HTTP Header SOAPAction: {0}.")]
    UnknownAction(String),
    /// No `VersionData` of the service, or none that the server speaks.
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
    /// A service type that there is not.
    #[error("System.InvalidOperationException: '{0}' is not a valid value for ServiceType.")]
    InvalidServiceType(String),
}

impl Fault {
    /// ASP.NET answers faults with 500, save unreadable XML.
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

    /// The whole envelope; a fault carries no `VersionData`.
    pub(crate) fn envelope(&self, version: SoapVersion) -> String {
        let words = self.to_string();
        let (code, words) = (self.code(version), escape(words.as_str()));
        let fault = match version {
            SoapVersion::V1_1 => format!(
                "<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{words}</faultstring><detail />\
                 </soap:Fault>"
            ),
            SoapVersion::V1_2 => format!(
                "<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code><soap:Reason>\
                 <soap:Text xml:lang=\"en\">{words}</soap:Text></soap:Reason><soap:Detail /></soap:Fault>"
            ),
        };
        enclose(version, "", &fault)
    }

    /// RMS itself blames the server always; what ASP.NET refuses before RMS sees it is the sender's.
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
