//! Tests of process managers.
