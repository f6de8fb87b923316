//! Files and folders that are read again.

use super::super::test_pki::CrlDraft;
use super::*;
use crate::revocation::LiveCrls;
use std::fs;
use tempfile::TempDir;

/// A folder with one CRL in it, and what reads it.
fn folder_of_one(ca: &TestCa) -> (TempDir, LiveCrls) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.crl"), CrlDraft::default().sign(ca)).unwrap();
    let crls = LiveCrls::load(vec![folder.path().to_owned()], None, None, NOW).unwrap();
    (folder, crls)
}

#[test]
fn what_has_not_changed_keeps_its_generation_and_what_is_known_of_it() {
    let (_folder, crls) = folder_of_one(&TestCa::root("Root"));
    let before = crls.store();
    let reread = crls.reload_files();
    assert!(!reread.changed && reread.failures.is_empty());
    assert!(Arc::ptr_eq(&before, &crls.store()));
}

#[test]
fn a_new_file_and_a_removed_one_change_the_store() {
    let root = TestCa::root("Root");
    let (folder, crls) = folder_of_one(&root);
    let generation = crls.generation();
    fs::write(folder.path().join("two.crl"), CrlDraft::revoking(&[CARD]).sign(&root)).unwrap();
    assert!(crls.reload_files().changed);
    assert_eq!(crls.store().len(), 2);
    fs::remove_file(folder.path().join("two.crl")).unwrap();
    assert!(crls.reload_files().changed);
    assert_eq!((crls.store().len(), crls.generation()), (1, generation));
}

#[test]
fn a_file_that_cannot_be_decoded_any_more_keeps_what_it_held() {
    let (folder, crls) = folder_of_one(&TestCa::root("Root"));
    let generation = crls.generation();
    fs::write(folder.path().join("one.crl"), "half a list").unwrap();
    let reread = crls.reload_files();
    assert!(!reread.changed);
    assert!(matches!(reread.failures[..], [CrlLoadError::NoCrl { .. }]), "{:?}", reread.failures);
    assert_eq!(crls.generation(), generation);
}

#[test]
fn a_file_that_is_good_again_counts_again() {
    let root = TestCa::root("Root");
    let (folder, crls) = folder_of_one(&root);
    let generation = crls.generation();
    fs::write(folder.path().join("one.crl"), "half a list").unwrap();
    crls.reload_files();
    fs::write(folder.path().join("one.crl"), CrlDraft::revoking(&[CARD]).sign(&root)).unwrap();
    let reread = crls.reload_files();
    assert!(reread.changed && reread.failures.is_empty());
    assert_ne!(crls.generation(), generation);
}

#[test]
fn a_folder_that_is_gone_keeps_what_it_held() {
    let (folder, crls) = folder_of_one(&TestCa::root("Root"));
    fs::remove_dir_all(folder.path()).unwrap();
    let reread = crls.reload_files();
    assert!(matches!(reread.failures[..], [CrlLoadError::Unreadable { .. }]), "{:?}", reread.failures);
    assert_eq!((reread.changed, crls.store().len()), (false, 1));
}
