//! The responses of the RMS operations (MS-RMPR 3, MS-RMPRS 3).

use super::envelope::SoapEnvelope;
use super::soap::{RmsService, SoapFault, SoapVersion, VersionHeader, envelope};
use super::xrml::{XrmlKind, certificate, chain, meaningless_base64};

/// The cluster's URL. RMS reads it from its database, not from the request, and a proxy must not rewrite it.
const BASE_URL: &str = "https://rms.corp.example/_wmcs";
/// The highest version of RMS v1 with SP2 (MS-RMPR note 3).
const HIGHEST_VERSION: &str = "1.1.0.0";
const TEMPLATE_GUID: &str = "{5f3ba7a1-6a3d-4c0e-9b52-3d9a1f6e7c10}";

const ACCOUNT_CERTIFICATE_BYTES: usize = 16_000;
const USE_LICENCE_BYTES: usize = 17_500;
const CLIENT_LICENSOR_BYTES: usize = 16_000;
const PUBLISHING_LICENCE_BYTES: usize = 24_000;
const SERVER_CERTIFICATE_BYTES: usize = 16_000;
const TEMPLATE_BYTES: usize = 6_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RmsOperation {
    Certify,
    AcquireLicense,
    AcquirePreLicense,
    AcquireIssuanceLicense,
    GetClientLicensorCert,
    GetLicensorCertificate,
    GetServerInfo,
    FindServiceLocations,
    FindServiceLocationsForUser,
    AcquireTemplateInformation,
    AcquireTemplates,
}

impl RmsOperation {
    /// The name in the SOAP action and in the body.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Certify => "Certify",
            Self::AcquireLicense => "AcquireLicense",
            Self::AcquirePreLicense => "AcquirePreLicense",
            Self::AcquireIssuanceLicense => "AcquireIssuanceLicense",
            Self::GetClientLicensorCert => "GetClientLicensorCert",
            Self::GetLicensorCertificate => "GetLicensorCertificate",
            Self::GetServerInfo => "GetServerInfo",
            Self::FindServiceLocations => "FindServiceLocations",
            Self::FindServiceLocationsForUser => "FindServiceLocationsForUser",
            Self::AcquireTemplateInformation => "AcquireTemplateInformation",
            Self::AcquireTemplates => "AcquireTemplates",
        }
    }
}

/// Runs `operation` and returns the envelope of its response; `user` is `None` for an anonymous request.
pub(super) fn respond(
    operation: RmsOperation,
    service: RmsService,
    version: SoapVersion,
    call: &SoapEnvelope,
    user: Option<&str>,
) -> Result<String, SoapFault> {
    let header = match operation {
        // Its binding has no header (MS-RMPR 6.5).
        RmsOperation::GetServerInfo => VersionHeader::Absent,
        _ => {
            call.check_version(service)?;
            VersionHeader::UpTo(HIGHEST_VERSION)
        }
    };
    let result = match operation {
        RmsOperation::Certify => certify(user.ok_or(SoapFault::Unauthorized)?),
        RmsOperation::AcquireLicense => licenses(call.items, "AcquireLicenseResponse"),
        RmsOperation::AcquirePreLicense => licenses(call.items, "AcquirePreLicenseResponse"),
        RmsOperation::AcquireIssuanceLicense => {
            let licence = chain(XrmlKind::PublishingLicence, "Demo document", PUBLISHING_LICENCE_BYTES);
            one_chain_each(call.items, "AcquireIssuanceLicenseResponse", &licence)
        }
        RmsOperation::GetClientLicensorCert => {
            let licensor = chain(XrmlKind::ClientLicensor, "Demo client", CLIENT_LICENSOR_BYTES);
            one_chain_each(call.items, "GetClientLicensorCertResponse", &licensor)
        }
        RmsOperation::GetLicensorCertificate => {
            format!("<CertificateChain>{}</CertificateChain>", server_chain())
        }
        RmsOperation::GetServerInfo => server_info(&call.values)?,
        RmsOperation::FindServiceLocations => service_locations(&call.values)?,
        RmsOperation::FindServiceLocationsForUser => {
            user.ok_or(SoapFault::Unspecified)?;
            service_locations(&call.values)?
        }
        RmsOperation::AcquireTemplateInformation => template_information(),
        RmsOperation::AcquireTemplates => templates(&call.values),
    };
    let (name, namespace) = (operation.name(), service.namespace());
    let body = format!(
        "<{name}Response xmlns=\"{namespace}\"><{name}Result>{result}</{name}Result></{name}Response>"
    );
    Ok(envelope(version, service, header, &body))
}

