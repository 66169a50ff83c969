//! Accuracy against the golden fixture; limits, domains, symmetries and monotonicity.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and talk"
)]
#![expect(
    clippy::float_cmp,
    reason = "limits are exact, and equal numbers have no error"
)]

use ctcore::special::{
    anderson_darling_sf, beta_inc, beta_quantile, chi2_sf, cramer_von_mises_sf, erfc, f_sf, gamma_p, gamma_q,
    kolmogorov_sf, kuiper_sf, ln_gamma, normal_quantile, normal_sf, t_quantile, t_sf,
};
use serde_json::Value;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// A row of the fixture: the arguments and the nearest number to the reference value.
type Row = (Vec<f64>, f64);

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../tests/golden/special.json")).expect("valid JSON")
}

fn rows(fixture: &Value, name: &str) -> Vec<Row> {
    let rows = fixture["points"][name].as_array().expect(name);
    rows.iter()
        .map(|row| {
            let (value, arguments) = row.as_array().expect(name).split_last().expect(name);
            let value = value.as_str().expect(name).parse().expect(name);
            let arguments = arguments.iter().map(|v| v.as_f64().expect(name));
            (arguments.collect(), value)
        })
        .collect()
}

fn relative_error(computed: f64, value: f64) -> f64 {
    if computed == value {
        0.0
    } else {
        ((computed - value) / value).abs()
    }
}

type Function = fn(&[f64]) -> f64;

const FUNCTIONS: [(&str, Function); 12] = [
    ("chi2_sf", |v| chi2_sf(v[0], v[1])),
    ("t_sf", |v| t_sf(v[0], v[1])),
    ("f_sf", |v| f_sf(v[0], v[1], v[2])),
    ("beta_inc", |v| beta_inc(v[0], v[1], v[2], v[3])),
    ("gamma_q", |v| gamma_q(v[0], v[1])),
    ("normal_sf", |v| normal_sf(v[0])),
    ("erfc", |v| erfc(v[0])),
    ("kolmogorov_sf", |v| kolmogorov_sf(v[0])),
    ("kuiper_sf", |v| kuiper_sf(v[0])),
    ("cramer_von_mises_sf", |v| cramer_von_mises_sf(v[0])),
    ("anderson_darling_sf", |v| anderson_darling_sf(v[0])),
    ("ln_gamma", |v| ln_gamma(v[0])),
];

/// Ranges of the result, with the relative error allowed in each.
const RANGES: [(f64, f64, &str); 3] = [
    (1e-2, 1e-12, ">= 1e-2"),
    (1e-30, 1e-12, ">= 1e-30"),
    (1e-300, 1e-11, ">= 1e-300"),
];

#[test]
fn values_match_the_fixture() {
    let fixture = fixture();
    let mut total = 0;
    let mut misses = Vec::new();
    for (name, function) in FUNCTIONS {
        let rows = rows(&fixture, name);
        total += rows.len();
        let mut worst = [const { (0_usize, 0.0_f64, Vec::new()) }; 3];
        for (arguments, value) in rows {
            let range = RANGES
                .iter()
                .position(|r| value.abs() >= r.0 || value == 0.0)
                .unwrap_or(2);
            let error = relative_error(function(&arguments), value);
            worst[range].0 += 1;
            if error.is_nan() || error > worst[range].1 {
                worst[range].1 = error;
                worst[range].2.clone_from(&arguments);
            }
            if error.is_nan() || error > RANGES[range].1 {
                misses.push(format!("{name}{arguments:?}: {error:e}"));
            }
        }
        for ((_, _, label), (count, error, at)) in RANGES.iter().zip(worst) {
            println!("{name:14} {label:10} {count:5} points, worst {error:.1e} at {at:?}");
        }
    }
    for name in ["normal_quantile", "t_quantile", "beta_quantile"] {
        total += rows(&fixture, name).len();
    }
    println!("{total} points");
    assert!(total >= 5000, "only {total} points");
    assert!(misses.is_empty(), "{} misses: {misses:#?}", misses.len());
}

