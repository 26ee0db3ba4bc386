"""The server's configuration: its sections, and where they are read from.

`sections.py` and `limits.py` have every key with its default, bounds and reason; `bounds.py` the
words for these; `keys.py` the keys by name; `sources.py` the file, the environment and `--set`;
`text.py` the configuration written down.
docs/operations.md lists the keys, and a test compares.
"""

from trio_chat.config.bounds import DAY_SECONDS as DAY_SECONDS
from trio_chat.config.keys import Key as Key
from trio_chat.config.keys import described_keys as described_keys
from trio_chat.config.keys import is_live as is_live
from trio_chat.config.keys import keys as keys
from trio_chat.config.keys import nearest as nearest
from trio_chat.config.keys import value_of as value_of
from trio_chat.config.keys import with_live as with_live
from trio_chat.config.limits import DECOMPOSED as DECOMPOSED
from trio_chat.config.limits import LimitsSection as LimitsSection
from trio_chat.config.limits import TimeoutsSection as TimeoutsSection
from trio_chat.config.sections import DEFAULT_PORT as DEFAULT_PORT
from trio_chat.config.sections import MOTD_CHARACTERS as MOTD_CHARACTERS
from trio_chat.config.sections import AccountsSection as AccountsSection
from trio_chat.config.sections import Config as Config
from trio_chat.config.sections import LogSection as LogSection
from trio_chat.config.sections import RoomsSection as RoomsSection
from trio_chat.config.sections import ServerSection as ServerSection
from trio_chat.config.sections import StoreSection as StoreSection
from trio_chat.config.sources import ENVIRONMENT_PREFIX as ENVIRONMENT_PREFIX
from trio_chat.config.sources import Loaded as Loaded
from trio_chat.config.sources import assigned as assigned
from trio_chat.config.sources import default_file as default_file
from trio_chat.config.sources import found_file as found_file
from trio_chat.config.sources import load as load
from trio_chat.config.sources import load_config as load_config
from trio_chat.config.sources import read_toml as read_toml
