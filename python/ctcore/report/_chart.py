"""Charts as inline SVG: small, without scripts, readable where they are printed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 960, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 30, 26
_MAX_TICKS = 13


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, colour and values, ``None`` where there is none."""

    name: str
    colour: str
    values: Sequence[float | None]


class _Frame:
    """A plot's area and its two scales."""

    def __init__(self, count: int, low: float, high: float, height: int = HEIGHT) -> None:
        self.count, self.height = max(count, 1), height
        self.ticks = _ticks(low, high)
        self.low, self.high = self.ticks[0], self.ticks[-1]

    def x(self, index: float) -> float:
        step = (WIDTH - _LEFT - _RIGHT) / self.count
        return round(_LEFT + (index + 0.5) * step, 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.height - _BOTTOM - share * (self.height - _TOP - _BOTTOM), 1)

    def axes(self, labels: Sequence[str], form: str) -> list[str]:
        parts = []
        for tick in self.ticks:
            y = self.y(tick)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{tick:{form}}</text>')
        every = math.ceil(len(labels) / _MAX_TICKS)
        for index in range(0, len(labels), every):
            x, y = self.x(index), self.height - _BOTTOM + 16
            parts.append(f'<text x="{x}" y="{y}" text-anchor="middle">{escape(labels[index][5:])}</text>')
        return parts

    def svg(self, parts: Sequence[str], title: str) -> Markup:
        body = "".join(parts)
        return Markup(  # noqa: S704 - every text in it was escaped
            f'<svg viewBox="0 0 {WIDTH} {self.height}" role="img" aria-label="{escape(title)}">{body}</svg>'
        )