/// A quantile passes if it is right to 1e-13, or if its tail is right to 1e-12.
#[test]
fn quantiles_match_the_fixture() {
    type Tail = fn(f64, &[f64]) -> f64;
    let cases: [(&str, Function, Tail, Tail); 3] = [
        (
            "normal_quantile",
            |v| normal_quantile(v[0]),
            |q, _| normal_sf(-q),
            |q, _| normal_sf(q),
        ),
        (
            "t_quantile",
            |v| t_quantile(v[0], v[1]),
            |q, v| t_sf(-q, v[1]),
            |q, v| t_sf(q, v[1]),
        ),
        (
            "beta_quantile",
            |v| beta_quantile(v[0], v[1], v[2]),
            |q, v| beta_inc(v[1], v[2], q, 1.0 - q),
            |q, v| beta_inc(v[2], v[1], 1.0 - q, q),
        ),
    ];
    let fixture = fixture();
    let mut misses = Vec::new();
    for (name, quantile, lower, upper) in cases {
        let (mut worst_q, mut worst_p, mut count) = (0.0_f64, 0.0_f64, 0);
        for (arguments, value) in rows(&fixture, name) {
            count += 1;
            let p = arguments[0];
            let q = quantile(&arguments);
            let q_error = relative_error(q, value);
            let p_error = if p <= 0.5 {
                relative_error(lower(q, &arguments), p)
            } else {
                relative_error(upper(q, &arguments), 1.0 - p)
            };
            worst_q = worst_q.max(q_error);
            if q_error > 1e-13 {
                worst_p = worst_p.max(p_error);
            }
            if q.is_nan() || (q_error > 1e-13 && (p_error.is_nan() || p_error > 1e-12)) {
                misses.push(format!("{name}{arguments:?}: {q_error:e}, {p_error:e}"));
            }
        }
        println!("{name:16} {count:4} points, worst {worst_q:.1e} (tail where above 1e-13: {worst_p:.1e})");
    }
    assert!(misses.is_empty(), "{} misses: {misses:#?}", misses.len());
}

#[test]
fn quantiles_invert_their_tails() {
    for exponent in 1..300 {
        let p = 0.37 * 10_f64.powi(-exponent);
        assert!(relative_error(normal_sf(-normal_quantile(p)), p) < 1e-12);
        for df in [1.0, 2.0, 7.5, 100.0, 1e6] {
            let error = relative_error(t_sf(-t_quantile(p, df), df), p);
            assert!(error < 1e-11, "t_quantile({p:e}, {df}): {error:e}");
        }
        for (a, b) in [(2.5, 1.0), (30.0, 700.0), (5.0, 0.5)] {
            let x = beta_quantile(p, a, b);
            let error = relative_error(beta_inc(a, b, x, 1.0 - x), p);
            assert!(error < 1e-12, "beta_quantile({p:e}, {a}, {b}): {error:e}");
        }
    }
}

