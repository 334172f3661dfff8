//! Micro-benchmarks of the hot code; each file under `benches` measures one part.
