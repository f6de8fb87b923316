//! The texts of every denial in English.

use crate::policy::DenialId;
use crate::proxy::error_page::text::{Hint, Labels, Words};

pub(super) const LABELS: Labels = Labels {
    steps: "What you can do",
    help: "Who can help",
    reason: "Reason",
    code: "Code",
    request_id: "Request number",
};

const TRY_LATER: &str = "Wait a few minutes and try again.";
const TRY_AGAIN: &str = "Try again.";
const OTHER_CERTIFICATE: &str = "If you have more than one certificate or card, close all windows of the browser or \
    program, open it again and choose the other one.";
const IF_IT_LASTS: &str = "If this keeps happening, tell your help desk the request number.";
const ASK: &str = "Otherwise, ask your help desk and tell them the request number.";
const TELL: &str = "Tell your help desk the request number.";

pub(super) const fn hint(hint: Hint) -> &'static str {
    match hint {
        Hint::Tls13WithoutPss => {
            "For the help desk: the computer was asked for a certificate and sent none, over TLS 1.3. Cards and card \
             software that cannot sign with RSA-PSS stay silent in this way; limiting this site to TLS 1.2 lets them in."
        }
        Hint::PasswordTaken => {
            "Without a card you can sign in here with your user name and password: load the page again, and your \
             browser asks for them."
        }
        Hint::CardProofEnded => {
            "It has been a while since your card was last used on this connection, so it has to be used again."
        }
    }
}

