//! The `.asmx` files below `/_wmcs`, with the responses of ASP.NET.
//!
//! As in IIS, paths are compared case-insensitively, and `file.asmx/anything` runs `file.asmx`. A gateway that treated such
//! paths as different resources would apply the wrong rule.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use quick_xml::escape::escape;

use super::body::{ResponseBody, text_response};
use super::envelope::SoapEnvelope;
use super::responses::{self, RmsOperation};
use super::soap::{RmsService, SoapFault, SoapVersion};

/// Four times the largest publishing licence (MS-RMPR note 43).
const MAXIMUM_BODY: usize = 32 * 1024 * 1024;
const HTML: &str = "text/html; charset=utf-8";

/// An `.asmx` file and its operations.
struct AsmxFile {
    path: &'static str,
    service: RmsService,
    operations: &'static [RmsOperation],
}

static FILES: [AsmxFile; 8] = [
    AsmxFile {
        path: "/_wmcs/certification/certification.asmx",
        service: RmsService::Certification,
        operations: &[RmsOperation::Certify],
    },
    AsmxFile {
        path: "/_wmcs/certification/server.asmx",
        service: RmsService::Server,
        operations: SERVER_OPERATIONS,
    },
    AsmxFile {
        path: "/_wmcs/certification/servicelocator.asmx",
        service: RmsService::Server,
        operations: &[RmsOperation::FindServiceLocationsForUser],
    },
    AsmxFile {
        path: "/_wmcs/licensing/license.asmx",
        service: RmsService::Licensing,
        operations: &[RmsOperation::AcquireLicense, RmsOperation::AcquirePreLicense],
    },
    AsmxFile {
        path: "/_wmcs/licensing/publish.asmx",
        service: RmsService::Publishing,
        operations: &[RmsOperation::AcquireIssuanceLicense, RmsOperation::GetClientLicensorCert],
    },
    AsmxFile {
        path: "/_wmcs/licensing/server.asmx",
        service: RmsService::Server,
        operations: SERVER_OPERATIONS,
    },
    AsmxFile {
        path: "/_wmcs/licensing/servicelocator.asmx",
        service: RmsService::Server,
        operations: &[RmsOperation::FindServiceLocationsForUser],
    },
    AsmxFile {
        path: "/_wmcs/licensing/templatedistribution.asmx",
        service: RmsService::TemplateDistribution,
        operations: &[RmsOperation::AcquireTemplateInformation, RmsOperation::AcquireTemplates],
    },
];

const SERVER_OPERATIONS: &[RmsOperation] =
    &[RmsOperation::GetLicensorCertificate, RmsOperation::GetServerInfo, RmsOperation::FindServiceLocations];

/// Returns the response to a request that the echo does not handle.
pub(super) async fn respond(request: Request<Incoming>, path: &str, query: &str) -> Response<ResponseBody> {
    let Some((file, path_info)) = find(path) else {
        return text_response(StatusCode::NOT_FOUND, HTML, "<h1>The resource cannot be found.</h1>\n");
    };
    match *request.method() {
        Method::GET | Method::HEAD if path_info == PathInfo::Absent => describe(file, &request, query),
        Method::POST if path_info == PathInfo::Absent => call(file, request).await,
        // `file.asmx/Operation` is the HTTP form protocol, which ASP.NET disables for remote clients.
        Method::GET | Method::HEAD | Method::POST => text_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            HTML,
            "<h1>Request format is unrecognized.</h1>\n",
        ),
        _ => {
            let mut response =
                text_response(StatusCode::METHOD_NOT_ALLOWED, HTML, "<h1>Method not allowed</h1>\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
            response
        }
    }
}

/// The part of the path after the file name (`PATH_INFO`).
#[derive(PartialEq, Eq)]
enum PathInfo {
    Present,
    Absent,
}

fn find(path: &str) -> Option<(&'static AsmxFile, PathInfo)> {
    let path = path.to_ascii_lowercase();
    FILES.iter().find_map(|file| match path.strip_prefix(file.path)? {
        "" => Some((file, PathInfo::Absent)),
        rest if rest.starts_with('/') => Some((file, PathInfo::Present)),
        _ => None,
    })
}

