#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""The SSH keys that NovaLinks log on to one another with.

The NovaLink of the source logs on to that of the target as user wlp (source:
pypowervm's tasks.migration and tasks.management_console). Within one HMC
nobody logs on.
"""

import threading

from oslo_log import log as logging
from pypowervm.utils import transaction as pvm_tx

LOG = logging.getLogger(__name__)


class Keys:
    """The keys of one NovaLink: its own, and those that may log on.

    :param host: the owner of the REST connection (host.Host).
    """

    def __init__(self, host):
        self._host = host
        self._lock = threading.Lock()
        self._own = None
        self._authorized = set()

    def own(self):
        """Return the public key of this NovaLink (1 request, once).

        :returns: str; None behind an HMC.
        :raises pypowervm.exceptions.Error: if it cannot be read.
        """
        if self._host.is_hmc:
            return None
        with self._lock:
            if self._own is None:
                self._own = self._host.management_console().ssh_public_key
            return self._own

    def authorize(self, key):
        """Let another NovaLink log on to this one (0-2 requests).

        A key that was authorized stays so: it may be in use by a migration.

        :param key: str, its public key; None if it needs none.
        :raises pypowervm.exceptions.Error: if it cannot be added.
        """
        if key is None:
            return
        with self._lock:
            if key in self._authorized:
                return
            _add(self._host.management_console(), key)
            self._authorized.add(key)

    def forget(self):
        """Forget which keys are authorized: somebody may have removed one."""
        with self._lock:
            self._authorized.clear()


@pvm_tx.entry_transaction
def _add(console, key):
    keys = console.ssh_authorized_keys
    # What comes behind the key itself is a comment.
    if key.split()[:2] not in [known.split()[:2] for known in keys]:
        LOG.info('Authorizing the key of another NovaLink: %s', key)
        console.ssh_authorized_keys = [*keys, key]
        console.update()
