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

"""Which system a host has, and which HMC manages it, as Nova has stored it.

A host cannot ask another one that is down, and an HMC may show it one system
only. So Nova stores both with each host, see module kept.
"""

import typing

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm import kept

LOG = logging.getLogger(__name__)

_SYSTEM_KEY = 'powervm_system'
_HMC_KEY = 'powervm_hmc'
#: HTTP statuses of what the user of an HMC may not see.
_REFUSALS = (403, 404)


class Hmc(typing.NamedTuple):
    """An HMC; all UUIDs are in lower case.

    :ivar uuid: str, its UUID; '' if its user may not see that.
    :ivar system_uuids: frozenset of str, UUIDs of the systems that it manages.
    """

    uuid: str
    system_uuids: frozenset[str]


def read_hmc(host):
    """Read which HMC the session is with (1 request).

    :param host: the owner of the REST connection (host.Host).
    :returns: Hmc
    :raises pypowervm.exceptions.Error: if the HMC does not answer.
    """
    try:
        console = host.management_console(log_errors=False)
    except pvm_exc.HttpError as exc:
        if exc.response.status not in _REFUSALS:
            raise
        LOG.warning('The HMC does not let its user see which HMC it is, so '
                    'nova-compute may take it for another one: %s', exc)
        return Hmc('', frozenset())
    return Hmc(console.uuid.lower(), frozenset(
        href.rsplit('/', 1)[-1].lower()
        for href in console.get_href('ManagedSystems/link')))


class Identity(typing.NamedTuple):
    """UUIDs of what a host has, in lower case.

    :ivar system: str, of its managed system; '' if it is not known.
    :ivar hmc: str, of the HMC that it uses; '' if it is not known, or if a
        NovaLink manages the system.
    """

    system: str
    hmc: str


def to_keep(host):
    """Return what Nova stores with a host.

    Sends 1 request to an HMC, once, or each minute if it tells of no events.
    It never raises: without an answer of the HMC, it leaves out its UUID.

    :param host: the owner of the REST connection (host.Host), connected.
    :returns: dict of str
    """
    found = {_SYSTEM_KEY: host.system_uuid.lower()}
    if host.is_hmc:
        try:
            found[_HMC_KEY] = host.hmc.uuid
        except pvm_exc.Error as exc:
            LOG.warning('The HMC does not tell which one it is: %s', exc)
    return found


def stored(nodename):
    """Return what Nova has stored with a host (no request, 1 DB call).

    :param nodename: str, Nova's name of the host.
    :returns: Identity
    """
    found = kept.find(nodename)
    return Identity(found.get(_SYSTEM_KEY, ''), found.get(_HMC_KEY, ''))
