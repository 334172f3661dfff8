//! The table as a picture: a panel for each figure of each profile, a bar for each server.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::{Color as _, IntoFont as _, RGBColor, TextStyle, WHITE};

use super::table::Row;
use crate::peer::Peer;

/// Width of the picture, in pixels.
const WIDTH: u32 = 860;
/// Height of a bar with the space below it.
const BAR_HEIGHT: i32 = 22;
/// Height of a panel's title with the space around it.
const TITLE_HEIGHT: i32 = 34;
/// Where the names end and the bars begin.
const BARS_X: i32 = 110;
/// The longest bar; the values are written behind it.
const BAR_WIDTH: f64 = 480.0;

const TEXT: RGBColor = RGBColor(36, 41, 47);
const SPREAD: RGBColor = RGBColor(87, 96, 106);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<T> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// Draw the rows, in their order.
pub fn svg(rows: &[Row]) -> Drawn<String> {
    let panels: Vec<&[Row]> =
        rows.chunk_by(|a, b| a.profile == b.profile && a.metric == b.metric).collect();
    let height = panels.iter().map(|panel| height_of(panel)).sum::<i32>() + BAR_HEIGHT;
    let mut text = String::new();
    {
        let size = (WIDTH, height.unsigned_abs());
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        let mut y = 0;
        for panel in panels {
            draw_panel(&area, panel, y)?;
            y += height_of(panel);
        }
        area.present()?;
    }
    Ok(text)
}

fn height_of(panel: &[Row]) -> i32 {
    panel.iter().fold(TITLE_HEIGHT, |height, _| height + BAR_HEIGHT)
}

fn draw_panel(area: &Area<'_>, panel: &[Row], top: i32) -> Drawn<()> {
    let Some(first) = panel.first() else { return Ok(()) };
    let (profile, layout) = (first.profile.name(), first.layout.name());
    let title = format!("{profile}: {}, {layout}", first.metric.title(first.unit));
    area.draw(&Text::new(title, (10, top + 14), style(15)))?;
    let longest = panel.iter().map(|row| row.value.max).fold(f64::MIN_POSITIVE, f64::max);
    for (index, row) in (0..).zip(panel) {
        draw_bar(area, row, top + TITLE_HEIGHT + BAR_HEIGHT * index, longest)?;
    }
    Ok(())
}

/// The median as a bar, least and most as a line through its end.
fn draw_bar(area: &Area<'_>, row: &Row, top: i32, longest: f64) -> Drawn<()> {
    let x = |value: f64| BARS_X + (value / longest * BAR_WIDTH) as i32;
    let (median, min, max) = (row.value.median, row.value.min, row.value.max);
    let middle = top + 7;
    area.draw(&Text::new(row.peer.name(), (10, top), style(13)))?;
    area.draw(&Rectangle::new([(BARS_X, top), (x(median), top + 14)], color(row.peer).filled()))?;
    area.draw(&PathElement::new(vec![(x(min), middle), (x(max), middle)], SPREAD))?;
    let text = |value| row.metric.text(value);
    let label = format!("{} ({} - {})", text(median), text(min), text(max));
    area.draw(&Text::new(label, (x(max) + 8, top), style(13)))
}

fn style(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&TEXT)
}

const fn color(peer: Peer) -> RGBColor {
    match peer {
        Peer::Limit => RGBColor(175, 184, 193),
        Peer::Uringcast => RGBColor(9, 105, 218),
        Peer::Before => RGBColor(110, 119, 129),
        Peer::Bun => RGBColor(212, 167, 44),
        Peer::Ws => RGBColor(74, 194, 107),
        Peer::Sockudo => RGBColor(194, 108, 74),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::table::{Metric, Spread};
    use crate::layout::Layout;
    use crate::profile::shape::{Profile, Unit};

    fn row(peer: Peer, median: f64) -> Row {
        Row {
            profile: Profile::A1,
            unit: Unit::Delivery,
            layout: Layout::OneCore,
            metric: Metric::CpuUs,
            peer,
            value: Spread { median, min: median - 0.5, max: median + 0.5, interval: None },
            to_limit: None,
            uringcast_to: None,
        }
    }

    #[test]
    fn every_server_has_a_bar_with_its_name_and_values() {
        let svg = svg(&[row(Peer::Limit, 2.5), row(Peer::Bun, 4.5)]).unwrap();
        for text in ["A1: CPU us per delivery", "limit", "bun", "2.500 (2.000 - 3.000)"] {
            assert!(svg.contains(text), "{text} is not in {svg}");
        }
        // The background and one for each server.
        assert_eq!(svg.matches("<rect").count(), 3);
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        let svg = svg(&[]).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    }
}
