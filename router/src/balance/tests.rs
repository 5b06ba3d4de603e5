//! The choice on tables of servers, and its shares when many choices meet.

use super::*;
use crate::topology::{Address, Role};

/// A server: outstanding statements, weight, whether it is in the zone.
type Spec = (u32, u32, bool);

const NEAR: bool = true;
const FAR: bool = false;

fn servers(specs: &[Spec]) -> Vec<Arc<Server>> {
    let server = |(index, spec): (usize, &Spec)| {
        let (outstanding, weight, is_near) = *spec;
        Arc::new(Server {
            id: ServerId(index as u32),
            address: Address::Tcp("host".into(), 3306),
            name: index.to_string(),
            uuid: None,
            role: Role::Replica,
            why: String::new(),
            weight,
            zone: None,
            is_near,
            outstanding: Arc::new(outstanding.into()),
        })
    };
    specs.iter().enumerate().map(server).collect()
}

fn idle(weights: &[u32]) -> Vec<Arc<Server>> {
    servers(&weights.iter().map(|weight| (0, *weight, FAR)).collect::<Vec<_>>())
}

fn choose_one(servers: &[Arc<Server>], rotation: u32, favourite: Option<u32>) -> usize {
    least_busy(servers.iter(), rotation, favourite.map(ServerId)).expect("a server").id.0 as usize
}

/// All that are ever chosen, in order.
fn chosen(specs: &[Spec]) -> Vec<usize> {
    let servers = servers(specs);
    let mut chosen: Vec<_> = (0..100).map(|rotation| choose_one(&servers, rotation, None)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// A seeded generator (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % u64::from(limit)) as u32
    }
}

#[test]
fn the_choice_on_tables_of_servers() {
    let cases: &[(&str, &[Spec], &[usize])] = &[
        ("equals take turns", &[(3, 1, FAR), (3, 1, FAR)], &[0, 1]),
        ("the fewest statements", &[(2, 1, FAR), (1, 1, FAR), (3, 1, FAR)], &[1]),
        ("idle ones take turns whatever their weights", &[(0, 1, FAR), (0, 2, FAR)], &[0, 1]),
        (
            "one of great weight that is hardly busy is better than an idle small one",
            &[(1, 100, FAR), (0, 1, FAR)],
            &[0],
        ),
        (
            "one of great weight is idle: the small idle one has its share",
            &[(1, 9, FAR), (0, 9, FAR), (0, 1, FAR)],
            &[1, 2],
        ),
        ("equal by weight", &[(1, 1, FAR), (3, 2, FAR)], &[0, 1]),
        ("weight counts", &[(1, 1, FAR), (2, 2, FAR)], &[1]),
        ("the last resort has to wait", &[(0, 0, FAR), (900, 1, FAR)], &[1]),
        ("the last resort in the zone has to wait too", &[(0, 0, NEAR), (900, 1, FAR)], &[1]),
        ("nothing but last resorts", &[(1, 0, FAR), (0, 0, FAR)], &[1]),
        ("nothing but last resorts, one in the zone", &[(1, 0, NEAR), (0, 0, FAR)], &[0]),
        ("the zone comes first", &[(5, 1, NEAR), (0, 1, FAR)], &[0]),
        ("the zone comes first, whatever the weights", &[(5, 1, NEAR), (0, 1000, FAR)], &[0]),
        ("a busy zone is left", &[(16, 1, NEAR), (0, 1, FAR)], &[1]),
        ("just not busy", &[(15, 1, NEAR), (0, 1, FAR)], &[0]),
        ("busy, but the others are half as much", &[(31, 1, NEAR), (15, 1, FAR)], &[0]),
        ("busy, and the others are less than half as much", &[(32, 1, NEAR), (15, 1, FAR)], &[1]),
        ("busy for its weight", &[(32, 2, NEAR), (15, 1, FAR)], &[0]),
        ("one of the zone is not busy", &[(90, 1, NEAR), (9, 1, NEAR), (0, 1, FAR)], &[1]),
        ("a busy zone is not left for a last resort", &[(90, 1, NEAR), (0, 0, FAR)], &[0]),
        ("nobody is in the zone", &[(1, 1, FAR), (0, 1, FAR)], &[1]),
        ("counts at the type's end", &[(u32::MAX, 10_000, NEAR), (u32::MAX, 1, FAR)], &[0]),
    ];
    for (name, specs, expected) in cases {
        assert_eq!(chosen(specs), *expected, "{name}: {specs:?}");
    }
    assert!(least_busy(servers(&[]).iter(), 0, None).is_none());
}

