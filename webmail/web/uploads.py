"""Uploaded files, in memory and within a bound: nothing in clear is written to a disk. It knows
bytes, no draft.
"""

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler

TOO_BIG = "mssante.upload_too_big"


class BoundedMemoryUploadHandler(FileUploadHandler):
    """Takes files as long as the whole request stays within ``UPLOAD_LIMIT_BYTES``.

    Past it, no file is kept and the request says so under ``TOO_BIG``; the form's text still
    arrives, so no word is lost.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._room = settings.UPLOAD_LIMIT_BYTES
        self._content = BytesIO()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._content = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:  # noqa: ARG002
        self._room -= len(raw_data)
        if self._room < 0:
            self._content = BytesIO()
            if self.request is not None:
                self.request.META[TOO_BIG] = True
        else:
            self._content.write(raw_data)
        return None

    def file_complete(self, file_size: int) -> InMemoryUploadedFile | None:
        if self._room < 0:
            return None
        self._content.seek(0)
        return InMemoryUploadedFile(
            file=self._content,
            field_name=self.field_name,
            name=self.file_name,
            content_type=self.content_type,
            size=file_size,
            charset=self.charset,
            content_type_extra=self.content_type_extra,
        )
