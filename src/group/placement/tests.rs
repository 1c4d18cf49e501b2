use proptest::prelude::*;

use super::*;

fn task(number: i32) -> TaskId {
    TaskId {
        stage: 0,
        partition: PartitionId(number),
    }
}

fn tasks(numbers: std::ops::Range<i32>) -> BTreeSet<TaskId> {
    numbers.map(task).collect()
}

fn instance(id: &str, held: &[(i32, Held)]) -> Instance {
    Instance {
        id: id.to_owned(),
        held: held
            .iter()
            .map(|(number, held)| (task(*number), *held))
            .collect(),
    }
}

const ACTIVE: Held = Held::Active;

const fn copy(lag: u64) -> Held {
    Held::Copy { lag }
}

fn terms(stateful: i32) -> Terms {
    Terms {
        stateful: tasks(0..stateful),
        lag_max: 100,
        warmups_max: 2,
        ..Terms::default()
    }
}

fn active(placements: &Placements, id: &str) -> Vec<i32> {
    let tasks = placements.by_instance[id].active.iter();
    tasks.map(|task| task.partition.0).collect()
}

#[test]
fn a_task_stays_with_its_state_until_its_next_owner_is_warm() {
    let old = instance("a", &[(0, ACTIVE), (1, ACTIVE)]);
    let placements = place(&terms(2), &[old.clone(), instance("b", &[])]);
    assert_eq!(active(&placements, "a"), [0, 1]);
    assert_eq!(placements.by_instance["b"].warming, tasks(1..2));
    assert_eq!(placements.waiting, tasks(1..2));
    let nearly = instance("b", &[(1, copy(101))]);
    let placements = place(&terms(2), &[old.clone(), nearly]);
    assert_eq!(active(&placements, "b"), [0i32; 0]);
    let warm = instance("b", &[(1, copy(100))]);
    let placements = place(&terms(2), &[old, warm]);
    assert_eq!(active(&placements, "b"), [1]);
    assert_eq!(placements.waiting, BTreeSet::new());
}

#[test]
fn a_lost_task_goes_to_whoever_has_a_copy() {
    let with_copy = instance("b", &[(1, ACTIVE), (0, copy(7))]);
    let without = instance("a", &[(2, ACTIVE)]);
    let placements = place(&terms(4), &[without, with_copy]);
    assert_eq!(active(&placements, "b"), [0, 1]);
    assert_eq!(active(&placements, "a"), [2, 3]);
}

#[test]
fn no_more_tasks_warm_up_than_is_allowed() {
    let old = instance(
        "a",
        &[0, 1, 2, 3, 4, 5, 6, 7].map(|number| (number, ACTIVE)),
    );
    let placements = place(&terms(8), &[old, instance("b", &[])]);
    assert_eq!(placements.by_instance["b"].warming.len(), 2);
    assert_eq!(placements.waiting.len(), 4);
}

#[test]
fn standbys_stay_where_a_copy_is() {
    let terms = Terms {
        standbys: 1,
        ..terms(2)
    };
    let instances = [
        instance("a", &[(0, ACTIVE)]),
        instance("b", &[(1, ACTIVE)]),
        instance("c", &[(0, copy(5)), (1, copy(9000))]),
    ];
    let placements = place(&terms, &instances);
    assert!(placements.by_instance["c"].standby.contains(&task(0)));
    let copies: usize = placements
        .by_instance
        .values()
        .map(|it| it.standby.len())
        .sum();
    assert_eq!(copies, 2);
}

fn held() -> impl Strategy<Value = Held> {
    prop_oneof![Just(ACTIVE), (0..300u64).prop_map(copy)]
}

fn instances() -> impl Strategy<Value = Vec<Instance>> {
    let held = prop::collection::btree_map((0..14).prop_map(task), held(), 0..8);
    prop::collection::vec(held, 1..6).prop_map(|all| {
        let named = all.into_iter().enumerate();
        named
            .map(|(number, held)| Instance {
                id: format!("i{number}"),
                held,
            })
            .collect()
    })
}

