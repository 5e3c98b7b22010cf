//! Tests of timelines: of a process that runs by its handler, and of commits that were made up.

mod hostile;
mod limits;
mod made_up;
mod process;
mod scope;
mod stages;
mod world;
