//! What load balancers ask, without any signature.

pub(super) mod ready;
pub(super) mod up;
