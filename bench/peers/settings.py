"""The least that Django and Channels ask for."""

import os

SECRET_KEY = "of the benchmark, and of nothing else"
DEBUG = False
INSTALLED_APPS = ["channels"]
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": os.environ["BENCH_LAYER"],
        # Without a capacity the default layer drops what is more than 100 messages for all connections together, and
        # redis-py 8 gives up after 5 s by itself, which is how long the default layer waits for a message.
        "CONFIG": {"hosts": [{"address": os.environ["BENCH_REDIS"], "socket_timeout": None}], "capacity": 100_000},
    },
}
USE_TZ = True
if "BENCH_DATABASE" in os.environ:
    name, host, user = os.environ["BENCH_DATABASE"].split()
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": name, "HOST": host, "USER": user,
            # Kept from one request to the next, as a deployment would.
            "CONN_MAX_AGE": None,
        },
    }  # fmt: skip
