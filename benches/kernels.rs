//! The kernels alone: `cargo bench --bench kernels`. Against the peers: `make bench`.
#![allow(clippy::expect_used, reason = "a bench may fail")]

use ctcore::drift::Method;
use ctcore::drift::ks::{ks, ks_unsorted};
use ctcore::drift::rank_statistics::rank_statistics;
use ctcore::metrics::definition::{Convention, Grades, Measure, Metric};
use ctcore::metrics::groups::Groups;
use ctcore::metrics::paired::{Pairs, Question, bootstrap, sign_flip};
use ctcore::metrics::ranking::{Ranking, Weights};
use ctcore::profile::Edges;
use ctcore::rank::Sorted;
use ctcore::resample::Stream;
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

fn uniforms(count: usize, stream: u64) -> Vec<f64> {
    let stream = Stream::new(1, stream);
    (0..count as u64).map(|i| stream.uniform(i)).collect()
}

#[divan::bench(args = [(20_000, 50), (100_000, 100)])]
fn ndcg_at_10(bencher: Bencher<'_, '_>, (queries, documents): (usize, usize)) {
    let rows = queries * documents;
    let scores: Vec<f32> = uniforms(rows, 0).iter().map(|&x| x as f32).collect();
    let grades: Vec<u8> = uniforms(rows, 1).iter().map(|&x| (x * 5.0) as u8).collect();
    let groups = Groups::from_sizes(&vec![documents as i64; queries], rows).expect("the sizes add up");
    let ndcg = Ranking {
        metrics: vec![Metric {
            measure: Measure::Ndcg,
            k: Some(10),
        }],
        convention: Convention::default(),
    };
    let mut values = vec![0.0; queries];
    bencher.counter(ItemsCount::new(rows)).bench_local(|| {
        ndcg.evaluate(
            Grades::Whole(&grades),
            &scores,
            &groups,
            Weights::default(),
            &mut values,
        )
    });
}

#[divan::bench]
fn sort_a_million(bencher: Bencher<'_, '_>) {
    let values = uniforms(1_000_000, 0);
    bencher
        .counter(ItemsCount::new(values.len()))
        .bench(|| Sorted::new(&values));
}

#[divan::bench]
fn ks_two_million_sorted(bencher: Bencher<'_, '_>) {
    let (reference, current) = (uniforms(1_000_000, 0), uniforms(1_000_000, 1));
    bencher
        .counter(ItemsCount::new(2_000_000_usize))
        .bench(|| ks(&Sorted::new(&reference), &Sorted::new(&current)));
}

#[divan::bench(args = [1_000_000, 10_000_000])]
fn ks_searched(bencher: Bencher<'_, '_>, rows: usize) {
    let (reference, current) = (uniforms(rows, 0), uniforms(rows, 1));
    bencher
        .counter(ItemsCount::new(2 * rows))
        .bench(|| ks_unsorted(&reference, &current).map(|found| found.p_value(Method::Asymptotic)));
}

#[divan::bench]
fn rank_statistics_two_million(bencher: Bencher<'_, '_>) {
    let (reference, current) = (uniforms(1_000_000, 0), uniforms(1_000_000, 1));
    bencher
        .counter(ItemsCount::new(2_000_000_usize))
        .bench(|| rank_statistics(&Sorted::new(&reference), &Sorted::new(&current)));
}

#[divan::bench(args = [10, 1_000])]
fn count_cells(bencher: Bencher<'_, '_>, cells: usize) {
    let values = uniforms(1_000_000, 0);
    let edges = Edges::equal_mass(&Sorted::new(&values), cells);
    bencher
        .counter(ItemsCount::new(values.len()))
        .bench(|| edges.count(&values));
}

fn pairs(clusters: usize, each: usize) -> (Pairs, Question) {
    let production = uniforms(clusters * each, 0);
    let advantage: Vec<f64> = uniforms(clusters * each, 1).iter().map(|x| x - 0.5).collect();
    let cluster: Vec<usize> = (0..clusters * each).map(|i| i / each).collect();
    let pairs = Pairs::new(&advantage, &production, None, &cluster).expect("they are numbers");
    (pairs, Question::new(0.0, 0.95).expect("a confidence"))
}

#[divan::bench(args = [7, 50])]
fn sign_flips(bencher: Bencher<'_, '_>, days: usize) {
    let (pairs, question) = pairs(days, 100);
    bencher.bench(|| sign_flip::interval(&pairs, question, 1));
}

#[divan::bench(sample_count = 10)]
fn bootstrap_2000_of_100000(bencher: Bencher<'_, '_>) {
    let (pairs, question) = pairs(100_000, 1);
    bencher.bench(|| bootstrap::interval(&pairs, question, 2_000, 1));
}