#[test]
fn a_favourite_is_chosen_among_equals_only() {
    let idle = idle(&[1, 1, 9]);
    assert!((0..20).all(|rotation| choose_one(&idle, rotation, Some(1)) == 1));
    let equals = servers(&[(1, 1, FAR), (1, 1, FAR), (1, 1, FAR)]);
    assert!((0..20).all(|rotation| choose_one(&equals, rotation, Some(1)) == 1));
    let busier = servers(&[(1, 1, FAR), (2, 1, FAR), (1, 1, FAR)]);
    assert!((0..20).all(|rotation| choose_one(&busier, rotation, Some(1)) != 1));
    let farther = servers(&[(1, 1, NEAR), (0, 1, FAR)]);
    assert!((0..20).all(|rotation| choose_one(&farther, rotation, Some(1)) == 0));
}

#[test]
fn idle_servers_share_the_load_by_weight_however_far_apart_the_reads_are() {
    for weights in [&[1, 1, 1][..], &[1, 2, 3], &[5, 1], &[1, 1, 1, 1, 1, 5]] {
        let servers = idle(weights);
        let all: u32 = weights.iter().sum();
        for step in 1..=12 {
            let mut shares = vec![0; weights.len()];
            (0..1200).for_each(|read| shares[choose_one(&servers, read * step, None)] += 1);
            for (share, weight) in shares.iter().zip(weights) {
                let due = 1200 * weight / all;
                assert!((due * 2 / 3..=due * 3 / 2).contains(share), "{weights:?}, every {step}: {shares:?}");
            }
        }
    }
}

/// `clients` send one statement after the other; which one ends next is left to chance, for servers whose time for a
/// statement does not depend on their load (`by_statement`), and for servers whose speed is their weight.
fn shares(weights: &[u32], clients: u32, by_statement: bool, random: &mut Random) -> Vec<u32> {
    let servers = idle(weights);
    let mut done = vec![0; weights.len()];
    let begin = |random: &mut Random| {
        let at = choose_one(&servers, random.below(u32::MAX), None);
        servers[at].outstanding.fetch_add(1, Ordering::Relaxed);
    };
    (0..clients).for_each(|_| begin(random));
    for _ in 0..20_000 {
        let rates: Vec<u32> = servers
            .iter()
            .map(|server| {
                let outstanding = server.outstanding.load(Ordering::Relaxed);
                if by_statement { outstanding } else { server.weight * outstanding.min(1) }
            })
            .collect();
        let mut point = random.below(rates.iter().sum());
        let at = rates
            .iter()
            .position(|rate| match point.checked_sub(*rate) {
                Some(rest) => {
                    point = rest;
                    false
                }
                None => true,
            })
            .expect("a server");
        servers[at].outstanding.fetch_sub(1, Ordering::Relaxed);
        done[at] += 1;
        begin(random);
    }
    done
}

#[test]
fn under_saturation_shares_are_as_weights() {
    let mut random = Random(7);
    for clients in [30, 60, 200] {
        for by_statement in [true, false] {
            let done = shares(&[1, 2, 3], clients, by_statement, &mut random);
            for (done, weight) in done.iter().zip(1..) {
                let percent = done * 100 / 20_000;
                let due = 100 * weight / 6;
                assert!(percent.abs_diff(due) <= 3, "{clients} clients, {by_statement}: {percent} % instead of {due}");
            }
        }
    }
}

/// The choice never breaks its own rules, whatever the servers.
#[test]
fn no_choice_has_a_better_one_beside_it() {
    let mut random = Random(11);
    for round in 0..50_000 {
        let count = 1 + random.below(6);
        let specs: Vec<Spec> =
            (0..count).map(|_| (random.below(40) * random.below(2), random.below(4), random.below(2) == 0)).collect();
        let at = choose_one(&servers(&specs), random.below(u32::MAX), None);
        let (outstanding, weight, is_near) = specs[at];
        if specs.iter().any(|spec| spec.1 > 0) {
            assert!(weight > 0, "round {round}: {specs:?}: {at}");
        }
        let rivals: Vec<Spec> = specs.iter().copied().filter(|spec| (spec.1 > 0) == (weight > 0)).collect();
        let load = |spec: &Spec| f64::from(spec.0 + 1) / f64::from(spec.1.max(1));
        let own = load(&specs[at]);
        for rival in rivals.iter().filter(|spec| spec.2 == is_near) {
            let both_idle = outstanding == 0 && rival.0 == 0;
            // An idle one that was drawn stands for the heaviest.
            let excused = outstanding == 0
                && rivals.iter().any(|spec| spec.2 == is_near && spec.0 == 0 && load(spec) <= load(rival));
            assert!(both_idle || excused || own <= load(rival) + 1e-9, "round {round}: {specs:?}: {at}");
        }
        if !is_near {
            let least = rivals.iter().filter(|spec| spec.2).map(|spec| spec.0).min();
            assert!(
                least.is_none_or(|least| least >= BUSY || rivals.iter().any(|spec| spec.2 && spec.0 >= BUSY)),
                "round {round}: {specs:?}"
            );
        }
    }
}
