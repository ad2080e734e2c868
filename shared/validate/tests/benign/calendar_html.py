"""Prints a month as a table."""

import calendar
import html
from datetime import date


def table(year: int, month: int, notes: dict[int, str]) -> str:
    """An HTML table with a note on some days."""
    rows = []
    for week in calendar.monthcalendar(year, month):
        cells = []
        for day in week:
            note = html.escape(notes.get(day, ""))
            cells.append(f"<td>{day or ''}<br>{note}</td>")
        rows.append("<tr>" + "".join(cells) + "</tr>")
    title = f"{calendar.month_name[month]} {year}"
    return f"<table><caption>{title}</caption>{''.join(rows)}</table>"


today = date(2025, 5, 1)
print(table(today.year, today.month, {1: "holiday", 9: "dentist & lunch"}))
