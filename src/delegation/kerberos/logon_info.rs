//! The SID of the account in `KERB_VALIDATION_INFO` ([MS-PAC] 2.5), the part of a ticket from which Windows creates its
//! access token. A name can be given to another account, a SID cannot.

/// The size of the common and private headers ([MS-RPCE] 2.2.6) and of the pointer to the structure.
const HEADERS: usize = 20;
/// The size of six times (`FILETIME`), which precede the names.
const TIMES: usize = 6 * 8;
/// The number of names: EffectiveName, FullName, LogonScript, ProfilePath, HomeDirectory, HomeDirectoryDrive.
const NAMES: usize = 6;
/// The size of LogonCount and BadPasswordCount, which precede UserId.
const COUNTS: usize = 4;
/// The size of a `GROUP_MEMBERSHIP`: GroupId and attributes.
const MEMBERSHIP: usize = 8;
/// The number of names of servers: LogonServer and LogonDomainName.
const SERVER_NAMES: usize = 2;
/// The size of the fields from Reserved1 to ResourceGroupIds.
const REST: usize = 8 + 4 + 4 + 8 + 8 + 4 + 4 + 4 + 4 + 4 + 4 + 4;
/// The size of UserSessionKey.
const SESSION_KEY: usize = 16;

/// Returns the SID of the account, `S-1-5-21-…`; `None` if the bytes are not such a structure, or name no domain
/// account.
pub(super) fn account_sid(encoded: &[u8]) -> Option<String> {
    let mut reader = NdrReader { rest: encoded, position: 0 };
    reader.skip(HEADERS + TIMES)?;
    let names = reader.references::<NAMES>()?;
    reader.skip(COUNTS)?;
    let user_id = reader.number()?;
    let _primary_group = reader.number()?;
    let _group_count = reader.number()?;
    let groups = reader.number()?;
    let _user_flags = reader.number()?;
    reader.skip(SESSION_KEY)?;
    let server_names = reader.references::<SERVER_NAMES>()?;
    let domain = reader.number()?;
    reader.skip(REST)?;
    // The referents follow in the order of their pointers ([C706] 14.3.12.3).
    for _ in names.into_iter().filter(|reference| *reference != 0) {
        reader.skip_text()?;
    }
    if groups != 0 {
        let count = usize::try_from(reader.number()?).ok()?;
        reader.skip(count.checked_mul(MEMBERSHIP)?)?;
    }
    for _ in server_names.into_iter().filter(|reference| *reference != 0) {
        reader.skip_text()?;
    }
    // If the user id is 0, the SID is one of the extra SIDs, as for accounts outside of domains.
    if domain == 0 || user_id == 0 {
        return None;
    }
    let domain = reader.sid()?;
    Some(format!("{domain}-{user_id}"))
}

/// A reader of little-endian NDR ([MS-RPCE] 2.2.6.1).
struct NdrReader<'a> {
    rest: &'a [u8],
    position: usize,
}

impl<'a> NdrReader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        self.position += length;
        Some(taken)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(|_| ())
    }

    fn number(&mut self) -> Option<u32> {
        // The length of the headers is a multiple of four, so the alignment is that of the whole.
        self.skip(self.position.next_multiple_of(4) - self.position)?;
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Returns the pointers of `COUNT` structures `RPC_UNICODE_STRING`, each preceded by two lengths of two bytes.
    fn references<const COUNT: usize>(&mut self) -> Option<[u32; COUNT]> {
        let mut references = [0; COUNT];
        for reference in &mut references {
            self.skip(4)?;
            *reference = self.number()?;
        }
        Some(references)
    }

    /// Skips a conformant and varying array of UTF-16.
    fn skip_text(&mut self) -> Option<()> {
        let _maximum = self.number()?;
        let _offset = self.number()?;
        let units = usize::try_from(self.number()?).ok()?;
        self.skip(units.checked_mul(2)?)
    }

    /// Returns an `RPC_SID` ([MS-DTYP] 2.4.2.3), preceded by its number of subauthorities, as text.
    fn sid(&mut self) -> Option<String> {
        let numbers = self.number()?;
        let [revision, count, authority @ ..] = self.take(8)? else { return None };
        let (revision, count) = (*revision, *count);
        if revision != 1 || u32::from(count) != numbers {
            return None;
        }
        let authority = authority.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let mut text = format!("S-1-{authority}");
        for _ in 0..count {
            text.push_str(&format!("-{}", self.number()?));
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The structure from Samba 4.17 for `CORP\\alice`, an account in four groups.
    const OF_ALICE: &[u8] = include_bytes!("../../../tests/data/kerberos/logon-info-alice");
    /// The same for an account in 150 groups.
    const OF_GRACE: &[u8] = include_bytes!("../../../tests/data/kerberos/logon-info-grace");
    /// The offset of UserId.
    const USER_ID: usize = 0x78;

    #[test]
    fn the_sid_is_found_after_names_and_groups_of_any_length() {
        let domain = "S-1-5-21-1004336348-1177238915-682003330";
        assert_eq!(account_sid(OF_ALICE), Some(format!("{domain}-1106")));
        assert_eq!(account_sid(OF_GRACE), Some(format!("{domain}-1112")));
    }

    #[test]
    fn a_truncated_structure_or_one_without_a_domain_account_has_no_sid() {
        let needed = OF_ALICE.windows(4).rposition(|bytes| bytes == [0x82, 0x8b, 0xa6, 0x28]).unwrap() + 4;
        for length in 0..needed {
            assert_eq!(account_sid(&OF_ALICE[..length]), None, "{length} bytes");
        }
        let mut of_no_user = OF_ALICE.to_vec();
        of_no_user[USER_ID..USER_ID + 4].fill(0);
        assert_eq!(account_sid(&of_no_user), None);
        for position in 0..OF_ALICE.len() {
            let mut changed = OF_ALICE.to_vec();
            changed[position] = 0xff;
            account_sid(&changed);
        }
    }
}
