"""Where a backup comes from, in the words of the screens."""

import pytest

from dashboard.web.backup_page import dated


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Harbour, 2026-11-23T06:45:12Z", "Harbour, 23 Nov 2026, 06:45 UTC"),
        ("Harbour, Daily, 2026-11-23T06:45:12Z", "Harbour, Daily, 23 Nov 2026, 06:45 UTC"),
        ("Harbour, 2026-13-23T06:45:12Z", "Harbour, 2026-13-23T06:45:12Z"),
        ("Harbour, the paper", "Harbour, the paper"),
        ("Harbour", "Harbour"),
        ("", ""),
    ],
)
def test_a_time_is_read_as_all_others_are(source, words):
    assert dated(source) == words
