//! Names with syntax of search filters match only accounts with exactly that name.

use super::{account_names, directories, upn};
use crate::support::PeopleDirectory;
use portcullis::directory::{DirectoryError, LoginName, LookupKeys, UnusableLookupKeys};

const HOSTILE: [&str; 19] = [
    "*",
    "alice*",
    "al*ce@corp.example",
    "*)(objectClass=*",
    "*)(objectClass=*)(userPrincipalName=*",
    "alice@corp.example)(cn=*",
    "alice@corp.example)(|(objectClass=*",
    "x)(|(objectClass=*)",
    "alice@corp.example\0",
    "alice\0@corp.example",
    r"\2a",
    r"alice\40corp.example",
    r"\",
    "(",
    ")",
    "&(objectClass=*)",
    "|",
    "!",
    // A Cyrillic letter that looks like an a.
    "\u{430}lice@corp.example",
];

#[tokio::test]
async fn no_value_is_interpreted_as_a_filter() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    for text in HOSTILE {
        let value = vec![text.to_owned()];
        let keys = [
            upn(text),
            LookupKeys { emails: value.clone(), ..LookupKeys::default() },
            LookupKeys { alt_security_identities: value.clone(), ..LookupKeys::default() },
            LookupKeys { account_names: value, ..LookupKeys::default() },
            LookupKeys {
                attributes: vec![("employeeNumber".to_owned(), text.to_owned())],
                ..LookupKeys::default()
            },
        ];
        for keys in keys {
            assert_eq!(account_names(&directories.look_up(&keys).await.unwrap()), [""; 0], "{keys:?}");
        }
        for login in [LoginName::Upn(text.to_owned()), LoginName::Name(text.to_owned())] {
            assert_eq!(account_names(&directories.by_login(&login).await.unwrap()), [""; 0], "{login:?}");
        }
    }
}

#[tokio::test]
async fn an_account_with_such_a_name_is_found_and_no_other() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    assert_eq!(account_names(&directories.look_up(&upn("star*@corp.example")).await.unwrap()), ["star*"]);
}

#[tokio::test]
async fn an_invalid_attribute_name_is_rejected_before_a_search() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    let attribute = "cn=*)(uid";
    let keys =
        LookupKeys { attributes: vec![(attribute.to_owned(), "x".to_owned())], ..LookupKeys::default() };
    let rejected = directories.look_up(&keys).await.unwrap_err();
    let DirectoryError::UnusableLookupKeys(UnusableLookupKeys::Attribute(reported)) = rejected else {
        panic!("{rejected}")
    };
    assert_eq!(reported, attribute);
    let many = LookupKeys { upns: vec!["a@b".to_owned(); 65], ..LookupKeys::default() };
    let rejected = directories.look_up(&many).await.unwrap_err();
    assert!(matches!(
        rejected,
        DirectoryError::UnusableLookupKeys(UnusableLookupKeys::TooMany { count: 65, limit: 64 })
    ));
    assert_eq!(directory.requests("BIND dn="), [""; 0]);
}
