"""What people look at: text for a screen, HTML for a browser."""

from ctcore.report._html import replay_html
from ctcore.report._text import drift_text, models_text, replay_text, run_text

__all__ = ["drift_text", "models_text", "replay_html", "replay_text", "run_text"]
