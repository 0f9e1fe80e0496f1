"""Whether the time of a refused log-in tells which addresses have an account.

python -m bench.login           400 log-ins, one or two minutes
"""

import re
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from flask.testing import FlaskClient

from dashboard import db, demo
from dashboard.config import Settings
from dashboard.installation import open_installation
from dashboard.models import User
from dashboard.models.accounts import Throttle
from dashboard.web import build_app

SAMPLES = 200  # of each
WRONG = "nobody has this one"
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


def seconds_to_refuse(client: FlaskClient, token: str, email: str) -> float:
    """Log in as *email* with a wrong password; return the seconds until that is refused."""
    Throttle.delete().execute()  # what is measured is the look at a password
    data = {"email": email, "password": WRONG, "csrf_token": token}
    begun = time.perf_counter()
    answer = client.post("/login", data=data)
    seconds = time.perf_counter() - begun
    assert answer.status_code == 422, answer.status
    return seconds


def main() -> None:
    """Try somebody and nobody in turns; print the medians and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        folders = open_installation(settings.data_dir)
        with db.database.connection_context():
            demo.fill(None)
            emails = {"somebody": User.select().first().email, "nobody": "nobody@harbour.example"}
            client = build_app(settings, folders).test_client()
            token = TOKEN.search(client.get("/login").text)[1]  # type: ignore[index]
            taken: dict[str, list[float]] = {who: [] for who in emails}
            for _ in range(SAMPLES):
                for who, email in emails.items():
                    taken[who].append(seconds_to_refuse(client, token, email))
    for who, seconds in taken.items():
        low, _, high = (1000 * part for part in quantiles(seconds, n=4))
        print(f"{who}: median {1000 * median(seconds):.1f} ms, quartiles {low:.1f} to {high:.1f}")
    print(f"somebody / nobody: {median(taken['somebody']) / median(taken['nobody']):.3f}")


if __name__ == "__main__":
    main()
