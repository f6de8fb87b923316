//! How a backend is told whom a request speaks for, with the real servers of the lab: a KDC, web servers that demand
//! Kerberos, NTLM or a certificate.

mod answer;
mod assertion;
mod certificate;
mod changed_accounts;
mod check;
mod delegated_requests;
mod delegation;
mod kerberos;
mod krb5_conf;
mod pass_through;
mod sites;
mod verifier;
