"""What people look at: text for a screen, HTML for a browser."""

from ctcore.report._card import card_text, collection_text, diff_text
from ctcore.report._drift import drift_html, drift_junit
from ctcore.report._html import replay_html
from ctcore.report._profile import profile_text
from ctcore.report._text import checks_text, drift_text, models_text, replay_text, run_text
from ctcore.report._validation import validation_html, validation_junit, validation_markdown, validation_text

__all__ = [
    "card_text",
    "checks_text",
    "collection_text",
    "diff_text",
    "drift_html",
    "drift_junit",
    "drift_text",
    "models_text",
    "profile_text",
    "replay_html",
    "replay_text",
    "run_text",
    "validation_html",
    "validation_junit",
    "validation_markdown",
    "validation_text",
]
