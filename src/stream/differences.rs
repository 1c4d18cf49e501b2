//! The register of differences: where Kafka Streams gives other results than its own definitions,
//! and Tidemill does not follow it.
//!
//! Seen in Apache Kafka Streams 4.3.1, in its `TopologyTestDriver`; each has a script in
//! `tests/golden/streams`, and the test that runs them fails where a difference has no row here.
//!
//! | id | Kafka Streams | Tidemill |
//! | --- | --- | --- |
//! | U-1 | emission on close: sessions whose segment of the store has expired when time moves on never come out | every session comes out once, when it closes |
//! | U-2 | the same for sliding windows | every window comes out once, when it closes |
//! | U-3 | the same for tumbling and hopping windows, where the record cache is off | every window comes out once, when it closes |
//! | U-4 | in-memory stores with emission on close and no record cache lose nearly every window | every window comes out once, when it closes |
//! | U-5 | a session that ended exactly gap plus grace before the latest one is gone from the store, though it is not closed | it is open, and merges |
//! | U-6 | `suppress` closes sliding windows and sessions a millisecond before the aggregate does: two final results for one window | one instant closes a window, for all: one final result |
//! | U-7 | null values are aggregated in tumbling, hopping and session windows | a null value is no part of any aggregate; its record is counted as filtered |
//! | U-8 | a session of one point forwards no old value when it changes, so that an aggregate of the table counts it again | every change has the value before it |
//! | U-10 | joins of streams take records past their grace, and match them with whatever is still stored: a row may come out alone and in a pair | a pair joins while both are open; a record past its window and grace is late |
//! | U-12 | sums of 64-bit integers wrap silently | sums are exact; a result beyond 64 bits is an error, and is put aside |
//! | U-13 | a sliding window of difference 0, and a session near the epoch with the record cache on, make the task fail | both are windows like others |
//! | U-14 | a join of streams with difference 0 and no grace never matches | equal times match |
//! | U-15 | sliding: windows that are still open, but that the store no longer shows, are not made | every window that is open is made |
//! | U-16 | sliding: a record in time whose own window is closed leaves no trace, so that results depend on the order of arrival | a record in time is in every open window that holds its time |
//! | U-17 | left and outer joins of streams bring out records without a partner late, and with unequal bounds by the bound of the wrong side | each comes out once, when its window and grace have passed |
//! | U-18 | joins of streams with a negative bound: near time 0 the window is cut to 0, so that pairs outside it match | the window is what it says |
//! | U-19 | sliding: where a record comes exactly difference plus 1 ms after the one before, one window may come out twice in one step | each window once |
//! | U-20 | a left join of a stream with a versioned table and a grace fails on a null key | it comes out at once, alone |
//! | U-21 | a window whose end passes the largest 64-bit time makes the task fail | its end is cut to that time, and it never closes |
//! | U-22 | a record without value that a join of streams leaves out moves its time | what is left out moves no time |
//! | U-23 | where the store keeps more than it must, a session that is closed and final is merged again, so that its records are in two final results | what is closed stays closed |
//! | U-24 | left and outer joins of streams bring out an out-of-order record alone at once, and in a pair when its partner comes within the grace | each comes out once |
//! | U-25 | the first record of a tumbling or hopping window forwards what the aggregate starts from as its old value, so that a count over that table counts each window out before it counts it in | nothing stands before the first value |
//! | cache | the record cache and the interval of emission hold results back | results come out at once, or with each commit |
//!
//! # By decision
//!
//! | what | Kafka Streams | Tidemill |
//! | --- | --- | --- |
//! | stream time after a restart | operators forget it, so that what was late is not | committed with the offsets: late stays late |
//! | closing without records | a window closes only when a record comes | a source with `idle` lets time go on in silence |
//! | order of the sliding windows that one record updates | from the latest start to the earliest with RocksDB, the other way round in memory | from the latest start to the earliest |
//! | sums of integers | wrap at 64 bits | exact; one beyond 64 bits is an error |
