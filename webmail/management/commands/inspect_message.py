"""Show what the reader would make of one letter: its bytes on standard input, one JSON object or a
readable text on output.

For operators and for tests of the parser from outside. Reads no table and keeps nothing; the exit
status is 0 whatever comes in.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand

from webmail.mime.parse import parse_message
from webmail.mime.sanitize import SanitisedHtml, sanitize_message
from webmail.mime.types import Address, Attachment, ParsedMessage


def describe_message(message: ParsedMessage, shown: SanitisedHtml) -> dict[str, Any]:
    """Return the facts of a letter as plain values, ready for JSON."""
    return {
        "subject": message.subject,
        "from": _describe_addresses(message.from_),
        "to": _describe_addresses(message.to),
        "cc": _describe_addresses(message.cc),
        "reply_to": _describe_addresses(message.reply_to),
        "date": message.date.isoformat() if message.date else None,
        "message_id": message.message_id,
        "in_reply_to": message.in_reply_to,
        "references": list(message.references),
        "text": message.text,
        "html_raw": message.html_raw,
        "html_sanitised": shown.html,
        "html_refused": shown.refused,
        "blocked_images": shown.blocked_images,
        "attachments": [_describe_attachment(item) for item in message.attachments],
        "auto_submitted": message.auto_submitted,
        "read_receipt_to": message.read_receipt_to,
        "defects": list(message.defects),
    }


def _describe_addresses(addresses: Iterable[Address]) -> list[dict[str, str]]:
    return [{"name": item.name, "address": item.address} for item in addresses]


def _describe_attachment(item: Attachment) -> dict[str, Any]:
    return {
        "name": item.name,
        "declared_type": item.declared_type,
        "size": item.size,
        "sha256": item.sha256,
        "inline": item.inline,
        "content_id": item.content_id,
    }


def _readable(facts: dict[str, Any]) -> str:
    lines = [f"{name}: {facts[name]}" for name in ("subject", "date", "message_id")]
    for name in ("from", "to", "cc"):
        shown = ", ".join(f"{item['name']} <{item['address']}>".strip() for item in facts[name])
        lines.append(f"{name}: {shown}")
    lines += [
        f"attachment: {item['name']} ({item['declared_type']}, {item['size']} bytes)"
        for item in facts["attachments"]
    ]
    lines.append(f"defects: {', '.join(facts['defects']) or '-'}")
    lines += ["", facts["text"] or facts["html_sanitised"]]
    return "\n".join(lines)


class Command(BaseCommand):
    help = "Parse one message from standard input and show what the reader would show."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        message = parse_message(sys.stdin.buffer.read())
        facts = describe_message(message, sanitize_message(message))
        if options["json"]:
            # ASCII only, so that no locale of a terminal can refuse a character.
            self.stdout.write(json.dumps(facts, indent=2))
            return
        encoding = getattr(self.stdout, "encoding", None) or "utf-8"
        self.stdout.write(_readable(facts).encode(encoding, "replace").decode(encoding))
