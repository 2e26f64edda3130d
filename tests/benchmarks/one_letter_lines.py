"""What a sender would be that keeps no line: an app that, once loaded, ends each conversation after
its letter. For the benchmark of what keeping lines is worth.
"""

from typing import Any

from django.apps import AppConfig


class OneLetterLines(AppConfig):
    name = "tests.benchmarks.one_letter_lines"
    label = "one_letter_lines"

    def ready(self) -> None:
        from webmail.outbound.smtp import Conversation  # (Once the apps are loaded.)

        keep_on = Conversation.send

        def send_and_quit(conversation: Conversation, *words: Any, **options: Any) -> Any:
            answers = keep_on(conversation, *words, **options)
            conversation.__exit__(None, None, None)
            return answers

        Conversation.send = send_and_quit  # type: ignore[assignment, method-assign]
