"""Wraps and quotes the text of a mail."""

import textwrap
from email.message import EmailMessage
from email.utils import formataddr


def quote(text: str, width: int = 72) -> str:
    """Each line with a mark before it."""
    paragraphs = text.split("\n\n")
    wrapped = [textwrap.fill(paragraph, width=width - 2) for paragraph in paragraphs]
    return textwrap.indent("\n\n".join(wrapped), "> ", lambda line: True)


def draft(name: str, address: str, subject: str, body: str) -> EmailMessage:
    """A mail that nobody sends yet."""
    message = EmailMessage()
    message["To"] = formataddr((name, address))
    message["Subject"] = subject
    message.set_content(body)
    return message
