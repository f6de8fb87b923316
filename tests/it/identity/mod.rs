//! Mapping and passwords with real directories: the lab's Active Directory, and a slapd for each test.

mod accounts;
mod active_directory;
mod active_directory_accounts;
mod active_directory_passwords;
mod directory_gateway;
mod explain;
mod lookups;
mod password_attempts;
mod password_secrecy;
mod passwords;
