//! Mapping and passwords with real directories: the lab's Active Directory, and a slapd for each test.

mod accounts;
mod active_directory;
mod explained;
mod look_ups;
mod password_attempts;
mod password_secrecy;
mod passwords;
mod passwords_of_active_directory;
mod people;
mod scene;
