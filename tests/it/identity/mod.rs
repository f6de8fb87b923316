//! Whom a card names, with the directories of the lab: a real Active Directory answers, and a slapd of the test's own.

mod accounts;
mod active_directory;
mod explained;
mod look_ups;
mod people;
mod scene;
