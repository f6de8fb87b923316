//! Names that mean something in a filter name nobody but who is called so.

use super::{forest, upn, who};
use crate::support::PeopleDirectory;
use portcullis::directory::{DirectoryError, LoginName, Names, UnusableNames};

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
async fn no_value_is_read_as_more_than_a_value() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let forest = forest(directory.settings());
    for text in HOSTILE {
        let value = vec![text.to_owned()];
        let names = [
            upn(text),
            Names { emails: value.clone(), ..Names::default() },
            Names { alt_security_identities: value.clone(), ..Names::default() },
            Names { account_names: value, ..Names::default() },
            Names { attributes: vec![("employeeNumber".to_owned(), text.to_owned())], ..Names::default() },
        ];
        for names in names {
            assert_eq!(who(&forest.look_up(&names).await.unwrap()), [""; 0], "{names:?}");
        }
        for login in [LoginName::Upn(text.to_owned()), LoginName::Name(text.to_owned())] {
            assert_eq!(who(&forest.by_login(&login).await.unwrap()), [""; 0], "{login:?}");
        }
    }
}

#[tokio::test]
async fn an_account_with_such_a_name_is_found_and_no_other() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let forest = forest(directory.settings());
    assert_eq!(who(&forest.look_up(&upn("star*@corp.example")).await.unwrap()), ["star*"]);
}

#[tokio::test]
async fn an_attribute_that_is_no_name_is_refused_before_anybody_is_asked() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let forest = forest(directory.settings());
    let attribute = "cn=*)(uid";
    let names = Names { attributes: vec![(attribute.to_owned(), "x".to_owned())], ..Names::default() };
    let refused = forest.look_up(&names).await.unwrap_err();
    let DirectoryError::UnusableNames(UnusableNames::Attribute(told)) = refused else { panic!("{refused}") };
    assert_eq!(told, attribute);
    let many = Names { upns: vec!["a@b".to_owned(); 65], ..Names::default() };
    let refused = forest.look_up(&many).await.unwrap_err();
    assert!(matches!(
        refused,
        DirectoryError::UnusableNames(UnusableNames::TooMany { count: 65, limit: 64 })
    ));
    assert_eq!(directory.questions("BIND dn="), [""; 0]);
}
