//! Result codes (RFC 4511 A.1) and their names.

pub(crate) const SUCCESS: u32 = 0;
/// The search matched more entries than the client or the server permits.
pub(crate) const SIZE_LIMIT_EXCEEDED: u32 = 4;
pub(crate) const NO_SUCH_OBJECT: u32 = 32;
/// The name, the password or both are wrong.
pub(crate) const INVALID_CREDENTIALS: u32 = 49;
/// The server has too much to do.
pub(super) const BUSY: u32 = 51;
/// The server is starting or stopping.
pub(super) const UNAVAILABLE: u32 = 52;

/// The name of a code that operators meet, as RFC 4511 spells it.
pub(super) const fn name(code: u32) -> Option<&'static str> {
    Some(match code {
        SUCCESS => "success",
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        SIZE_LIMIT_EXCEEDED => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        13 => "confidentialityRequired",
        14 => "saslBindInProgress",
        16 => "noSuchAttribute",
        17 => "undefinedAttributeType",
        18 => "inappropriateMatching",
        21 => "invalidAttributeSyntax",
        NO_SUCH_OBJECT => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        INVALID_CREDENTIALS => "invalidCredentials",
        50 => "insufficientAccessRights",
        BUSY => "busy",
        UNAVAILABLE => "unavailable",
        53 => "unwillingToPerform",
        80 => "other",
        _ => return None,
    })
}
