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

"""Write network adapters only to LPARs that are on the managed system.

A request for an LPAR names its system, see rest.Adapter. A request for a
network adapter cannot, because the path of a child has only two levels. If
somebody has moved the LPAR to another system of the HMC, such a request would
change the adapters there.
"""

import re
import time

_UOM = '/rest/api/uom/'
# A child of an LPAR. Jobs and quick properties name the system, and are none.
_CHILD = re.compile(
    _UOM + 'LogicalPartition/([0-9A-Fa-f-]{36})/(?!do/|quick/)[A-Z]')
_OURS = _UOM + 'ManagedSystem/%s/LogicalPartition'
_UUID_OF_LPAR = re.compile('<PartitionUUID[^>]*>([^<]*)')


class LparsHere:
    """Knows which LPARs the system of a session has just been seen to have.

    :param clock: returns seconds; for tests.
    """

    #: Seconds for which it counts that the system had an LPAR.
    MAX_AGE = 10

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        # UUID of an LPAR, in upper case -> when the system had it.
        self._seen = {}

    def check(self, session, method, path):
        """Read the state of an LPAR before a child of it is written.

        Sends 1 request, unless the LPAR has just been read.

        :param session: rest.Session; with a NovaLink nothing is checked.
        :param method: str, of the request that is to be sent.
        :param path: str
        :raises pypowervm.exceptions.HttpNotFound: if the system does not have
            the LPAR.
        :raises pypowervm.exceptions.Error: if the HMC does not answer.
        """
        if method == 'GET' or not _is_scoped(session):
            return
        # Whatever is done to the LPAR itself may end its being here.
        self._seen.pop(_lpar_of(session, path), None)
        child = _CHILD.match(path)
        if child is None:
            return
        uuid = child.group(1)
        if self._clock() - self._seen.get(
                uuid.upper(), -self.MAX_AGE) >= self.MAX_AGE:
            session.request('GET', '%s/%s/quick/PartitionState' % (
                _OURS % session.system.uuid, uuid))

    def note(self, session, method, path, answer):
        """Note what an answer tells of an LPAR of the system.

        :param session: rest.Session
        :param method: str
        :param path: str
        :param answer: pypowervm Response
        """
        uuid = _is_scoped(session) and _lpar_of(session, path)
        if method == 'PUT' and uuid == '':
            made = _UUID_OF_LPAR.search(answer.body or '')
            uuid = made and made.group(1).upper()
        elif method != 'GET':
            return
        if uuid:
            self._seen[uuid] = self._clock()

    def note_failure(self, session, path):
        """Note that a request has failed: an LPAR may have left the system.

        :param session: rest.Session
        :param path: str
        """
        if _is_scoped(session):
            self._seen.pop(_lpar_of(session, path), None)


def _is_scoped(session):
    return session.system is not None and session.mc_type == 'HMC'


def _lpar_of(session, path):
    """The UUID of the LPAR that a path below the system is for.

    :returns: str; '' if it is for all; None if the path is another one.
    """
    below = path.partition('?')[0].split(_OURS % session.system.uuid)
    if below[0] or len(below) < 2:
        return None
    return below[1].strip('/').split('/')[0].upper()