fn some_terms() -> impl Strategy<Value = Terms> {
    (0..12i32, 0..6i32, 0..3usize, 0..4usize).prop_map(
        |(stateful, stateless, standbys, warmups)| Terms {
            stateful: tasks(0..stateful),
            stateless: tasks(20..20 + stateless),
            standbys,
            warmups_max: warmups,
            lag_max: 100,
        },
    )
}

/// The instances once they have done what they were told: every copy is complete.
fn obeyed(placements: &Placements) -> Vec<Instance> {
    let instances = placements.by_instance.iter();
    let obey = |(id, placement): (&String, &Placement)| {
        let copies = placement.standby.iter().chain(&placement.warming);
        let copies = copies.map(|task| (*task, copy(0)));
        let active = placement.active.iter().map(|task| (*task, ACTIVE));
        Instance {
            id: id.clone(),
            held: copies.chain(active).collect(),
        }
    };
    instances.map(obey).collect()
}

/// Asks again and again, as long as something waits.
fn at_rest(terms: &Terms, instances: &[Instance]) -> Placements {
    let terms = Terms {
        warmups_max: terms.warmups_max.max(1),
        ..terms.clone()
    };
    let mut placements = place(&terms, instances);
    for _ in 0..40 {
        if placements.waiting.is_empty() {
            return placements;
        }
        placements = place(&terms, &obeyed(&placements));
    }
    panic!("still waiting: {placements:?}");
}

fn spread(counts: impl Iterator<Item = usize>) -> usize {
    let counts: Vec<usize> = counts.collect();
    counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_task_is_active_once_and_copied_elsewhere(
        terms in some_terms(), instances in instances(),
    ) {
        let placements = place(&terms, &instances);
        let all: BTreeSet<TaskId> = terms.stateful.union(&terms.stateless).copied().collect();
        let placed: Vec<TaskId> = placements.by_instance.values()
            .flat_map(|placement| placement.active.iter().copied())
            .collect();
        prop_assert_eq!(placed.len(), all.len());
        prop_assert_eq!(placed.into_iter().collect::<BTreeSet<_>>(), all);
        for placement in placements.by_instance.values() {
            prop_assert!(placement.active.is_disjoint(&placement.standby));
            prop_assert!(placement.active.is_disjoint(&placement.warming));
            prop_assert!(placement.standby.is_disjoint(&placement.warming));
        }
        for task in &terms.stateful {
            let of = |set: fn(&Placement) -> &BTreeSet<TaskId>| {
                placements.by_instance.values().filter(|placement| set(placement).contains(task)).count()
            };
            let room = instances.len() - 1 - of(|placement| &placement.warming);
            prop_assert_eq!(of(|placement| &placement.standby), terms.standbys.min(room));
        }
    }

    #[test]
    fn at_rest_work_is_even_and_nothing_moves_again(
        terms in some_terms(), instances in instances(),
    ) {
        let placements = at_rest(&terms, &instances);
        let counts = placements.by_instance.values().map(|placement| placement.active.len());
        prop_assert!(spread(counts) <= 1, "{:?}", placements);
        let stateful = placements.by_instance.values()
            .map(|placement| placement.active.intersection(&terms.stateful).count());
        prop_assert!(spread(stateful) <= 1, "{:?}", placements);
        let again = place(&terms, &obeyed(&placements));
        let active = |of: &Placements| -> Vec<BTreeSet<TaskId>> {
            of.by_instance.values().map(|placement| placement.active.clone()).collect()
        };
        prop_assert_eq!(active(&again), active(&placements));
    }

    #[test]
    fn where_an_instance_leaves_the_others_keep_all_tasks_with_state(
        terms in some_terms(), instances in instances(),
    ) {
        let mut before = obeyed(&at_rest(&terms, &instances));
        before.pop();
        let after = place(&terms, &before);
        for instance in &before {
            let kept = instance.held.iter().filter(|(_, held)| **held == ACTIVE);
            for (task, _) in kept.filter(|(task, _)| terms.stateful.contains(task)) {
                prop_assert!(after.by_instance[&instance.id].active.contains(task), "{:?}", task);
            }
        }
    }
}