/// Every finite, infinite and undefined combination returns (no panic, no endless loop), and a
/// probability or NaN at that.
#[test]
fn hostile_arguments_are_survived() {
    let hostile = [
        NAN,
        INF,
        -INF,
        0.0,
        -0.0,
        -1.0,
        1.0,
        0.5,
        2.0,
        1e-320,
        f64::MIN_POSITIVE,
        1e-200,
        1e-17,
        1e-5,
        0.999_999_999_999_999_9,
        1e3,
        1e6,
        1e8,
        1e9,
        1e17,
        1e150,
        1e200,
        1e300,
        f64::MAX,
    ];
    let probability = |p: f64, what: &str, v: &[f64]| {
        assert!(p.is_nan() || (0.0..=1.0).contains(&p), "{what}{v:?} = {p}");
        let proper = v.iter().all(|v| v.is_finite() && *v > 0.0);
        assert!(!(proper && p.is_nan()), "{what}{v:?} = {p}");
    };
    for x in hostile {
        probability(normal_sf(x), "normal_sf", &[x]);
        probability(kolmogorov_sf(x), "kolmogorov_sf", &[x]);
        probability(kuiper_sf(x), "kuiper_sf", &[x]);
        probability(cramer_von_mises_sf(x), "cramer_von_mises_sf", &[x]);
        probability(anderson_darling_sf(x), "anderson_darling_sf", &[x]);
        probability(erfc(x) / 2.0, "erfc", &[x]);
        assert!(normal_quantile(x).is_nan() != (0.0..=1.0).contains(&x));
        assert!(ln_gamma(x).is_nan() == (x.is_nan() || x < 0.0), "{x}");
        for df in hostile {
            probability(chi2_sf(x, df), "chi2_sf", &[x, df]);
            probability(t_sf(x, df), "t_sf", &[x, df]);
            probability(gamma_p(df, x), "gamma_p", &[df, x]);
            probability(gamma_q(df, x), "gamma_q", &[df, x]);
            let quantile = t_quantile(x, df);
            let proper = (0.0..=1.0).contains(&x) && df > 0.0;
            assert!(
                proper != quantile.is_nan(),
                "t_quantile({x:e}, {df:e}) = {quantile}"
            );
            for df2 in hostile {
                probability(f_sf(x, df, df2), "f_sf", &[x, df, df2]);
                let q = beta_quantile(x, df, df2);
                let proper = proper && df2 > 0.0 && !(df == INF && df2 == INF);
                assert!(
                    proper != q.is_nan(),
                    "beta_quantile({x:e}, {df:e}, {df2:e}) = {q}"
                );
                let p = beta_inc(df, df2, x, 1.0 - x);
                assert!(p.is_nan() || (0.0..=1.0).contains(&p));
                assert!(!(proper && p.is_nan()), "beta_inc({df:e}, {df2:e}, {x:e})");
            }
        }
    }
}

#[test]
fn undefined_arguments_give_nan() {
    for value in [
        erfc(NAN),
        normal_sf(NAN),
        kolmogorov_sf(NAN),
        kuiper_sf(NAN),
        cramer_von_mises_sf(NAN),
        anderson_darling_sf(NAN),
        normal_quantile(NAN),
        normal_quantile(-1e-300),
        normal_quantile(1.1),
        ln_gamma(NAN),
        ln_gamma(-0.5),
        ln_gamma(-INF),
        gamma_q(0.0, 1.0),
        gamma_q(-1.0, 1.0),
        gamma_q(1.0, -1.0),
        gamma_q(NAN, 0.0),
        gamma_q(INF, INF),
        gamma_p(1.0, NAN),
        chi2_sf(1.0, 0.0),
        chi2_sf(1.0, -2.0),
        chi2_sf(NAN, 3.0),
        chi2_sf(-1.0, NAN),
        t_sf(NAN, 2.0),
        t_sf(1.0, 0.0),
        t_sf(1.0, -1.0),
        t_sf(1.0, NAN),
        f_sf(NAN, 1.0, 1.0),
        f_sf(1.0, 0.0, 1.0),
        f_sf(1.0, 1.0, -1.0),
        f_sf(-1.0, 1.0, NAN),
        beta_inc(1.0, 1.0, 0.5, 0.4),
        beta_inc(0.0, 1.0, 0.5, 0.5),
        beta_inc(1.0, -1.0, 0.5, 0.5),
        beta_inc(1.0, 1.0, -0.5, 1.5),
        beta_inc(INF, INF, 0.5, 0.5),
        beta_quantile(0.5, 0.0, 1.0),
        beta_quantile(1.5, 1.0, 1.0),
        beta_quantile(0.5, 1.0, NAN),
        t_quantile(0.5, 0.0),
        t_quantile(2.0, 1.0),
    ] {
        assert!(value.is_nan());
    }
}

