"""Celery's file transport with whole bells only: whoever looks into the folder while one is being
written must not find half of it. It knows files and kombu, no task.
"""

import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """kombu writes a message under the name it is looked for; a worker that reads it too soon gets
    nothing, and ends.
    """

    def _put(self, queue: str, payload: Any, **_kwargs: Any) -> None:  # type: ignore[override]
        """Raises ``OSError`` when it cannot be written; the bell is lost then, which the sweep
        makes good.
        """
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        path = Path(self.data_folder_out) / name
        half = path.with_name(f"{name}.half")
        try:
            half.write_text(dumps(payload), encoding="utf-8")
            half.replace(path)
        except OSError:
            half.unlink(missing_ok=True)
            raise


class Transport(filesystem.Transport):
    Channel = Channel


def use_whole_bells() -> None:
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:{Transport.__name__}"
