//! The client's side: calls as RMS clients send them, of the sizes that were measured (TechNet Cc747663).

use quick_xml::escape::escape;

use super::super::xrml::{Kind, certificate, chain, meaningless_base64};
use super::{Service, SoapVersion, VersionHeader, envelope};

const CERTIFY_BYTES: usize = 12_000;
const USE_LICENCE_BYTES: usize = 64_000;
const CLIENT_LICENSOR_BYTES: usize = 17_000;

/// A call ready to be sent by `POST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoapRequest {
    /// Where to.
    pub path: &'static str,
    /// The header lines that the version of SOAP asks for.
    pub headers: Vec<(&'static str, String)>,
    /// The envelope.
    pub body: Vec<u8>,
}

/// `Certify`: asks for the rights account certificate of whoever the connection says one is. About 12 KB.
pub fn certify_request(version: SoapVersion) -> SoapRequest {
    let machine = chain(Kind::ServerLicensor, "Demo machine", CERTIFY_BYTES);
    let parameters = format!(
        "<requestParams><MachineCertificateChain>{machine}</MachineCertificateChain><Persistent>true</Persistent>\
         </requestParams>"
    );
    let path = "/_wmcs/certification/certification.asmx";
    call(version, path, Service::Certification, "Certify", &parameters)
}

/// `AcquireLicense`: asks for a use licence with the account's certificate. About 64 KB.
pub fn acquire_license_request(version: SoapVersion) -> SoapRequest {
    let licensee = chain(Kind::RightsAccount, "CORP\\alice", USE_LICENCE_BYTES / 4);
    let issuance = certificate(Kind::PublishingLicence, "Demo document", USE_LICENCE_BYTES * 3 / 4);
    let parameters = format!(
        "<RequestParams><AcquireLicenseParams><LicenseeCerts>{licensee}</LicenseeCerts>\
         <IssuanceLicense>{issuance}</IssuanceLicense><ApplicationData /></AcquireLicenseParams></RequestParams>"
    );
    call(version, "/_wmcs/licensing/license.asmx", Service::Licensing, "AcquireLicense", &parameters)
}

/// `AcquireIssuanceLicense`: asks to sign a publishing licence of `bytes`; the protocol allows 8 MiB.
pub fn acquire_issuance_license_request(version: SoapVersion, bytes: usize) -> SoapRequest {
    let parameters = format!(
        "<RequestParams><AcquireIssuanceLicenseParams><UnsignedIssuanceLicense><XrML xmlns=\"\" version=\"1.2\">{}\
         </XrML></UnsignedIssuanceLicense></AcquireIssuanceLicenseParams></RequestParams>",
        meaningless_base64(bytes)
    );
    let path = "/_wmcs/licensing/publish.asmx";
    call(version, path, Service::Publishing, "AcquireIssuanceLicense", &parameters)
}

/// `GetClientLicensorCert`: asks for the certificate that lets a client publish off line. About 17 KB.
pub fn client_licensor_request(version: SoapVersion) -> SoapRequest {
    let persona = chain(Kind::RightsAccount, "CORP\\alice", CLIENT_LICENSOR_BYTES);
    let parameters = format!(
        "<RequestParams><GetClientLicensorCertParams><PersonaCerts>{persona}</PersonaCerts>\
         </GetClientLicensorCertParams></RequestParams>"
    );
    let path = "/_wmcs/licensing/publish.asmx";
    call(version, path, Service::Publishing, "GetClientLicensorCert", &parameters)
}

/// `FindServiceLocationsForUser`: asks where the services of these types are for the user.
pub fn find_service_locations_for_user_request(version: SoapVersion, types: &[&str]) -> SoapRequest {
    let asked: String = types
        .iter()
        .map(|name| {
            format!("<ServiceLocationRequest><Type>{}</Type></ServiceLocationRequest>", escape(*name))
        })
        .collect();
    let parameters = format!("<ServiceNames>{asked}</ServiceNames>");
    let path = "/_wmcs/licensing/ServiceLocator.asmx";
    call(version, path, Service::Server, "FindServiceLocationsForUser", &parameters)
}

/// `GetLicensorCertificate`: asks for the server's certificate; needs no user.
pub fn licensor_certificate_request(version: SoapVersion) -> SoapRequest {
    call(version, "/_wmcs/licensing/server.asmx", Service::Server, "GetLicensorCertificate", "")
}

/// `GetServerInfo`: asks what the server is and can. The one call without `VersionData`.
pub fn server_info_request(version: SoapVersion) -> SoapRequest {
    let asked: String = ["VersionInfo", "ServerFeatureInfo", "ServerLicensorCertificate", "ServiceLocations"]
        .map(|name| format!("<ServerInfoRequest><Type>{name}</Type></ServerInfoRequest>"))
        .concat();
    let parameters = format!("<requests>{asked}</requests>");
    call(version, "/_wmcs/licensing/server.asmx", Service::Server, "GetServerInfo", &parameters)
}

/// `AcquireTemplateInformation`: asks which rights policy templates there are.
pub fn template_information_request(version: SoapVersion) -> SoapRequest {
    let path = "/_wmcs/licensing/templateDistribution.asmx";
    call(version, path, Service::TemplateDistribution, "AcquireTemplateInformation", "")
}

fn call(
    version: SoapVersion,
    path: &'static str,
    service: Service,
    operation: &str,
    parameters: &str,
) -> SoapRequest {
    let namespace = service.namespace();
    let action = format!("{namespace}/{operation}");
    let headers = match version {
        SoapVersion::V1_1 => {
            vec![("Content-Type", version.media_type().to_owned()), ("SOAPAction", format!("\"{action}\""))]
        }
        SoapVersion::V1_2 => {
            vec![("Content-Type", format!("{}; action=\"{action}\"", version.media_type()))]
        }
    };
    let header = match operation {
        "GetServerInfo" => VersionHeader::Absent,
        _ => VersionHeader::UpTo("1.0.0.0"),
    };
    let body = format!("<{operation} xmlns=\"{namespace}\">{parameters}</{operation}>");
    SoapRequest { path, headers, body: envelope(version, service, header, &body).into_bytes() }
}
