"""The report of a replay: one page that needs nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ctcore.report._chart import Series, bars, heat, lines
from ctcore.report._page import page

if TYPE_CHECKING:
    from ctcore.replay import Replay

_COLOURS = {"frozen": "#8c8c8c", "weekly": "#3b7dd8", "gated": "#d1495b", "baseline": "#c9a227"}


def replay_html(replay: Replay) -> str:
    """Give the page of a replay: the lines of each policy, promotions and refusals, drift, and every run's record."""
    weeks = replay.weeks
    days = [week.as_of[:10] for week in weeks]
    means = replay.means
    name = replay.metric["metric"] + (f"@{replay.metric['k']}" if replay.metric.get("k") else "")
    policies = [policy for policy in replay.policies if policy in means]
    series = [
        Series(f"{policy} ({means[policy]:.4f})", _COLOURS[policy], [week.following[policy] for week in weeks])
        for policy in policies
    ]
    promoted = [index for index, week in enumerate(weeks) if week.outcome == "promoted"]
    features = list(dict.fromkeys(name for week in weeks for name in week.drifted))
    sign = 1 if replay.higher_is_better else -1
    proofs = [
        (path, replay.proofs[path.proof], means[path.proof], sign * (means[path.proof] - means["weekly"]))
        for path in replay.paths
        if {path.proof, "weekly"} <= means.keys()
    ]
    ahead = [
        [
            None if a is None or b is None else a - b
            for a, b in ((week.following[policy], week.following["frozen"]) for week in weeks)
        ]
        for policy in ("weekly", "gated")
    ]
    return page(
        "replay.html.jinja",
        replay=replay,
        name=name,
        policies=[(policy, replay.policies[policy], means[policy], _COLOURS[policy]) for policy in policies],
        weeks=weeks,
        proofs=proofs,
        show=replay.unit.show,
        metric_chart=lines(days, series, marks=promoted, title=f"{name} on the following {replay.every_days} days"),
        ahead_chart=lines(
            days,
            [
                Series("weekly minus frozen", _COLOURS["weekly"], _running(ahead[0])),
                Series("gated minus frozen", _COLOURS["gated"], _running(ahead[1])),
            ],
            marks=promoted,
            title="advantage over never retraining, summed up",
        ),
        gain_chart=bars(
            days,
            [(week.gain, week.lower, week.upper, week.outcome == "promoted") for week in weeks],
            threshold=replay.threshold,
            relative=replay.unit.relative,
        ),
        drift_chart=heat(days, features, [[week.drifted.get(name) for week in weeks] for name in features]),
        records=[(week.as_of[:10], week.outcome, _pretty(week.record)) for week in weeks],
    )


def _running(values: list[float | None]) -> list[float | None]:
    total, found = 0.0, []
    for value in values:
        total += value or 0.0
        found.append(total)
    return list(found)


def _pretty(record: dict[str, Any]) -> str:
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False)
