//! SOAP as the RMS services speak it (MS-RMPR 2.1): takes an envelope apart, puts one together, writes faults.

mod envelope;
mod fault;
mod request;

pub(super) use self::envelope::Envelope;
pub(super) use self::fault::Fault;
pub use self::request::{
    SoapRequest, acquire_issuance_license_request, acquire_license_request, certify_request,
    client_licensor_request, find_service_locations_for_user_request, licensor_certificate_request,
    server_info_request, template_information_request,
};

/// The two versions of SOAP that every `.asmx` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoapVersion {
    /// SOAP 1.1: `text/xml` and a `SOAPAction` header.
    V1_1,
    /// SOAP 1.2: `application/soap+xml`, the action in its parameter.
    V1_2,
}

impl SoapVersion {
    /// The namespace of the envelope.
    pub fn envelope_namespace(self) -> &'static str {
        match self {
            Self::V1_1 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::V1_2 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    /// The media type of an answer.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::V1_1 => "text/xml; charset=utf-8",
            Self::V1_2 => "application/soap+xml; charset=utf-8",
        }
    }
}

/// An RMS service, of which one or more `.asmx` files offer operations (MS-RMPR 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Rights account certificates.
    Certification,
    /// Use licences.
    Licensing,
    /// Publishing licences and client licensor certificates.
    Publishing,
    /// What the server is and where its services are.
    Server,
    /// Rights policy templates.
    TemplateDistribution,
}

impl Service {
    /// The namespace of the service's elements, and the beginning of its actions.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Certification => "http://microsoft.com/DRM/CertificationService",
            Self::Licensing => "http://microsoft.com/DRM/LicensingService",
            Self::Publishing => "http://microsoft.com/DRM/PublishingService",
            Self::Server => "http://microsoft.com/DRM/ServerService",
            Self::TemplateDistribution => "http://microsoft.com/DRM/TemplateDistributionService",
        }
    }
}

/// Whether a message carries the `VersionData` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VersionHeader {
    /// With the lowest version, always 1.0.0.0, and this highest one.
    UpTo(&'static str),
    /// As in faults and in `GetServerInfo`.
    Absent,
}

/// An envelope around `body`, which is XML already.
pub(super) fn envelope(version: SoapVersion, service: Service, header: VersionHeader, body: &str) -> String {
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

fn enclose(version: SoapVersion, header: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{}\">{header}\
         <soap:Body>{body}</soap:Body></soap:Envelope>",
        version.envelope_namespace()
    )
}
