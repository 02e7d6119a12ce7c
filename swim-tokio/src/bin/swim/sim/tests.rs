//! Whole experiments, small.
