//! Whom a card names, with the directories of the lab: a real Active Directory answers, and a slapd of the test's own.

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
