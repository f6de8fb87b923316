//! How identity is passed to backends, with the real servers of the lab: a KDC, and web servers that require Kerberos,
//! NTLM or a certificate.

mod assertion;
mod certificate;
mod changed_accounts;
mod check;
mod delegated_requests;
mod delegation;
mod kerberos;
mod krb5_conf;
mod pass_through;
mod site_response;
mod sites;
mod verifier;