/// Returns the page of the file, or with `?wsdl` its service description, whose address is that of the Host header.
fn describe(file: &AsmxFile, request: &Request<Incoming>, query: &str) -> Response<ResponseBody> {
    let name = file.path;
    if !query.eq_ignore_ascii_case("wsdl") {
        let list: String =
            file.operations.iter().map(|operation| format!("<li>{}</li>", operation.name())).collect();
        let page = format!("<title>{name}</title><h1>{name}</h1><p>Operations:</p><ul>{list}</ul>\n");
        return text_response(StatusCode::OK, HTML, page);
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let namespace = file.service.namespace();
    let wsdl = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><wsdl:definitions xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" \
         xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" targetNamespace=\"{namespace}\">\
         <wsdl:service name=\"RmsService\"><wsdl:port name=\"ServiceSoap\"><soap:address location=\"http://{}{name}\"/>\
         </wsdl:port></wsdl:service></wsdl:definitions>",
        escape(host)
    );
    text_response(StatusCode::OK, "text/xml; charset=utf-8", wsdl)
}

/// Runs a SOAP call and returns its result or fault.
async fn call(file: &AsmxFile, request: Request<Incoming>) -> Response<ResponseBody> {
    let Some(version) = soap_version(request.headers()) else {
        return text_response(StatusCode::UNSUPPORTED_MEDIA_TYPE, HTML, "<h1>Unsupported media type</h1>\n");
    };
    let (head, body) = request.into_parts();
    let message = match Limited::new(body, MAXIMUM_BODY).collect().await {
        Ok(message) => message.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return text_response(StatusCode::PAYLOAD_TOO_LARGE, HTML, "<h1>Request too large</h1>\n");
        }
        Err(_) => return text_response(StatusCode::BAD_REQUEST, HTML, "<h1>Incomplete body</h1>\n"),
    };
    let (status, envelope) = match run(file, version, &head.headers, &message) {
        Ok(envelope) => (StatusCode::OK, envelope),
        Err(fault) => (fault.status(), fault.envelope(version)),
    };
    let mut response = text_response(status, version.media_type(), envelope);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=0"));
    response
}

fn run(
    file: &AsmxFile,
    version: SoapVersion,
    headers: &HeaderMap,
    message: &[u8],
) -> Result<String, SoapFault> {
    let message = std::str::from_utf8(message).map_err(|error| SoapFault::MalformedXml(error.to_string()))?;
    let envelope = SoapEnvelope::parse(message, version)?;
    let action = match version {
        SoapVersion::V1_1 => {
            let value = headers.get("soapaction").map(HeaderValue::as_bytes).unwrap_or_default();
            String::from_utf8_lossy(value).trim_matches(['"', ' ']).to_owned()
        }
        SoapVersion::V1_2 => format!("{}/{}", envelope.namespace, envelope.operation),
    };
    let is_requested =
        |operation: &&RmsOperation| action == format!("{}/{}", file.service.namespace(), operation.name());
    let operation = file.operations.iter().find(is_requested).copied();
    let operation = operation.ok_or_else(|| SoapFault::UnknownAction(action.clone()))?;
    if envelope.namespace != file.service.namespace() || envelope.operation != operation.name() {
        return Err(SoapFault::UnknownAction(action));
    }
    responses::respond(operation, file.service, version, &envelope, user(headers))
}

/// Returns the SOAP version of a POST as ASP.NET does: 1.2 by its media type, otherwise 1.1 if a `SOAPAction` is present.
/// `None` leads to the status 415.
fn soap_version(headers: &HeaderMap) -> Option<SoapVersion> {
    let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/soap+xml") {
        return Some(SoapVersion::V1_2);
    }
    let is_soap_1_1 = headers.contains_key("soapaction") && essence.eq_ignore_ascii_case("text/xml");
    is_soap_1_1.then_some(SoapVersion::V1_1)
}

/// Returns the account that IIS would pass to RMS. Two header lines are no account, since one of them may be forged.
fn user(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all("x-remote-user").iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    line.to_str().ok().filter(|user| !user.is_empty())
}
