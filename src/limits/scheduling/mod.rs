//! Fair sharing of scarce resources among clients.
//!
//! A client is a network address and not a user: nothing else is known before a handshake and a validation.

mod client_rates;
mod failing_clients;
mod fair_slots;

pub(crate) use client_rates::ClientRates;
pub(crate) use failing_clients::FailingClients;
pub(crate) use fair_slots::{ClientRank, FairSlots, SlotLimits, SlotRequest, SlotsFull};
