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
