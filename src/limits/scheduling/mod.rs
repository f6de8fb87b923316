//! Fair sharing of scarce resources among clients.
//!
//! A client is identified by its network address, because its user is not known before the handshake and the validation.

mod client_rates;
mod failing_clients;
mod fair_slots;

pub(crate) use client_rates::ClientRates;
pub(crate) use failing_clients::FailingClients;
pub(crate) use fair_slots::{ClientRank, FairSlots, SlotLimits, SlotRequest, SlotsFull};
