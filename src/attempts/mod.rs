//! Counts failed log-ins by account and by address, so that the gate is no way to lock accounts or to guess passwords.