def lines(labels: Sequence[str], series: Sequence[Series], *, marks: Sequence[int], title: str) -> Markup:
    """Draw lines over time; ``marks`` are the places of vertical dashes."""
    values = [value for each in series for value in each.values if value is not None] or [0.0, 1.0]
    frame = _Frame(len(labels), min(values), max(values))
    parts = frame.axes(labels, ".3g")
    for index in marks:
        x = frame.x(index)
        parts.append(f'<line class="mark" x1="{x}" x2="{x}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
    for number, each in enumerate(series):
        points = [(frame.x(i), frame.y(value)) for i, value in enumerate(each.values) if value is not None]
        path = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{each.colour}" stroke-width="2"/>')
        for (x, y), (label, value) in zip(
            points, [(labels[i], v) for i, v in enumerate(each.values) if v is not None], strict=True
        ):
            hint = f"{escape(label)} {escape(each.name)}: {value:.4f}"
            parts.append(f'<circle cx="{x}" cy="{y}" r="2.6" fill="{each.colour}"><title>{hint}</title></circle>')
        x = _LEFT + number * (WIDTH - _LEFT) / max(len(series), 1)
        parts.append(f'<rect x="{x}" y="8" width="12" height="4" fill="{each.colour}"/>')
        parts.append(f'<text x="{x + 17}" y="14">{escape(each.name)}</text>')
    return frame.svg(parts, title)


def bars(
    labels: Sequence[str],
    values: Sequence[tuple[float | None, float | None, float | None, bool]],
    *,
    threshold: float,
    relative: bool,
) -> Markup:
    """Draw points with their intervals against a threshold; those that open the gate are filled."""
    form = ".2%" if relative else ".3g"
    ends = [end for each in values for end in each[:3] if end is not None] or [0.0]
    frame = _Frame(len(labels), min([*ends, 0.0]), max([*ends, threshold]))
    parts = frame.axes(labels, ".1%" if relative else ".3g")
    y = frame.y(threshold)
    parts.append(f'<line class="threshold" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
    for index, (value, lower, upper, opened) in enumerate(values):
        if value is None:
            continue
        x, colour = frame.x(index), "#2a9d4a" if opened else "#8c8c8c"
        if lower is not None and upper is not None:
            low, high = frame.y(lower), frame.y(upper)
            parts.append(f'<line x1="{x}" x2="{x}" y1="{low}" y2="{high}" stroke="{colour}" stroke-width="2"/>')
        fill = colour if opened else "#fff"
        hint = f"{escape(labels[index])}: {value:+{form}}"
        parts.append(
            f'<circle cx="{x}" cy="{frame.y(value)}" r="4" fill="{fill}" stroke="{colour}" stroke-width="2">'
            f"<title>{hint}</title></circle>"
        )
    return frame.svg(parts, "gain over production on the holdout")


def heat(labels: Sequence[str], names: Sequence[str], rows: Sequence[Sequence[float | None]]) -> Markup:
    """Draw a grid: a row a name, a column a label, darker where the value is larger."""
    row = 16
    height = _TOP + row * len(names) + _BOTTOM
    left, step = 190, (WIDTH - 190 - _RIGHT) / max(len(labels), 1)
    parts = []
    for j, (name, values) in enumerate(zip(names, rows, strict=True)):
        y = _TOP + j * row
        parts.append(f'<text x="{left - 6}" y="{y + 12}" text-anchor="end">{escape(name)}</text>')
        for i, value in enumerate(values):
            if value is not None:
                strength = min(1.0, math.log1p(value / 0.04) / math.log1p(1.0 / 0.04))
                hint = f"{escape(labels[i])} {escape(name)}: PSI {value:.3f}"
                parts.append(
                    f'<rect x="{left + i * step:.1f}" y="{y}" width="{step - 1:.1f}" height="{row - 1}" fill="#b5341f" '
                    f'fill-opacity="{strength:.2f}"><title>{hint}</title></rect>'
                )
    every = math.ceil(len(labels) / _MAX_TICKS)
    for i in range(0, len(labels), every):
        x = left + (i + 0.5) * step
        parts.append(
            f'<text x="{x:.1f}" y="{height - _BOTTOM + 16}" text-anchor="middle">{escape(labels[i][5:])}</text>'
        )
    body = "".join(parts)
    return Markup(f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="drift per feature">{body}</svg>')  # noqa: S704 - escaped


_SMALL = (180, 36)


def histogram(heights: Sequence[float], hints: Sequence[str], title: str) -> Markup:
    """Draw bars side by side, in the size of a line of text or two; the highest fills it."""
    wide, high = _SMALL
    step, most = wide / max(len(heights), 1), max([*heights, 0]) or 1
    parts = []
    for place, (value, hint) in enumerate(zip(heights, hints, strict=True)):
        tall = round((high - 2) * value / most, 1)
        tall = max(tall, 1) if value else 0  # what is there is seen
        parts.append(
            f'<rect x="{place * step:.1f}" y="{high - tall}" width="{max(step - 1, 0.5):.1f}" height="{tall}">'
            f"<title>{escape(hint)}</title></rect>"
        )
    return _small(parts, title)


def sparkline(values: Sequence[float], hints: Sequence[str], title: str) -> Markup:
    """Draw values over time without axes; the newest is marked."""
    wide, high = _SMALL
    low, top = min(values), max(values)
    scale = (high - 8) / (top - low) if top > low else 0
    step = (wide - 8) / max(len(values) - 1, 1)
    points = [(round(4 + i * step, 1), round(high - 4 - (value - low) * scale, 1)) for i, value in enumerate(values)]
    path = " ".join(f"{x},{y}" for x, y in points)
    parts = [f'<polyline points="{path}" fill="none"/>']
    for (x, y), hint in zip(points, hints, strict=True):
        newest = ' class="newest"' if (x, y) == points[-1] else ""
        parts.append(f'<circle{newest} cx="{x}" cy="{y}" r="2"><title>{escape(hint)}</title></circle>')
    return _small(parts, title)


def _small(parts: Sequence[str], title: str) -> Markup:
    wide, high = _SMALL
    body = "".join(parts)
    return Markup(  # noqa: S704 - every text in it was escaped
        f'<svg class="small" viewBox="0 0 {wide} {high}" role="img" aria-label="{escape(title)}">{body}</svg>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Give round numbers that enclose [low, high], about six of them."""
    if high <= low:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 5
    scale = 10 ** math.floor(math.log10(rough))
    step = next(scale * factor for factor in (1, 2, 2.5, 5, 10) if scale * factor >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]