/// Arm by arm, so that a new denial does not compile without its words.
pub(super) const fn words(denial: DenialId) -> Words {
    match denial {
        DenialId::TlsRequired => Words {
            title: "This address needs a secure connection",
            what: "The address was opened over plain http, which anybody on the way can read and change.",
            steps: &["Open the same address again, beginning with https://.", IF_IT_LASTS],
        },
        DenialId::CertificateRequired => Words {
            title: "Your smartcard was not presented",
            what: "This address is open to smartcard holders only, and your computer sent no certificate from a card.",
            steps: &[
                "Insert your smartcard and wait until the reader has recognised it.",
                "Close all windows of the browser or program, then open it and try again.",
                "When you are asked, choose the certificate on your card and enter your PIN.",
                IF_IT_LASTS,
            ],
        },
        DenialId::CertificateUntrusted => Words {
            title: "Your certificate is not trusted here",
            what: "Your computer sent a certificate, but it does not come from an issuer that this site trusts, or it \
                may not be used for signing in.",
            steps: &[OTHER_CERTIFICATE, ASK],
        },
        DenialId::CertificateExpired => Words {
            title: "Your certificate has expired",
            what: "The certificate that your computer sent, or that of its issuer, is past its last day.",
            steps: &[
                "If you have received a new card or certificate, close all windows of the browser or program, open it \
                 again and choose the new one.",
                "Otherwise, ask your help desk to renew your smartcard.",
            ],
        },
        DenialId::CertificateNotYetValid => Words {
            title: "Your certificate is not valid yet",
            what: "The certificate that your computer sent, or that of its issuer, only becomes valid later.",
            steps: &[
                "If your card was issued just now, wait a few minutes and try again.",
                OTHER_CERTIFICATE,
                ASK,
            ],
        },
        DenialId::CertificateRevoked => Words {
            title: "Your certificate has been withdrawn",
            what: "The issuer has declared that this certificate, or one above it, is no longer to be trusted. That \
                also happens when a card is replaced or reported lost.",
            steps: &[
                "If you have received a new card, close all windows of the browser or program, open it again and use \
                 the new card.",
                ASK,
            ],
        },
        DenialId::RevocationUnknown => Words {
            title: "Your certificate cannot be checked right now",
            what: "This site could not find out whether your certificate is still in force, and lets nobody in without \
                knowing. There is probably nothing wrong with your card.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::CertificateNotSufficient => Words {
            title: "This certificate is not enough for this address",
            what: "Your certificate is valid, but this address asks for a certificate of another kind.",
            steps: &[OTHER_CERTIFICATE, ASK],
        },
        DenialId::NotMapped => Words {
            title: "No account belongs to your certificate",
            what: "Your certificate is valid, but it is not linked to a user account.",
            steps: &[
                OTHER_CERTIFICATE,
                "Otherwise, ask your help desk to link your smartcard to your account.",
            ],
        },
        DenialId::MappingAmbiguous => Words {
            title: "Your certificate fits more than one account",
            what: "Your certificate is valid, but it is linked to several user accounts, and this site does not guess \
                which one is yours.",
            steps: &["Ask your help desk to link your smartcard to one account only."],
        },
        DenialId::MappingTooWeak => Words {
            title: "Your certificate is not linked firmly enough to your account",
            what: "Your certificate is valid, but it is linked to your account by a name alone. This address asks for a \
                link that cannot be passed on to somebody else.",
            steps: &[OTHER_CERTIFICATE, ASK],
        },
        DenialId::AccountDisabled => Words {
            title: "Your account cannot be used now",
            what: "The account that belongs to your certificate is disabled, locked or expired, or may not be used at \
                this hour.",
            steps: &["Ask your help desk about the state of your account."],
        },
        DenialId::AccessDenied => Words {
            title: "You do not have access to this address",
            what: "This address is for certain accounts and places only. Yours is not among them.",
            steps: &["If you need access, ask your help desk or the owner of this service for it."],
        },
        DenialId::CredentialsRequired => Words {
            title: "You are not signed in",
            what: "This address has to know who you are, and your computer presented nothing that says so.",
            steps: &[
                "Insert your smartcard and wait until the reader has recognised it.",
                "Close all windows of the browser or program, then open it and try again.",
                "When you are asked, choose the certificate on your card and enter your PIN.",
                IF_IT_LASTS,
            ],
        },
        DenialId::PathNotFound => Words {
            title: "There is nothing at this address",
            what: "This site does not have the address that was asked for.",
            steps: &[
                "Check the spelling of the address.",
                "If a link brought you here, tell the person who gave it to you.",
            ],
        },
        DenialId::InvalidPath => Words {
            title: "The address is written in a way that is not accepted",
            what: "It has characters, or a form, that this site does not take.",
            steps: &[
                "Check the spelling of the address.",
                "If a link brought you here, tell the person who gave it to you.",
            ],
        },
        DenialId::MethodNotAllowed => Words {
            title: "This address does not take that kind of request",
            what: "The address exists, but not for what your browser or program tried to do there.",
            steps: &["Use the program that the address is meant for.", IF_IT_LASTS],
        },
        DenialId::MisdirectedRequest => Words {
            title: "This connection cannot be used for the address",
            what: "Your browser or program sent the request over a connection that was opened for another address, or \
                too long ago.",
            steps: &[
                TRY_AGAIN,
                "If that does not help, close all windows of the browser or program, then open it and try again.",
            ],
        },
        DenialId::Http11Required => Words {
            title: "This address is not served over HTTP/2",
            what: "You sign in here by a dialogue that only HTTP/1.1 can carry.",
            steps: &[TRY_AGAIN, IF_IT_LASTS],
        },
        DenialId::IdentityConflict => Words {
            title: "Your certificate contradicts itself",
            what: "It names more than one person or account, so this site cannot tell who you are.",
            steps: &[OTHER_CERTIFICATE, "Otherwise, ask your help desk for a new certificate."],
        },
        DenialId::InvalidPassword => Words {
            title: "The user name or password was not accepted",
            what: "The two do not belong together, or the account cannot be used now.",
            steps: &[
                "Check the user name, the keyboard's language and Caps Lock, then try again. Too many attempts can lock \
                 the account.",
                ASK,
            ],
        },
        DenialId::CrossSiteRequest => Words {
            title: "Another website tried to use your sign-in",
            what: "This request came from a page of another website. It was stopped, so that no other site can act in \
                your name.",
            steps: &[
                "To go to this address yourself, type it in the address bar or open your own bookmark.",
                "If you meant to come here from that page, tell your help desk the request number.",
            ],
        },
        DenialId::MalformedRequest => Words {
            title: "The request was garbled",
            what: "It cannot be told for certain where the request begins and ends, so nothing was done with it.",
            steps: &[TRY_AGAIN, IF_IT_LASTS],
        },
        DenialId::RequestTimeout => Words {
            title: "The request took too long to arrive",
            what: "Your computer began to send a request and did not finish it in time, so nothing was done with it.",
            steps: &["Check your network connection and try again.", IF_IT_LASTS],
        },
        DenialId::BodyTooLarge => Words {
            title: "The request is too large",
            what: "Your browser or program sent more data than this address takes.",
            steps: &["Try again with a smaller document.", IF_IT_LASTS],
        },
        DenialId::LoginThrottled => Words {
            title: "Too many attempts",
            what: "More requests or wrong passwords came from your computer or network, or for your account, than this \
                site takes in so short a time.",
            steps: &["Wait a quarter of an hour and try again.", IF_IT_LASTS],
        },
        DenialId::RateLimited => Words {
            title: "Too many requests",
            what: "Your computer, your network or your account sent more requests in a short time than this site takes.",
            steps: &["Wait a moment and try again.", IF_IT_LASTS],
        },
        DenialId::HeadersTooLarge => Words {
            title: "The request carries too much with it",
            what: "What your browser sends along with each request, such as cookies, is more than this site takes.",
            steps: &["Delete the cookies of this site in your browser and try again.", IF_IT_LASTS],
        },
        DenialId::DirectoryUnavailable => Words {
            title: "Nobody can be signed in right now",
            what: "The directory of user accounts does not answer, and this site lets nobody in without it.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::ValidationTimeout => Words {
            title: "Checking your certificate took too long",
            what: "The check did not end in time. There is probably nothing wrong with your card.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::Overloaded => Words {
            title: "Too many people are signing in right now",
            what: "Your certificate could not be checked yet, because many others are being checked.",
            steps: &["Wait a moment and try again.", IF_IT_LASTS],
        },
        DenialId::BackendBusy => Words {
            title: "The service is busy",
            what: "The service behind this address has as much to do as it can take, so your request was not passed on.",
            steps: &["Wait a moment and try again.", IF_IT_LASTS],
        },
        DenialId::AuditUnavailable => Words {
            title: "The service is paused",
            what: "This site keeps a record of every request and cannot do so right now. Until it can, it lets nobody \
                through.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::BackendUnreachable => Words {
            title: "The service does not answer",
            what: "The service behind this address cannot be reached right now. There is nothing wrong with your card.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::BackendTimeout => Words {
            title: "The service did not answer in time",
            what: "Your request was passed on, but no answer came. It may have been carried out all the same.",
            steps: &["Check whether what you asked for has been done before you try again.", IF_IT_LASTS],
        },
        DenialId::DelegationFailed => Words {
            title: "You could not be signed in to the service",
            what: "You were recognised, but the service behind this address could not be told who you are.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::BackendRejectedIdentity => Words {
            title: "The service did not accept your sign-in",
            what: "You were recognised here, but the service behind this address did not take your account.",
            steps: &[TELL],
        },
        DenialId::BackendRenegotiation => Words {
            title: "The service asked for your card itself",
            what: "The service behind this address tried to check your certificate in a way that \
                cannot be passed on. Its settings have to be changed; there is nothing wrong with your card.",
            steps: &[TELL],
        },
        DenialId::ClientDisconnected => Words {
            title: "The request was broken off",
            what: "The connection was closed before the answer was complete.",
            steps: &["If you did not mean to stop it, try again."],
        },
    }
}
