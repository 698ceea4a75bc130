//! Any history of builds ends in the same bits.
