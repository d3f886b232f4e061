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

"""Where the LPAR of a server is while it migrates, and afterwards.

That decides how a live migration has ended, not the status of the job: a job
may be lost, or fail after the LPAR has moved.
"""

import enum

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import base_partition as pvm_bp

from nova_powervm.virt.powervm import peers
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)

#: The only value of an LPAR's migration state that is known for certain
#: (source: the captures of pypowervm).
NOT_MIGRATING = 'Not_Migrating'
_MIGRATING = (pvm_bp.LPARState.MIGRATING_RUNNING,
              pvm_bp.LPARState.MIGRATING_NOT_ACTIVE)


class Location(enum.Enum):
    """Where an LPAR is, as its source tells.

    GONE: it has moved; HERE: it has not, and does not; MOVING: neither;
    UNSEEN: the platform does not tell.
    """

    GONE = 'gone'
    HERE = 'here'
    MOVING = 'moving'
    UNSEEN = 'unseen'


class Outcome(enum.Enum):
    """How a migration has ended.

    MOVED: the LPAR is on the target; STAYED: it is on the source; UNKNOWN: the
    platform does not tell; LOST: it is on neither.
    """

    MOVED = 'moved'
    STAYED = 'stayed'
    UNKNOWN = 'unknown'
    LOST = 'lost'


def is_migrating(lpar_w):
    """Whether an LPAR is being migrated, by its wrapper."""
    return (lpar_w.migration_state != NOT_MIGRATING or
            lpar_w.state in _MIGRATING)


def look(host, instance, note=lambda lpar_w: None):
    """Look where the LPAR of an instance is (1 request, or 2). Never raises.

    One answer that there is none may be wrong: the list of all LPARs counts.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :param note: called with the LPAR wrapper, if there is one.
    :returns: Location
    """
    try:
        lpar_w = vm.get_instance_wrapper(host, instance)
        note(lpar_w)
        return Location.MOVING if is_migrating(lpar_w) else Location.HERE
    except nova_exc.InstanceNotFound:
        return _is_gone(host, instance)
    except pvm_exc.Error as exc:
        LOG.warning('The LPAR cannot be looked at: %s', exc,
                    instance=instance)
        return Location.UNSEEN


def confirm(context, instance, dest, end):
    """Ask the target whether an LPAR that has left the source is there.

    An operator may have moved it to a third host, or deleted it. It sends no
    request, and calls the target once. If the target does not answer, the LPAR
    is taken to be there.

    :param context: nova.context.RequestContext
    :param instance: nova.objects.Instance
    :param dest: str, Nova's name of the target.
    :param end: Outcome, as the source sees it.
    :returns: Outcome
    """
    if end is Outcome.MOVED and peers.is_surely_absent(context, dest,
                                                       instance):
        return Outcome.LOST
    return end


def _is_gone(host, instance):
    try:
        return (Location.GONE if vm.is_gone(host, instance)
                else Location.MOVING)
    except pvm_exc.Error as exc:
        LOG.warning('Whether there is an LPAR is not known: %s', exc,
                    instance=instance)
        return Location.UNSEEN
