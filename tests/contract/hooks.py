"""What schemathesis does not know by itself."""

from datetime import datetime, timezone
from email.utils import format_datetime

import schemathesis
from hypothesis import strategies as st


def http_date(moment: datetime) -> str:
    """A date as HTTP writes it: a pattern alone cannot tell the right day of the week."""
    return format_datetime(moment.replace(microsecond=0, tzinfo=timezone.utc), usegmt=True)


schemathesis.openapi.format(
    "http-date",
    st.datetimes(datetime(1970, 1, 2), datetime(9998, 12, 31)).map(http_date),
)

# What these look like is not to be guessed.
schemathesis.openapi.format(
    "cron", st.sampled_from(["0 6 * * MON-FRI", "*/5 * * * *", "@daily", "30 2 29 2 *"])
)
schemathesis.openapi.format(
    "time-zone", st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
)
schemathesis.openapi.format(
    "civil-or-date-time",
    st.sampled_from(["2999-03-01T08:30", "2999-03-01 08:30:15", "2999-03-01T08:30:00.5+01:00"]),
)
