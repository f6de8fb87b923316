//! SOAP as the RMS services use it: parses and writes envelopes and faults, and writes the requests of RMS clients.

mod fault;
mod message;
mod parse;
#[cfg(test)]
mod request;

pub(super) use fault::SoapFault;
pub(crate) use message::{RmsService, SoapVersion};
pub(super) use message::{VersionHeader, envelope};
pub(super) use parse::SoapEnvelope;
#[cfg(test)]
pub(crate) use request::{
    SoapRequest, acquire_issuance_license_request, acquire_license_request, certify_request,
    client_licensor_request, find_service_locations_for_user_request, licensor_certificate_request,
    server_info_request, template_information_request,
};
