//! What each operation answers (MS-RMPR 3, MS-RMPRS 3): takes the call's facts and the user, gives an envelope.

use super::soap::{Envelope, Fault, Service, SoapVersion, VersionHeader, envelope};
use super::xrml::{Kind, certificate, chain, meaningless_base64};

/// The cluster's own URL. It comes from the RMS database, never from the request, and nothing on the way may change it.
const BASE_URL: &str = "https://rms.corp.example/_wmcs";
/// What RMS v1 with SP2 answers (MS-RMPR note 3).
const HIGHEST_VERSION: &str = "1.1.0.0";
const TEMPLATE_GUID: &str = "{5f3ba7a1-6a3d-4c0e-9b52-3d9a1f6e7c10}";

const ACCOUNT_CERTIFICATE_BYTES: usize = 16_000;
const USE_LICENCE_BYTES: usize = 17_500;
const CLIENT_LICENSOR_BYTES: usize = 16_000;
const PUBLISHING_LICENCE_BYTES: usize = 24_000;
const SERVER_CERTIFICATE_BYTES: usize = 16_000;
const TEMPLATE_BYTES: usize = 6_000;

/// The operations of the stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
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

impl Operation {
    /// The name in actions and in the body.
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

/// Runs `operation` for `user`, who is absent where nobody was named.
pub(super) fn answer(
    operation: Operation,
    service: Service,
    version: SoapVersion,
    call: &Envelope,
    user: Option<&str>,
) -> Result<String, Fault> {
    let header = match operation {
        // Its binding has no header (MS-RMPR 6.5).
        Operation::GetServerInfo => VersionHeader::Absent,
        _ => {
            call.check_version(service)?;
            VersionHeader::UpTo(HIGHEST_VERSION)
        }
    };
    let result = match operation {
        Operation::Certify => certify(user.ok_or(Fault::Unauthorized)?),
        Operation::AcquireLicense => licenses(call.items, "AcquireLicenseResponse"),
        Operation::AcquirePreLicense => licenses(call.items, "AcquirePreLicenseResponse"),
        Operation::AcquireIssuanceLicense => {
            let licence = chain(Kind::PublishingLicence, "Demo document", PUBLISHING_LICENCE_BYTES);
            one_chain_each(call.items, "AcquireIssuanceLicenseResponse", &licence)
        }
        Operation::GetClientLicensorCert => {
            let licensor = chain(Kind::ClientLicensor, "Demo client", CLIENT_LICENSOR_BYTES);
            one_chain_each(call.items, "GetClientLicensorCertResponse", &licensor)
        }
        Operation::GetLicensorCertificate => {
            format!("<CertificateChain>{}</CertificateChain>", server_chain())
        }
        Operation::GetServerInfo => server_info(&call.values)?,
        Operation::FindServiceLocations => service_locations(&call.values)?,
        Operation::FindServiceLocationsForUser => {
            user.ok_or(Fault::Unspecified)?;
            service_locations(&call.values)?
        }
        Operation::AcquireTemplateInformation => template_information(),
        Operation::AcquireTemplates => templates(&call.values),
    };
    let (name, namespace) = (operation.name(), service.namespace());
    let body = format!(
        "<{name}Response xmlns=\"{namespace}\"><{name}Result>{result}</{name}Result></{name}Response>"
    );
    Ok(envelope(version, service, header, &body))
}

/// The rights account certificate of `user`. The quota is a fossil: always these numbers (MS-RMPR note 40).
fn certify(user: &str) -> String {
    format!(
        "<CertificateChain>{}</CertificateChain><Quota><Verified>true</Verified>\
         <CurrentConsumption>5</CurrentConsumption><Maximum>10</Maximum></Quota>",
        chain(Kind::RightsAccount, user, ACCOUNT_CERTIFICATE_BYTES)
    )
}

/// A use licence for each one asked for.
fn licenses(count: usize, element: &str) -> String {
    let licence = chain(Kind::UseLicence, "Demo document", USE_LICENCE_BYTES);
    let one = format!(
        "<{element}><CertificateChain>{licence}</CertificateChain><ReferenceCertificates /></{element}>"
    );
    one.repeat(bounded(count))
}

fn one_chain_each(count: usize, element: &str, chain: &str) -> String {
    format!("<{element}><CertificateChain>{chain}</CertificateChain></{element}>").repeat(bounded(count))
}

/// A server gives at most a hundred in one batch (MS-RMPR note 42), so that no call makes an answer without end.
fn bounded(count: usize) -> usize {
    count.min(100)
}

fn server_chain() -> String {
    chain(Kind::ServerLicensor, "Demo RMS cluster", SERVER_CERTIFICATE_BYTES)
}

fn server_info(asked: &[String]) -> Result<String, Fault> {
    let mut results = String::from("<Results xmlns=\"\">");
    for name in asked {
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
            _ => return Err(Fault::InvalidServiceType(name.clone())),
        };
        results += &format!("<ServerInfoRequest Type=\"{name}\">{content}</ServerInfoRequest>");
    }
    Ok(results + "</Results>")
}

fn service_locations(asked: &[String]) -> Result<String, Fault> {
    let one = |kind: &String| {
        let url = location(kind).ok_or_else(|| Fault::InvalidServiceType(kind.clone()))?;
        Ok(format!("<ServiceLocationResponse><URL>{url}</URL><Type>{kind}</Type></ServiceLocationResponse>"))
    };
    asked.iter().map(one).collect()
}

/// The URL of a service, by the names of MS-RMPR 3.7.4.2.4.1; the client appends the file's name itself.
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

/// The templates with these identifiers; one that there is not is left out.
fn templates(guids: &[String]) -> String {
    let template = certificate(Kind::PublishingLicence, "Demo template", TEMPLATE_BYTES);
    let one = |guid: &String| {
        format!(
            "<GuidTemplate><Guid>{guid}</Guid><Hash>{}</Hash><Template>{}</Template></GuidTemplate>",
            meaningless_base64(28),
            quick_xml::escape::escape(template.as_str())
        )
    };
    guids.iter().filter(|guid| *guid == TEMPLATE_GUID).take(1).map(one).collect()
}
