//! What the servers' counters must show.

use super::Screen;
use super::traffic::Phase;

/// Prints what holds and what does not of a phase in which `primary` (an index) was the primary all the time.
pub fn check(screen: Screen, phase: &Phase, primary: usize) -> bool {
    let replicas =
        || phase.counted.iter().enumerate().filter(|(index, _)| *index != primary).map(|(_, counted)| counted);
    let (reads, writes) = (phase.round.reads.len(), phase.round.writes.len());
    let elsewhere: u64 = replicas().map(|counted| counted.writes).sum();
    let verdicts = [
        (phase.round.errors == 0 && reads > 0 && writes > 0, failures(phase)),
        (
            phase.counted[primary].writes == writes && elsewhere == 0,
            "every write reached the primary, and only the primary".to_owned(),
        ),
        (
            phase.counted[primary].reads * 10 <= reads
                && replicas().map(|counted| counted.reads).sum::<u64>() * 10 >= reads * 9,
            "reads were served by replicas that had what their session wrote".to_owned(),
        ),
        (replicas().all(|counted| counted.reads * 10 >= reads), "every replica took its share".to_owned()),
    ];
    for (holds, text) in &verdicts {
        screen.verdict(*holds, text);
    }
    verdicts.iter().all(|(holds, _)| *holds)
}

fn failures(phase: &Phase) -> String {
    match &phase.round.first_error {
        None => "no statement failed".to_owned(),
        Some(error) => format!("{} statements failed; the first: {error}", phase.round.errors),
    }
}
