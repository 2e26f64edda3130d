"""What every template may know of the site: its name and whether it is the demonstration. No
person, no message.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(_request: HttpRequest) -> dict[str, Any]:
    return {
        "site": {
            "operator_name": settings.OPERATOR_NAME,
            "operator_key": settings.OPERATOR_KEY,
            "is_demo": settings.IS_DEMO,
        }
    }
