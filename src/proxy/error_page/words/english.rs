//! The texts of all denials in English.

use crate::policy::DenialId;
use crate::proxy::error_page::text::{DenialHint, DenialText, PageLabels};

pub(super) const LABELS: PageLabels = PageLabels {
    steps: "What you can do",
    help: "Where to get help",
    reason: "Reason",
    code: "Code",
    request_id: "Request number",
};

const TRY_LATER: &str = "Wait a few minutes and try again.";
const TRY_SOON: &str = "Wait a moment and try again.";
const TRY_AGAIN: &str = "Try again.";
const OTHER_CERTIFICATE: &str = "If you have more than one certificate or card, close all windows of the \
    browser or program, open it again and choose the other one.";
const IF_IT_CONTINUES: &str = "If this keeps happening, give the request number to your help desk.";
const OTHERWISE_ASK: &str = "If that does not help, give the request number to your help desk.";
const ASK: &str = "Give the request number to your help desk.";

pub(super) const fn hint_text(hint: DenialHint) -> &'static str {
    match hint {
        DenialHint::Tls13WithoutPss => {
            "For the help desk: a certificate was requested over TLS 1.3, and none was sent. Cards and card \
             software that cannot sign with RSA-PSS have this effect. They work if TLS for this site is \
             limited to version 1.2."
        }
        DenialHint::PasswordAccepted => {
            "Without a card, you can sign in here with your user name and password: reload the page, and your \
             browser asks for them."
        }
        DenialHint::ProofExpired => {
            "Your card was last used on this connection some time ago, and has to be used again."
        }
    }
}

