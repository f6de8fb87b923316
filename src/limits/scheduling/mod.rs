//! Shares what is scarce fairly among clients, so that one of them cannot take it from the others.
//!
//! A client here is a network address, not a user: it is all that is known before a handshake or a validation is done.

mod client_rates;
mod failing_clients;
mod fair_slots;

pub use client_rates::ClientRates;
pub use failing_clients::FailingClients;
pub use fair_slots::{ClientRank, FairSlots, HeldSlot, SlotLimits, SlotRequest, SlotsFull};