#[test]
fn limits_are_exact() {
    for (value, limit) in [
        (erfc(-INF), 2.0),
        (erfc(INF), 0.0),
        (erfc(0.0), 1.0),
        (normal_sf(-INF), 1.0),
        (normal_sf(INF), 0.0),
        (normal_sf(0.0), 0.5),
        (normal_quantile(0.0), -INF),
        (normal_quantile(1.0), INF),
        (normal_quantile(0.5), 0.0),
        (ln_gamma(0.0), INF),
        (ln_gamma(INF), INF),
        (ln_gamma(1.0), 0.0),
        (ln_gamma(2.0), 0.0),
        (gamma_q(2.0, 0.0), 1.0),
        (gamma_q(2.0, INF), 0.0),
        (gamma_q(INF, 2.0), 1.0),
        (gamma_p(2.0, 0.0), 0.0),
        (gamma_p(2.0, INF), 1.0),
        (gamma_p(INF, 2.0), 0.0),
        (chi2_sf(-3.0, 2.0), 1.0),
        (chi2_sf(0.0, 2.0), 1.0),
        (chi2_sf(INF, 2.0), 0.0),
        (chi2_sf(1e9, INF), 1.0),
        (t_sf(-INF, 3.0), 1.0),
        (t_sf(INF, 3.0), 0.0),
        (t_sf(0.0, 3.0), 0.5),
        (t_sf(1.7, INF), normal_sf(1.7)),
        (f_sf(-1.0, 3.0, 4.0), 1.0),
        (f_sf(0.0, 3.0, 4.0), 1.0),
        (f_sf(INF, 3.0, 4.0), 0.0),
        (f_sf(1.4, 6.0, INF), chi2_sf(1.4 * 6.0, 6.0)),
        (f_sf(1.4, INF, 6.0), gamma_p(3.0, 3.0 / 1.4)),
        (f_sf(0.9, INF, INF), 1.0),
        (f_sf(1.0, INF, INF), 0.5),
        (f_sf(1.1, INF, INF), 0.0),
        (beta_inc(2.0, 3.0, 0.0, 1.0), 0.0),
        (beta_inc(2.0, 3.0, 1.0, 0.0), 1.0),
        (beta_inc(INF, 3.0, 0.9, 0.1), 0.0),
        (beta_inc(INF, 3.0, 1.0, 0.0), 1.0),
        (beta_inc(2.0, INF, 0.1, 0.9), 1.0),
        (beta_inc(2.0, INF, 0.0, 1.0), 0.0),
        (beta_quantile(0.0, 2.0, 3.0), 0.0),
        (beta_quantile(1.0, 2.0, 3.0), 1.0),
        (beta_quantile(0.3, INF, 3.0), 1.0),
        (beta_quantile(0.3, 2.0, INF), 0.0),
        (t_quantile(0.0, 4.0), -INF),
        (t_quantile(1.0, 4.0), INF),
        (t_quantile(0.5, 4.0), 0.0),
        (t_quantile(0.9, INF), normal_quantile(0.9)),
        (kuiper_sf(-1.0), 1.0),
        (kuiper_sf(0.0), 1.0),
        (kuiper_sf(INF), 0.0),
        (cramer_von_mises_sf(-1.0), 1.0),
        (cramer_von_mises_sf(0.0), 1.0),
        (cramer_von_mises_sf(INF), 0.0),
        (anderson_darling_sf(-1.0), 1.0),
        (anderson_darling_sf(0.0), 1.0),
        (anderson_darling_sf(INF), 0.0),
        (kolmogorov_sf(-1.0), 1.0),
        (kolmogorov_sf(0.0), 1.0),
        (kolmogorov_sf(INF), 0.0),
    ] {
        assert!(value == limit, "{value} instead of {limit}");
    }
}

/// Large but finite degrees of freedom approach the infinite limit, and the uniform expansion
/// joins the series and fractions it replaces.
#[test]
fn large_parameters_join_smoothly() {
    for t in [0.1, 1.0, 3.0, 10.0] {
        for df in [1e20, 1e100, 1e300] {
            assert!(relative_error(t_sf(t, df), normal_sf(t)) < 1e-13);
        }
    }
    let below = |v: f64| v * (1.0 - 1e-9);
    for z in [-20.0, -3.0, -0.5, -1e-4, 1e-4, 0.1, 2.0, 10.0, 36.0] {
        let a = 1e8_f64;
        let low = below(a);
        // The same standardised distance on both sides of the switch: the tails differ by the
        // change of skewness and of the rounded distance only.
        let at = |a: f64| gamma_q(a, a + z * a.sqrt());
        let error = relative_error(at(low), at(a));
        assert!(error < 2e-9, "gamma, z = {z}: {error:e}");
        let at = |a: f64| {
            let x = 0.5 - z / (32.0 * a).sqrt();
            beta_inc(a, 3.0 * a, x - 0.25, 1.25 - x)
        };
        let error = relative_error(at(low), at(a));
        assert!(error < 2e-6, "beta, z = {z}: {error:e}");
    }
}