/// The match is exhaustive, so that a new denial does not compile without its text.
pub(super) const fn denial_text(denial: DenialId) -> DenialText {
    match denial {
        DenialId::TlsRequired => DenialText {
            title: "This address requires a secure connection",
            explanation: "The address was opened over plain http, which others on the network can read and \
                change.",
            steps: &["Open the same address again, beginning with https://.", IF_IT_CONTINUES],
        },
        DenialId::CertificateRequired => DenialText {
            title: "Your smartcard was not used",
            explanation: "This address requires a smartcard, and your computer did not send a certificate from \
                a card.",
            steps: &[
                "Insert your smartcard into the reader and wait until it is recognized.",
                "Close all windows of the browser or program, then open it and try again.",
                "When you are asked, choose the certificate on your card and enter your PIN.",
                IF_IT_CONTINUES,
            ],
        },
        DenialId::CertificateUntrusted => DenialText {
            title: "Your certificate is not accepted here",
            explanation: "Your computer sent a certificate, but this site does not trust its issuer, or the \
                certificate may not be used to sign in.",
            steps: &[OTHER_CERTIFICATE, OTHERWISE_ASK],
        },
        DenialId::CertificateExpired => DenialText {
            title: "Your certificate has expired",
            explanation: "The certificate that your computer sent, or the certificate of its issuer, is no \
                longer valid.",
            steps: &[
                "If you have received a new card or certificate, close all windows of the browser or program, \
                 open it again and choose the new one.",
                "Otherwise, ask your help desk to renew your smartcard.",
            ],
        },
        DenialId::CertificateNotYetValid => DenialText {
            title: "Your certificate is not valid yet",
            explanation: "The certificate that your computer sent, or the certificate of its issuer, becomes \
                valid later.",
            steps: &[
                "If your card was issued just now, wait a few minutes and try again.",
                OTHER_CERTIFICATE,
                OTHERWISE_ASK,
            ],
        },
        DenialId::CertificateRevoked => DenialText {
            title: "Your certificate has been withdrawn",
            explanation: "The certificate that your computer sent, or the certificate of its issuer, was withdrawn. This also \
                happens when a card is replaced or reported lost.",
            steps: &[
                "If you have received a new card, close all windows of the browser or program, open it again \
                 and use the new card.",
                OTHERWISE_ASK,
            ],
        },
        DenialId::RevocationUnknown => DenialText {
            title: "Your certificate cannot be checked at the moment",
            explanation: "This site could not check whether your certificate has been withdrawn, and does not \
                allow access without this check. There is probably nothing wrong with your card.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::CertificateNotSufficient => DenialText {
            title: "Your certificate cannot be used for this address",
            explanation: "Your certificate is valid, but this address requires a certificate of another kind.",
            steps: &[OTHER_CERTIFICATE, OTHERWISE_ASK],
        },
        DenialId::NotMapped => DenialText {
            title: "Your certificate is not linked to an account",
            explanation: "Your certificate is valid, but no user account is linked to it.",
            steps: &[
                OTHER_CERTIFICATE,
                "Otherwise, ask your help desk to link your smartcard to your account.",
            ],
        },
        DenialId::MappingAmbiguous => DenialText {
            title: "Your certificate is linked to more than one account",
            explanation: "Your certificate is valid, but it is linked to several user accounts, and this site \
                cannot determine which one is yours.",
            steps: &["Ask your help desk to link your smartcard to one account only."],
        },
        DenialId::MappingTooWeak => DenialText {
            title: "Your certificate is not linked securely enough to your account",
            explanation: "Your certificate is valid, but it is linked to your account by a name only. This \
                address requires a link that cannot apply to another person.",
            steps: &[OTHER_CERTIFICATE, OTHERWISE_ASK],
        },
        DenialId::AccountDisabled => DenialText {
            title: "Your account cannot be used at the moment",
            explanation: "Your account is disabled, locked or expired, or may not be used at this time of day.",
            steps: &["Ask your help desk to check your account."],
        },
        DenialId::AccessDenied => DenialText {
            title: "You do not have access to this address",
            explanation: "Only certain accounts and networks have access to this address, and yours are not \
                among them.",
            steps: &["If you need access, request it from your help desk or from the owner of this service."],
        },
        DenialId::CredentialsRequired => DenialText {
            title: "You are not signed in",
            explanation: "You have to sign in at this address, and your computer sent neither a certificate nor \
                a password.",
            steps: &[
                "Insert your smartcard into the reader and wait until it is recognized.",
                "Close all windows of the browser or program, then open it and try again.",
                "When you are asked, choose the certificate on your card and enter your PIN.",
                IF_IT_CONTINUES,
            ],
        },
        DenialId::PathNotFound => DenialText {
            title: "This address does not exist",
            explanation: "This site has no page or service at the address that was requested.",
            steps: &[
                "Check the spelling of the address.",
                "If you followed a link, report it to the person who gave it to you.",
            ],
        },
        DenialId::InvalidPath => DenialText {
            title: "This address is not valid",
            explanation: "The address contains characters, or has a form, that this site does not accept.",
            steps: &[
                "Check the spelling of the address.",
                "If you followed a link, report it to the person who gave it to you.",
            ],
        },
        DenialId::MethodNotAllowed => DenialText {
            title: "This address does not accept this kind of request",
            explanation: "The address exists, but it does not support what your browser or program tried to do.",
            steps: &["Use the program that the address is meant for.", IF_IT_CONTINUES],
        },
        DenialId::MisdirectedRequest => DenialText {
            title: "This connection cannot be used for the address",
            explanation: "Your browser or program used a connection that was opened for another address, or too \
                long ago.",
            steps: &[
                TRY_AGAIN,
                "If that does not help, close all windows of the browser or program, then open it and try \
                 again.",
            ],
        },
        DenialId::Http11Required => DenialText {
            title: "This address cannot be used over HTTP/2",
            explanation: "Signing in at this address requires HTTP/1.1, and your browser or program used \
                HTTP/2.",
            steps: &[TRY_AGAIN, IF_IT_CONTINUES],
        },
        DenialId::IdentityConflict => DenialText {
            title: "Your certificate contradicts itself",
            explanation: "Your certificate names more than one person or account, and this site cannot \
                determine who you are.",
            steps: &[OTHER_CERTIFICATE, "Otherwise, ask your help desk for a new certificate."],
        },
        DenialId::InvalidPassword => DenialText {
            title: "The user name or password was not accepted",
            explanation: "They do not match, or the account cannot be used at the moment.",
            steps: &[
                "Check the user name, the keyboard language and Caps Lock, and try again. Too many attempts can \
                 lock the account.",
                OTHERWISE_ASK,
            ],
        },
        DenialId::CrossSiteRequest => DenialText {
            title: "Another website tried to use your sign-in",
            explanation: "A page of another website sent this request in your name. The request was blocked.",
            steps: &[
                "To open this address, type it in the address bar or use your own bookmark.",
                "If you wanted to come here from that page, give the request number to your help desk.",
            ],
        },
        DenialId::MalformedRequest => DenialText {
            title: "The request was damaged",
            explanation: "The request is not written as it should be, and was not processed.",
            steps: &[TRY_AGAIN, IF_IT_CONTINUES],
        },
        DenialId::RequestTimeout => DenialText {
            title: "The request took too long to arrive",
            explanation: "Your computer did not send the whole request in time, and it was not processed.",
            steps: &["Check your network connection and try again.", IF_IT_CONTINUES],
        },
        DenialId::BodyTooLarge => DenialText {
            title: "The request is too large",
            explanation: "Your browser or program sent more data than this address accepts.",
            steps: &["Try again with a smaller document.", IF_IT_CONTINUES],
        },
        DenialId::LoginThrottled => DenialText {
            title: "Too many failed sign-ins",
            explanation: "Too many wrong passwords were sent for your account, or from your computer or \
                network. No more passwords are checked for a while.",
            steps: &["Wait 15 minutes and try again.", IF_IT_CONTINUES],
        },
        DenialId::RateLimited => DenialText {
            title: "Too many requests",
            explanation: "Your computer, network or account sent more requests in a short time than this site \
                accepts.",
            steps: &[TRY_SOON, IF_IT_CONTINUES],
        },
        DenialId::HeadersTooLarge => DenialText {
            title: "The request contains too much additional data",
            explanation: "The data that your browser sends with every request, such as cookies, is larger than \
                this site accepts.",
            steps: &["Delete the cookies of this site in your browser and try again.", IF_IT_CONTINUES],
        },
        DenialId::DirectoryUnavailable => DenialText {
            title: "Signing in is not possible at the moment",
            explanation: "The system that manages the user accounts does not respond, and this site cannot \
                allow access without it.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::ValidationTimeout => DenialText {
            title: "Signing in took too long",
            explanation: "Your certificate or password could not be checked in time. There is probably nothing \
                wrong with it.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::Overloaded => DenialText {
            title: "Too many users are signing in at the moment",
            explanation: "Your certificate or password could not be checked yet, because many others are being \
                checked.",
            steps: &[TRY_SOON, IF_IT_CONTINUES],
        },
        DenialId::BackendBusy => DenialText {
            title: "The service is busy",
            explanation: "The service at this address cannot accept more requests at the moment. Your request \
                was not processed.",
            steps: &[TRY_SOON, IF_IT_CONTINUES],
        },
        DenialId::AuditUnavailable => DenialText {
            title: "The service is interrupted",
            explanation: "This site has to record every request, and cannot do so at the moment. Until it can, \
                it does not accept requests.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::BackendUnreachable => DenialText {
            title: "The service cannot be reached",
            explanation: "The service at this address cannot be reached at the moment. There is nothing wrong \
                with your card.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::BackendTimeout => DenialText {
            title: "The service did not respond in time",
            explanation: "Your request was sent to the service, but no response was received. The request may \
                have been processed nevertheless.",
            steps: &["Before you try again, check whether your request was processed.", IF_IT_CONTINUES],
        },
        DenialId::DelegationFailed => DenialText {
            title: "You could not be signed in to the service",
            explanation: "This site recognized you, but could not sign you in to the service at this address.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::BackendRejectedIdentity => DenialText {
            title: "The service did not accept your sign-in",
            explanation: "This site recognized you, but the service at this address did not accept your \
                account.",
            steps: &[ASK],
        },
        DenialId::BackendRenegotiation => DenialText {
            title: "The service requested your card itself",
            explanation: "The service at this address tried to check your certificate in a way that this site \
                does not support. The configuration of the service has to be changed. There is nothing wrong \
                with your card.",
            steps: &[ASK],
        },
        DenialId::ClientDisconnected => DenialText {
            title: "The request was interrupted",
            explanation: "The connection was closed before the response was complete.",
            steps: &["If you did not cancel the request, try again."],
        },
    }
}
