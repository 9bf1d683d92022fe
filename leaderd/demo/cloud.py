"""The truth of the pretend AWS: one environment, its instances, their credentials. Pure state, no network."""

import hashlib
import random
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from leaderd.demo.faults import Fault, Faults, StoreFault

ROLE = "aws-elasticbeanstalk-ec2-role"
HISTORY = 10_000  # changes of membership to look back on
RENEWAL = timedelta(minutes=5)  # EC2 User Guide, "Retrieve security credentials": at least this early


class ImdsFault(Enum):
    """How the metadata service of one instance behaves."""

    OK = auto()
    DROP = auto()  # closes the connection without an answer
    HANG = auto()  # takes the request and never answers
    HOP_LIMIT = auto()  # the token call alone never answers: a container behind a hop limit of 1
    FORBIDDEN = auto()  # 403: the metadata service is turned off for the instance
    UNAVAILABLE = auto()  # 503
    GARBAGE = auto()  # 200 with bytes that mean nothing


@dataclass(frozen=True, slots=True)
class Credentials:
    """One key pair; `owner` is the instance id or user name behind it. A user's keys never expire."""

    owner: str
    arn: str
    access_key: str
    secret_key: str
    token: str | None = None
    issued: datetime | None = None
    expires: datetime | None = None


@dataclass(slots=True)
class Instance:
    """One EC2 instance, whether Elastic Beanstalk still knows it or not."""

    id: str
    launched: datetime
    zone: str
    lifecycle: str | None = None  # autoscaling/target-lifecycle-state; None: there is none yet
    imds: ImdsFault = ImdsFault.OK
    tags_in_imds: bool = False  # off, as AWS leaves it
    has_profile: bool = True  # False: no instance profile, hence no credentials

    @property
    def private_ip(self) -> str:
        """An address in 10.0.0.0/16 that follows from the id."""
        high, low = hashlib.sha256(self.id.encode()).digest()[:2]
        return f"10.0.{high}.{low}"


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Cloud:
    """One Elastic Beanstalk environment with its instances, and the faults to act out.

    `members` is what EB would answer, in its order; `instances` holds all that ever ran, zombies included.

    Args:
        environment: Name of the environment.
        application: Name of the EB application.
        region: AWS region, e.g. "eu-west-1".
        account: Account id, 12 digits.
        seed: Makes ids, orders and credentials repeatable.
        monotonic: Seconds; measures `lag` and the life of IMDS tokens.
        now: Wall time with a zone; stamps launches and credentials.
    """

    def __init__(
        self,
        *,
        environment: str = "shop-prod",
        application: str = "shop",
        region: str = "eu-west-1",
        account: str = "123456789012",
        seed: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.environment = environment
        self.application = application
        self.region = region
        self.account = account
        self.monotonic = monotonic
        self.now = now
        self.rng = random.Random(seed)
        self.environment_id = "e-" + "".join(self.rng.choices("abcdefghijkmnpqrstuvwxyz23456789", k=10))
        self.created = now()
        self.instances: dict[str, Instance] = {}
        self.faults = Faults(Fault.NONE)
        self.store_faults = Faults(StoreFault.NONE)
        self.lag = 0.0  # seconds that EB's answers are behind the truth
        self.enhanced_health = True  # False: DescribeInstancesHealth is not supported
        self.health_page = 100  # instances on one page of DescribeInstancesHealth
        self.credential_lifetime = timedelta(hours=6)
        self._history: deque[tuple[float, tuple[str, ...]]] = deque([(monotonic(), ())], HISTORY)
        self._keys: dict[str, Credentials] = {}
        self._current: dict[str, Credentials] = {}

    # Membership

    @property
    def members(self) -> tuple[str, ...]:
        """The ids that EB counts as members now, in the order of its answers."""
        return self._history[-1][1]

    def told(self) -> tuple[str, ...]:
        """The members as EB tells them: the truth of `lag` seconds ago."""
        then = self.monotonic() - self.lag
        return next((ids for since, ids in reversed(self._history) if since <= then), self._history[0][1])

    def arrange(self, ids: Iterable[str]) -> None:
        """Make `ids` the members, in that order; what is missing there lives on as a zombie."""
        members = tuple(ids)
        if unknown := [member for member in members if member not in self.instances]:
            raise ValueError(f"never launched: {', '.join(unknown)}")
        self._history.append((self.monotonic(), members))

    def launch(self, number: int | None = None) -> Instance:
        """Launch an instance and add it at the end; `number` fixes its id: 10 gives i-0000000000000000a."""
        instance_id = f"i-0{self.rng.getrandbits(64) if number is None else number:016x}"
        if instance_id in self.instances:
            raise ValueError(f"{instance_id} has been launched before: ids are never used twice")
        zone = self.region + "abc"[len(self.instances) % 3]
        instance = self.instances[instance_id] = Instance(instance_id, self.now(), zone)
        self.arrange([*self.members, instance_id])
        return instance

    def drop(self, instance_id: str) -> None:
        """Let EB forget the instance, which lives on."""
        self.arrange(member for member in self.members if member != instance_id)

    def terminate(self, instance_id: str) -> None:
        """Begin to terminate the instance: its IMDS says so, and EB forgets it."""
        self.instances[instance_id].lifecycle = "Terminated"
        self.drop(instance_id)

    def put_first(self, instance_id: str) -> None:
        """Let EB list this member before all others."""
        self.arrange([instance_id, *(member for member in self.members if member != instance_id)])

    def shuffle(self, rng: random.Random | None = None) -> None:
        """Let EB list the same members in another order from now on."""
        self.arrange((rng or self.rng).sample(self.members, len(self.members)))

    # Names

    @property
    def environment_arn(self) -> str:
        """The ARN of the environment."""
        place = f"{self.region}:{self.account}"
        return f"arn:aws:elasticbeanstalk:{place}:environment/{self.application}/{self.environment}"

    # Credentials

    def credentials(self, instance_id: str) -> Credentials:
        """The instance's role credentials, new ones when the last are about to expire."""
        current = self._current.get(instance_id)
        if current and current.expires and self.now() < current.expires - RENEWAL:
            return current
        issued = self.now()
        current = self._current[instance_id] = self._issue(
            Credentials(
                owner=instance_id,
                arn=f"arn:aws:sts::{self.account}:assumed-role/{ROLE}/{instance_id}",
                access_key="ASIA" + self._letters(16),
                secret_key=self._base64(30),
                token="IQoJb3JpZ2luX2VjE" + self._base64(300),
                issued=issued,
                expires=issued + self.credential_lifetime,
            )
        )
        return current

    def expire(self, instance_id: str) -> None:
        """Let the instance's credentials expire at this moment; its IMDS has new ones at once."""
        current = self.credentials(instance_id)
        self._current[instance_id] = self._issue(replace(current, expires=self.now()))

    def add_user(self, name: str) -> Credentials:
        """Register static keys of an IAM user."""
        arn = f"arn:aws:iam::{self.account}:user/{name}"
        return self._issue(Credentials(name, arn, "AKIA" + self._letters(16), self._base64(30)))

    def find_key(self, access_key: str) -> Credentials | None:
        """Whose access key id this is; None when it was never issued."""
        return self._keys.get(access_key)

    def _issue(self, credentials: Credentials) -> Credentials:
        self._keys[credentials.access_key] = credentials
        return credentials

    def _letters(self, count: int) -> str:
        return "".join(self.rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=count))

    def _base64(self, count: int) -> str:
        return b64encode(self.rng.randbytes(count)).decode()
