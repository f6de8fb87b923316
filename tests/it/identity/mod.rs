//! Whom a card names, with the directories of the lab: a real Active Directory answers.

mod active_directory;
mod people;
