//! Medians, ratios and the text of a table, from figures written by hand.

use super::*;
use crate::latency::Latency;
use crate::profile::figures::Case;
use crate::profile::shape::SizeArgs;

fn run(block: u32, peer: Peer, cpu_us: Option<f64>) -> BlockRun {
    let profile = Profile::A1;
    let shape = profile.shape(SizeArgs::default());
    let case = Case::new(profile, &shape, peer, Layout::OneCore, 200);
    BlockRun { block, run: Run { case, figures: Figures { cpu_us, ..Figures::default() } } }
}

fn spread(values: &[f64]) -> Spread {
    Spread::of(values.to_vec()).unwrap()
}

#[test]
fn a_median_is_in_the_middle_of_the_sorted_values() {
    let of = |values: &[f64]| {
        let Spread { median, min, max, interval } = spread(values);
        assert_eq!(interval, None, "of so few values");
        (median, min, max)
    };
    assert_eq!(of(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
    assert_eq!(of(&[4.0, 1.0, 2.0, 9.0]), (3.0, 1.0, 9.0));
    assert_eq!(of(&[5.0]), (5.0, 5.0, 5.0));
    assert_eq!(Spread::of(vec![]), None);
}

/// The ranks are those of published tables for the sign test.
#[test]
fn an_interval_is_between_two_ranks() {
    let of = |count: u8| spread(&(1..=count).map(f64::from).collect::<Vec<_>>()).interval;
    assert_eq!([5, 6, 8].map(of), [None, Some((1.0, 6.0)), Some((1.0, 8.0))]);
    assert_eq!([9, 15, 20].map(of), [Some((2.0, 8.0)), Some((4.0, 12.0)), Some((6.0, 15.0))]);
}

/// In the second block the machine was twice as slow for everyone: the ratio does not see it.
#[test]
fn ratios_are_taken_block_by_block() {
    let runs = [
        run(0, Peer::Limit, Some(2.0)),
        run(0, Peer::Uringcast, Some(3.0)),
        run(0, Peer::Bun, Some(6.0)),
        run(1, Peer::Limit, Some(4.0)),
        run(1, Peer::Uringcast, Some(6.0)),
        run(1, Peer::Bun, Some(12.0)),
    ];
    let rows = rows(&runs);
    let of = |peer| *rows.iter().find(|row| row.peer == peer).unwrap();
    assert_eq!(of(Peer::Uringcast).to_limit, Some(spread(&[1.5])));
    assert_eq!(of(Peer::Bun).uringcast_to, Some(spread(&[0.5])));
    assert_eq!(of(Peer::Bun).value, spread(&[6.0, 12.0]));
    assert_eq!(of(Peer::Limit).uringcast_to, Some(spread(&[1.5])));
    assert_eq!((of(Peer::Limit).to_limit, of(Peer::Uringcast).uringcast_to), (None, None));
}

#[test]
fn a_refused_run_takes_no_part() {
    let runs = [
        run(0, Peer::Uringcast, None),
        run(1, Peer::Uringcast, Some(3.0)),
        run(0, Peer::Bun, Some(1.0)),
        run(1, Peer::Bun, Some(6.0)),
    ];
    let rows = rows(&runs);
    assert_eq!(rows.iter().map(|row| row.peer).collect::<Vec<_>>(), [Peer::Uringcast, Peer::Bun]);
    assert_eq!(rows[0].value, spread(&[3.0]));
    assert_eq!(rows[1].uringcast_to, Some(spread(&[0.5])));
}

#[test]
fn a_profile_has_a_row_for_each_figure_it_brings() {
    let mut open = run(0, Peer::Ws, Some(3.0));
    let latency = Latency { p50: 1.0, p90: 2.0, p99: 3.0, p999: 4.0, max: 5.0 };
    open.run.figures.latency_ms = Some(latency);
    open.run.figures.per_cpu_second = Some(333.0);
    let metrics: Vec<_> = rows(&[open]).iter().map(|row| row.metric).collect();
    assert_eq!(metrics, [Metric::CpuUs, Metric::P50Ms, Metric::P99Ms]);
}

#[test]
fn the_text_has_aligned_columns() {
    let runs = [run(0, Peer::Limit, Some(2.0)), run(0, Peer::Uringcast, Some(3.0))];
    let expected = "\
profile      figure               server     median    min    max  x limit  ours / it
A1 one-core  CPU us per delivery  limit       2.000  2.000  2.000                1.50
A1 one-core  CPU us per delivery  uringcast   3.000  3.000  3.000     1.50
";
    assert_eq!(text(&rows(&runs)), expected);
}
