//! Model checking of the protocols, with the real code as the programs.
//!
//! There is no second version of the protocols here that could differ from the code. A run is the toolkit's own async function, unrolled into an
//! automaton ([`program`]); a store is the toolkit's own transition function or double. What is modelled is the world around them: which
//! request takes effect when, which answer is lost, which request arrives late or twice, which process dies, which delivery comes again, when a lease ends, and
//! what an operator does. The checker tries all of it, in every order, within the numbers of faults that each test names.
//!
//! Safety is checked in every state. That nothing gets stuck is checked as: from every state, one in which all is settled can still be reached. It holds
//! for deliveries that come again and again too, where a search for runs without an end would have to know which of them are fair.
//!
//! # Claims
//!
//! Three deliveries of one effect, three workers, an operator. A run may outlive its lease. Each guard is taken away once, and the checker must find the hole:
//!
//! | guard taken away | hole | what is found |
//! |---|---|---|
//! | releasing asks for the owner | a | twice: a run that lost its claim's answer gives back that of its twin |
//! | completing asks for the owner | b | a run that outlived its lease completes its successor's record |
//! | only a completed record expires | c | twice: a live claim counts as expired |
//! | a claim has a lease | d, l | read as over: twice, though nobody was late; read as endless: waits for ever after a crash |
//! | a replay looks at the payload | g | reported as applied, and it never took place |
//! | a result is stored with its hash | h | an honest replay is dead-lettered |
//! | a claim is kept after its effect | o | twice: the completion failed, the claim was given back |
//! | a delivery older than the records is held | | twice: its record had expired |
//! | an orphan's lease is over when it is held | | a live run loses its claim |
//! | the write that holds an effect stores its event | | an effect is acknowledged as held, and nothing runs it again |
//! | an event is in the bucket before a record names it | | the same |
//!
//! # Commits
//!
//! Two commands, one of which creates the aggregate, each delivered twice, and three workers; also
//! two commands with one id. A read may see a part of a commit that is split over chunks.
//!
//! | guard taken away | what is found |
//! |---|---|
//! | the write asks whether its place is free | history is rewritten |
//! | a commit keeps its cause | a command is decided twice |
//! | a commit keeps the digest of what its cause said | a command with a used id is reported as decided |
//! | a part of a commit is read again, and later | a command fails for good |
//!
//! # Projections
//!
//! One aggregate with three commits, the second applied in two parts, up to three environments;
//! deliveries in any order, alone or together, given up by the source, repeated; a first version of
//! the function that cannot project the second event, a deployment, an operator who replays dead
//! letters. In two further models two versions run side by side. In the first model the old version
//! does not know the second and third event: it parks the aggregate, and the new version releases
//! it. In the second the versions cut the second event at different places. A call may be cut off
//! at the invocation's deadline, and take effect later.
//!
//! | guard taken away | what is found |
//! |---|---|
//! | the transaction's condition (the guard is only read) | counted twice |
//! | the condition asks for the version that was read | counted twice by a stale plan whose version is higher all the same |
//! | the condition asks for the part | the first part is counted twice |
//! | the condition asks whether the aggregate is parked | a run that does not know of the parking releases the aggregate; without a list, events acknowledged meanwhile are never applied |
//! | parking asks for the version before | parked at an event that was applied |
//! | applying the next part asks for the digest of the cut | a row that moved into a later part is counted twice |
//! | taking it off the list asks for the guard | an aggregate that is parked again meanwhile is on no list |
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "these are tests"
)]

mod check;
mod claim;
mod commit;
mod program;
mod projection;