#[test]
fn exact_cases_and_symmetries() {
    for x in [1e-300, 1e-9, 0.1, 1.0, 7.0, 300.0, 690.0] {
        assert!(relative_error(gamma_q(1.0, x), f64::exp(-x)) < 1e-13);
        assert!(relative_error(gamma_p(1.0, x), -f64::exp_m1(-x)) < 1e-13);
        assert!(relative_error(erfc(x.sqrt()), gamma_q(0.5, x)) < 2e-13);
        assert!(relative_error(f_sf(x, 2.0, 2.0), 1.0 / (1.0 + x)) < 1e-14);
    }
    for a in [0.3, 1.0, 4.0, 77.0, 5e5, 1e7] {
        assert!(relative_error(beta_inc(a, a, 0.5, 0.5), 0.5) < 1e-13);
        assert!(relative_error(beta_inc(a, 1.0, 0.25, 0.75), 0.25_f64.powf(a)) < 1e-12);
        assert!((beta_quantile(0.5, a, a) - 0.5).abs() < 1e-15);
    }
    for (x, a, b) in [(0.125, 3.0, 8.5), (0.4, 200.0, 310.0), (0.01, 0.6, 70.0)] {
        let (y, lower) = (1.0 - x, beta_inc(a, b, x, 1.0 - x));
        assert!((lower + beta_inc(b, a, y, x) - 1.0).abs() < 1e-15);
    }
}

#[test]
fn tails_decrease() {
    // Dense grids, also across the switches between methods; a step back by a few roundings is
    // allowed, and where the function itself moves by less than that, it must not move more.
    let decreasing = |name: &str, low: f64, high: f64, function: &dyn Fn(f64) -> f64| {
        let mut last = function(low);
        for i in 1..=2000 {
            let value = function(low + (high - low) * f64::from(i) / 2000.0);
            assert!(
                value <= last * (1.0 + 2e-13),
                "{name} step {i}: {last:e} then {value:e}"
            );
            last = value;
        }
    };
    decreasing("normal_sf", -9.0, 39.0, &normal_sf);
    decreasing("erfc", -6.0, 28.0, &erfc);
    decreasing("erfc at the switch", 0.919, 0.920, &erfc);
    decreasing("kolmogorov_sf", 0.0, 20.0, &kolmogorov_sf);
    decreasing("kolmogorov_sf at the switch", 0.799, 0.801, &kolmogorov_sf);
    decreasing("kuiper_sf", 0.0, 18.8, &kuiper_sf); // above, numbers lose their digits one by one
    decreasing("kuiper_sf at the switch", 0.899, 0.901, &kuiper_sf);
    decreasing("cramer_von_mises_sf", 0.0, 140.0, &cramer_von_mises_sf);
    decreasing("anderson_darling_sf", 0.0, 690.0, &anderson_darling_sf);
    for df in [0.5, 1.0, 2.0, 9.0, 40.0, 1e3, 1e6] {
        decreasing("chi2_sf", 0.0, 3.0 * df + 40.0, &|x| chi2_sf(x, df));
        decreasing("t_sf", -5.0, 40.0, &|t| t_sf(t, df));
        decreasing("f_sf", 0.0, 5.0, &|f| f_sf(f, df, 12.0));
        decreasing("f_sf", 0.0, 5.0, &|f| f_sf(f, 7.0, df));
        decreasing("beta_inc", 0.0, 1.0, &|y| beta_inc(df, 3.0, 1.0 - y, y));
        decreasing("quantiles", 0.001, 0.999, &|p| -t_quantile(p, df));
        decreasing("quantiles", 0.001, 0.999, &|p| 1.0 - beta_quantile(p, df, 3.0));
    }
}

/// Without its feature `float_roundtrip`, `serde_json` may miss the last bit of an argument.
#[test]
fn fixture_arguments_are_read_exactly() {
    for number in [1.000_000_000_000_003, 0.1, 1e-300, 99_001_500.123_456_7] {
        let text = format!("{number:?}");
        assert_eq!(serde_json::from_str::<f64>(&text).ok(), Some(number), "{text}");
    }
}
