//! Reloading files and folders.

use super::super::test_pki::CrlDraft;
use super::*;
use crate::revocation::LiveCrls;
use std::fs;
use tempfile::TempDir;

/// Returns a folder with one CRL, and the CRLs of a realm with that folder.
fn folder_of_one(ca: &TestCa) -> (TempDir, LiveCrls) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("one.crl"), CrlDraft::default().sign(ca)).unwrap();
    let crls = LiveCrls::load(vec![folder.path().to_owned()], None, None, NOW).unwrap();
    (folder, crls)
}

#[test]
fn an_unchanged_file_keeps_its_generation_and_its_decoded_crl() {
    let (_folder, crls) = folder_of_one(&TestCa::root("Root"));
    let before = crls.store();
    let reload = crls.reload_files();
    assert!(!reload.changed && reload.failures.is_empty());
    assert!(Arc::ptr_eq(&before, &crls.store()));
}

#[test]
fn a_new_file_and_a_removed_one_change_the_store() {
    let root = TestCa::root("Root");
    let (folder, crls) = folder_of_one(&root);
    let generation = crls.generation();
    fs::write(folder.path().join("two.crl"), CrlDraft::revoking(&[SERIAL]).sign(&root)).unwrap();
    assert!(crls.reload_files().changed);
    assert_eq!(crls.store().len(), 2);
    fs::remove_file(folder.path().join("two.crl")).unwrap();
    assert!(crls.reload_files().changed);
    assert_eq!((crls.store().len(), crls.generation()), (1, generation));
}

#[test]
fn a_file_that_can_no_longer_be_decoded_keeps_its_crl() {
    let (folder, crls) = folder_of_one(&TestCa::root("Root"));
    let generation = crls.generation();
    fs::write(folder.path().join("one.crl"), "half a list").unwrap();
    let reload = crls.reload_files();
    assert!(!reload.changed);
    assert!(matches!(reload.failures[..], [CrlLoadError::NoCrl { .. }]), "{:?}", reload.failures);
    assert_eq!(crls.generation(), generation);
}

#[test]
fn a_repaired_file_is_loaded_again() {
    let root = TestCa::root("Root");
    let (folder, crls) = folder_of_one(&root);
    let generation = crls.generation();
    fs::write(folder.path().join("one.crl"), "half a list").unwrap();
    crls.reload_files();
    fs::write(folder.path().join("one.crl"), CrlDraft::revoking(&[SERIAL]).sign(&root)).unwrap();
    let reload = crls.reload_files();
    assert!(reload.changed && reload.failures.is_empty());
    assert_ne!(crls.generation(), generation);
}

#[test]
fn a_removed_folder_keeps_its_crls() {
    let (folder, crls) = folder_of_one(&TestCa::root("Root"));
    fs::remove_dir_all(folder.path()).unwrap();
    let reload = crls.reload_files();
    assert!(matches!(reload.failures[..], [CrlLoadError::Unreadable { .. }]), "{:?}", reload.failures);
    assert_eq!((reload.changed, crls.store().len()), (false, 1));
}
