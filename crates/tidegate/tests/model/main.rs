//! Model checking of the protocols, with the real code as the programs.
//!
//! There is no second version of the protocols here that could differ from the code. A run is the
//! toolkit's own async function, unrolled into an automaton ([`program`]). A store is the toolkit's
//! own transition function or double.
//!
//! The model is the world around them. It decides:
//!
//! - which request takes effect, and when
//! - which answer is lost
//! - which request arrives late or twice
//! - which process dies
//! - which delivery comes again
//! - when a lease ends
//! - what an operator does
//!
//! The checker tries all of it, in every order, up to the number of faults that each test states.
//!
//! Safety is checked in every state. Progress is checked as follows: from every state, a state in
//! which everything is settled can still be reached. This check also works for deliveries that come
//! again without end. A search for endless runs would have to know which of them are fair.
//!
//! Each protocol has guards. Each guard is removed once, and the checker must find the error that
//! follows.
//!
//! # Claims
//!
//! Three deliveries of one effect, three workers, an operator. A run may outlive its lease. The
//! letters are those in the names of the tests.
//!
//! | removed guard | test | finding |
//! |---|---|---|
//! | releasing requires the owner | a | runs twice: a lost answer lets a run free a twin's claim |
//! | completing requires the owner | b | a run after its lease completes its successor's record |
//! | only a completed record expires | c | runs twice: a live claim counts as expired |
//! | a claim has a lease; missing means over | d, l | runs twice, although no run was late |
//! | a claim has a lease; missing means endless | d, l | waits forever after a crash |
//! | a replay compares the payload | g | reported as applied, but it never took place |
//! | a result is stored with its hash | h | an honest replay is dead-lettered |
//! | a claim is kept after its effect | o | runs twice: completion failed, claim was released |
//! | a delivery older than the records is held | | runs twice: its record had expired |
//! | an orphan is held only after its lease | | a live run loses its claim |
//! | the write that holds an effect stores its event | | reported as held, nothing runs it again |
//! | an event is in the bucket before it is named | | reported as held, nothing runs it again |
//!
//! # Commits
//!
//! Two commands, one of which creates the aggregate, each delivered twice, and three workers.
//! Another model has two commands with one id. A read may see only a part of a commit that is split
//! over chunks.
//!
//! | removed guard | finding |
//! |---|---|
//! | the write requires that its place is free | history is rewritten |
//! | a commit keeps its cause | a command is decided twice |
//! | a commit keeps the digest of the content | a command with a used id is reported as decided |
//! | a part of a commit is read again later | a command fails permanently |
//!
//! # Projections
//!
//! One aggregate with three commits, the second applied in two parts, and up to three environments.
//! Deliveries come in any order, alone or together. The source may give them up or repeat them. A
//! first version of the function cannot project the second event. Then another version is deployed,
//! and an operator replays dead letters.
//!
//! In two further models two versions run side by side. In the first of them the old version does
//! not know the second and third event: it parks the aggregate, and the new version releases it. In
//! the second the versions cut the second event at different places. A call may be cut off at the
//! invocation's deadline, and take effect later.
//!
//! | removed guard | finding |
//! |---|---|
//! | the transaction has a condition | counted twice: the guard is only read before |
//! | the condition requires the version read | counted twice: a stale plan has a higher version |
//! | the condition requires the part | the first part is counted twice |
//! | the condition requires the parking | a run that does not know of it releases the aggregate |
//! | parking requires the version before | parked at an event that was applied |
//! | the next part requires the cut's digest | a row that moved into a later part counts twice |
//! | unlisting requires the guard | an aggregate that is parked again is on no list |
//!
//! The fourth guard is removed together with the list of parked aggregates. Without both, events
//! that were acknowledged meanwhile are never applied.
//!
//! # Deltas
//!
//! The same aggregate with small events, two environments, one or two slices. Every request is one
//! of its own: reading guard, head and deltas, the transaction, each counter, the confirmation. In
//! the models above, the counters are written right after the transaction. In a further model a
//! version without deltas changes the counters in its transactions, side by side.
//!
//! | removed guard | finding |
//! |---|---|
//! | a delta requires the head of the one before | it replaces another: not counted |
//! | a counter's number is below the delta's | counted twice |
//! | all counters have the delta before | an earlier delta is refused: not counted |
//! | the delivery waits for its counters | acknowledged and not counted |
//! | the guard has the place of its delta | a twin in another slice acknowledges it uncounted |
//!
//! # Processes
//!
//! A trip of a flight and a hotel, with two workers. A service agrees or refuses, before or after
//! it is asked to cancel. A schedule fires at any time, also while it is cancelled, and twice. The
//! publisher publishes a commit again. In a further model an answer comes late and is held behind
//! one that makes the trip stuck, and two operators each resume or skip.
//!
//! | removed guard | finding |
//! |---|---|
//! | the write requires that its place is free | history is rewritten |
//! | a commit keeps its causes | an answer that comes twice is decided twice |
//! | the message of a deadline names which of its name it is | it acts for the next step |
//! | a step keeps which deadlines it cancelled | a deadline acts in another state |
//! | inputs are held while the instance is stuck | they are lost |
//! | a word says which version its operator saw | it drops another input |
//!
//! # Circuit breakers
//!
//! Two messages whose provider is down at first, two workers whose clocks are right or a second
//! ahead, and invocations that end in the middle.
//!
//! | removed guard | finding |
//! |---|---|
//! | a change requires the number of its state | two probes |
//! | a lease ends later for others | two probes: a clock is ahead |
//! | the lease of a probe ends | the breaker never closes after a crash |
//! | whoever sees that a rule is met opens | calls go on after the one who counted died |
//!
//! # Fence and pointer
//!
//! An event that is applied to two generations, each by a transaction that may be late, and one or
//! two commands that rebuild the second generation. The changes of the pointer are the toolkit's
//! own. A command may die at any point, and another takes over when its lease is over.
//!
//! | removed guard | finding |
//! |---|---|
//! | writing requires the revision that was read | a command writes over its successor |
//! | the guards are read again | a late write moves a guard within a proof |
//! | a projector reads the fence again | it begins a transaction behind a closed fence |
//! | a fence opens by itself | deliveries wait forever for a command that died |
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

mod breaker;
mod check;
mod claim;
mod commit;
mod fence;
#[cfg(feature = "process")]
mod process;
mod program;
mod projection;