/// Returns the rights account certificate of `user`. The quota is obsolete and constant (MS-RMPR note 40).
fn certify(user: &str) -> String {
    format!(
        "<CertificateChain>{}</CertificateChain><Quota><Verified>true</Verified>\
         <CurrentConsumption>5</CurrentConsumption><Maximum>10</Maximum></Quota>",
        chain(XrmlKind::RightsAccount, user, ACCOUNT_CERTIFICATE_BYTES)
    )
}

/// Returns a use licence for each requested one.
fn licenses(count: usize, element: &str) -> String {
    let licence = chain(XrmlKind::UseLicence, "Demo document", USE_LICENCE_BYTES);
    let one = format!(
        "<{element}><CertificateChain>{licence}</CertificateChain><ReferenceCertificates /></{element}>"
    );
    one.repeat(bounded(count))
}

fn one_chain_each(count: usize, element: &str, chain: &str) -> String {
    format!("<{element}><CertificateChain>{chain}</CertificateChain></{element}>").repeat(bounded(count))
}

/// Returns `count`, but at most 100, the limit of a batch (MS-RMPR note 42), so that the length of a response is bounded.
fn bounded(count: usize) -> usize {
    count.min(100)
}

fn server_chain() -> String {
    chain(XrmlKind::ServerLicensor, "Demo RMS cluster", SERVER_CERTIFICATE_BYTES)
}

fn server_info(types: &[String]) -> Result<String, SoapFault> {
    let mut results = String::from("<Results xmlns=\"\">");
    for name in types {
        let content = match name.as_str() {
            "VersionInfo" => "<VersionInfo Version=\"6.0.0.0\" />".to_owned(),
            "ServerFeatureInfo" => "<ServerFeature Name=\"GroupExpansionWebService\" Enabled=\"true\" />\
                 <ServerFeature Name=\"ActiveDirectoryServicesRemoting\" Enabled=\"false\" />\
                 <ServerFeature Name=\"FederatedServicesEnabled\" Enabled=\"false\" />"
                .to_owned(),
            "ServerLicensorCertificate" => server_chain(),
            "ServiceLocations" => ["CertificationService", "LicensingService", "PublishingService"]
                .map(|kind| {
                    format!(
                        "<ServiceLocation Type=\"{kind}\" Url=\"{}\" />",
                        location(kind).unwrap_or_default()
                    )
                })
                .concat(),
            _ => return Err(SoapFault::InvalidServiceType(name.clone())),
        };
        results += &format!("<ServerInfoRequest Type=\"{name}\">{content}</ServerInfoRequest>");
    }
    Ok(results + "</Results>")
}

fn service_locations(types: &[String]) -> Result<String, SoapFault> {
    let one = |kind: &String| {
        let url = location(kind).ok_or_else(|| SoapFault::InvalidServiceType(kind.clone()))?;
        Ok(format!("<ServiceLocationResponse><URL>{url}</URL><Type>{kind}</Type></ServiceLocationResponse>"))
    };
    types.iter().map(one).collect()
}

/// Returns the URL of a service by its name in MS-RMPR 3.7.4.2.4.1; the client appends the file name.
fn location(kind: &str) -> Option<String> {
    let below = match kind {
        "ActivationService"
        | "CertificationService"
        | "CertificationInternalService"
        | "PrecertificationService"
        | "EnrollmentService" => "/certification",
        "LicensingService" | "LicensingInternalService" | "PublishingService" | "ServerService" => {
            "/licensing"
        }
        "GroupExpansionService" => "/groupexpansion",
        "DrmRemoteDirectoryServices" => "/drmremote/directoryservices",
        _ => return None,
    };
    Some(format!("{BASE_URL}{below}"))
}

fn template_information() -> String {
    format!(
        "<ServerPublicKey>{}</ServerPublicKey><GuidHashCount>1</GuidHashCount>\
         <GuidHash><Guid>{TEMPLATE_GUID}</Guid><Hash>{}</Hash></GuidHash>",
        meaningless_base64(344),
        meaningless_base64(28)
    )
}

/// Returns the templates with these identifiers; unknown ones are omitted.
fn templates(guids: &[String]) -> String {
    let template = certificate(XrmlKind::PublishingLicence, "Demo template", TEMPLATE_BYTES);
    let one = |guid: &String| {
        format!(
            "<GuidTemplate><Guid>{guid}</Guid><Hash>{}</Hash><Template>{}</Template></GuidTemplate>",
            meaningless_base64(28),
            quick_xml::escape::escape(template.as_str())
        )
    };
    guids.iter().filter(|guid| *guid == TEMPLATE_GUID).take(1).map(one).collect()
}
