//! The requests of RMS clients, with the sizes that were measured on real ones (TechNet Cc747663).

use quick_xml::escape::escape;

use crate::demo::rms::soap::{RmsService, SoapVersion, VersionHeader, envelope};
use crate::demo::rms::xrml::{XrmlKind, certificate, chain, meaningless_base64};

const CERTIFY_BYTES: usize = 12_000;
const USE_LICENCE_BYTES: usize = 64_000;
const CLIENT_LICENSOR_BYTES: usize = 17_000;

/// A call, which a client sends by `POST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SoapRequest {
    /// The path of the `.asmx` file.
    pub path: &'static str,
    /// The header lines that the version of SOAP requires.
    pub headers: Vec<(&'static str, String)>,
    /// The envelope.
    pub body: Vec<u8>,
}

/// Returns a `Certify` call of about 12 KB, which requests the rights account certificate of the authenticated user.
pub(crate) fn certify_request(version: SoapVersion) -> SoapRequest {
    let machine = chain(XrmlKind::ServerLicensor, "Demo machine", CERTIFY_BYTES);
    let parameters = format!(
        "<requestParams><MachineCertificateChain>{machine}</MachineCertificateChain><Persistent>true</Persistent>\
         </requestParams>"
    );
    let path = "/_wmcs/certification/certification.asmx";
    call(version, path, RmsService::Certification, "Certify", &parameters)
}

/// Returns an `AcquireLicense` call of about 64 KB, which requests a use licence with the account's certificate.
pub(crate) fn acquire_license_request(version: SoapVersion) -> SoapRequest {
    let licensee = chain(XrmlKind::RightsAccount, "CORP\\alice", USE_LICENCE_BYTES / 4);
    let issuance = certificate(XrmlKind::PublishingLicence, "Demo document", USE_LICENCE_BYTES * 3 / 4);
    let parameters = format!(
        "<RequestParams><AcquireLicenseParams><LicenseeCerts>{licensee}</LicenseeCerts>\
         <IssuanceLicense>{issuance}</IssuanceLicense><ApplicationData /></AcquireLicenseParams></RequestParams>"
    );
    call(version, "/_wmcs/licensing/license.asmx", RmsService::Licensing, "AcquireLicense", &parameters)
}

/// Returns an `AcquireIssuanceLicense` call, which requests the signature of a publishing licence of `bytes` bytes; the
/// protocol allows 8 MiB.
pub(crate) fn acquire_issuance_license_request(version: SoapVersion, bytes: usize) -> SoapRequest {
    let parameters = format!(
        "<RequestParams><AcquireIssuanceLicenseParams><UnsignedIssuanceLicense><XrML xmlns=\"\" version=\"1.2\">{}\
         </XrML></UnsignedIssuanceLicense></AcquireIssuanceLicenseParams></RequestParams>",
        meaningless_base64(bytes)
    );
    let path = "/_wmcs/licensing/publish.asmx";
    call(version, path, RmsService::Publishing, "AcquireIssuanceLicense", &parameters)
}

/// Returns a `GetClientLicensorCert` call of about 17 KB, which requests the certificate for offline publishing.
pub(crate) fn client_licensor_request(version: SoapVersion) -> SoapRequest {
    let persona = chain(XrmlKind::RightsAccount, "CORP\\alice", CLIENT_LICENSOR_BYTES);
    let parameters = format!(
        "<RequestParams><GetClientLicensorCertParams><PersonaCerts>{persona}</PersonaCerts>\
         </GetClientLicensorCertParams></RequestParams>"
    );
    let path = "/_wmcs/licensing/publish.asmx";
    call(version, path, RmsService::Publishing, "GetClientLicensorCert", &parameters)
}

/// Returns a `FindServiceLocationsForUser` call, which requests the user's service locations of these types.
pub(crate) fn find_service_locations_for_user_request(version: SoapVersion, types: &[&str]) -> SoapRequest {
    let requests: String = types
        .iter()
        .map(|name| {
            format!("<ServiceLocationRequest><Type>{}</Type></ServiceLocationRequest>", escape(*name))
        })
        .collect();
    let parameters = format!("<ServiceNames>{requests}</ServiceNames>");
    let path = "/_wmcs/licensing/ServiceLocator.asmx";
    call(version, path, RmsService::Server, "FindServiceLocationsForUser", &parameters)
}

/// Returns a `GetLicensorCertificate` call, which requests the server's certificate without a user.
pub(crate) fn licensor_certificate_request(version: SoapVersion) -> SoapRequest {
    call(version, "/_wmcs/licensing/server.asmx", RmsService::Server, "GetLicensorCertificate", "")
}

/// Returns a `GetServerInfo` call, which requests properties of the server; the only call without `VersionData`.
pub(crate) fn server_info_request(version: SoapVersion) -> SoapRequest {
    let requests: String =
        ["VersionInfo", "ServerFeatureInfo", "ServerLicensorCertificate", "ServiceLocations"]
            .map(|name| format!("<ServerInfoRequest><Type>{name}</Type></ServerInfoRequest>"))
            .concat();
    let parameters = format!("<requests>{requests}</requests>");
    call(version, "/_wmcs/licensing/server.asmx", RmsService::Server, "GetServerInfo", &parameters)
}

/// Returns an `AcquireTemplateInformation` call, which requests the list of rights policy templates.
pub(crate) fn template_information_request(version: SoapVersion) -> SoapRequest {
    let path = "/_wmcs/licensing/templateDistribution.asmx";
    call(version, path, RmsService::TemplateDistribution, "AcquireTemplateInformation", "")
}

fn call(
    version: SoapVersion,
    path: &'static str,
    service: RmsService,
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
