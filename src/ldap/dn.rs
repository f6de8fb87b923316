//! Distinguished names as text (RFC 4514). Two spellings of one name with different escapes count as two names.

/// Returns whether the entry `dn` is `base` or below it. Case is ignored, as directories of accounts do.
pub(crate) fn is_within(dn: &str, base: &str) -> bool {
    let (dn, base) = (rdns(dn), rdns(base));
    let Some(above) = dn.len().checked_sub(base.len()) else { return false };
    dn.iter().skip(above).zip(&base).all(|(one, other)| same(one, other))
}

/// Returns the number of relative names in a name. Of two bases of an entry, the one with the greater depth is nearer.
pub(crate) fn dn_depth(dn: &str) -> usize {
    rdns(dn).len()
}

/// Returns the domain components at the end of a name (RFC 2247), `dc=corp,dc=example`, in lower case.
pub(crate) fn dn_domain(dn: &str) -> String {
    let rdns = rdns(dn);
    let components = rdns.iter().rev().take_while(|rdn| is_domain_component(rdn)).count();
    rdns.get(rdns.len() - components..).unwrap_or_default().join(",").to_lowercase()
}

/// Returns the value of the first relative name, `RMS-Users` of `CN=RMS-Users,OU=Staff`, with its escapes decoded (RFC
/// 4514 2.4); `None` if it is not text, or the relative name has several values.
pub(crate) fn first_rdn_value(dn: &str) -> Option<String> {
    let (_, value) = rdns(dn).first()?.split_once('=')?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => {
                let first = rest.next()?;
                match char::from(first).to_digit(16) {
                    Some(high) => {
                        let low = rest.next().and_then(|low| char::from(low).to_digit(16))?;
                        bytes.push(u8::try_from(high << 4 | low).ok()?);
                    }
                    None => bytes.push(first),
                }
            }
            b'+' => return None,
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok().filter(|value| !value.is_empty())
}

/// Returns the relative names, the nearest to the entry first, without spaces around them.
fn rdns(dn: &str) -> Vec<&str> {
    let mut rdns = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, letter) in dn.char_indices() {
        if letter == ',' && !escaped {
            rdns.extend(dn.get(start..at));
            start = at + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    rdns.extend(dn.get(start..));
    rdns.into_iter().map(str::trim).filter(|rdn| !rdn.is_empty()).collect()
}

fn is_domain_component(rdn: &str) -> bool {
    rdn.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("dc="))
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "OU=Staff,DC=corp,DC=example";

    #[test]
    fn an_entry_is_within_itself_and_each_name_at_its_end() {
        for dn in [BASE, "ou=staff, dc=Corp,dc=example", r"CN=Doe\, Jane,OU=Staff,DC=corp,DC=example"] {
            assert!(is_within(dn, BASE), "{dn}");
        }
        assert!(is_within(BASE, ""));
    }

    #[test]
    fn an_entry_is_not_within_a_name_that_is_only_similar_to_its_end() {
        let others = [
            "DC=corp,DC=example",
            "OU=OtherStaff,DC=corp,DC=example",
            "CN=alice,OU=Staff,DC=corp,DC=example,DC=org",
            r"CN=a\,OU=Staff,DC=corp,DC=example",
            "",
        ];
        for other in others {
            assert!(!is_within(other, BASE), "{other}");
        }
    }

    #[test]
    fn the_domain_consists_of_the_domain_components_at_the_end() {
        assert_eq!(dn_domain("CN=alice,DC=lab,OU=Staff,DC=Corp,DC=example"), "dc=corp,dc=example");
        assert_eq!(dn_domain("O=Corp Example"), "");
    }

    #[test]
    fn escapes_in_the_first_value_are_decoded() {
        let cases = [
            ("CN=RMS-Users,OU=Staff", Some("RMS-Users")),
            (r"cn=Sales\, North,ou=x", Some("Sales, North")),
            (r"cn=caf\C3\A9", Some("caf\u{e9}")),
            (r"cn=a\\,ou=x", Some(r"a\")),
            (r"cn=\23x", Some("#x")),
            ("cn=a+sn=b,ou=x", None),
            (r"cn=\FF", None),
            (r"cn=\4", None),
            ("cn=", None),
            ("", None),
        ];
        for (dn, value) in cases {
            assert_eq!(first_rdn_value(dn).as_deref(), value, "{dn}");
        }
    }
}
