//! H.264 at the cost of the change: what did not change is skipped, what moved is a vector.

mod inter;
mod intra;
mod intra4x4;
mod quantise;
mod residual;
mod transform;

#[cfg(test)]
mod cases;
