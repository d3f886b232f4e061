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

"""Ask the driver of another host, before a server moves there, or back.

Before a move, Nova checks only its own records of the target. Then the source
releases the server. If the target's platform cannot take the server, this
would show only afterwards. So the driver of the source asks the driver of the
target. Nova has no call for this question. It goes with the data of
ComputeDriver.check_instance_shared_storage_remote(), which Nova passes from
driver to driver without reading it.
"""

from nova.compute import rpcapi
from oslo_log import log as logging
import oslo_messaging

LOG = logging.getLogger(__name__)

# Key of the question in the data: dict that describes the server.
_QUESTION = 'powervm_arrival'
# Likewise: UUID of a server, whether it has an LPAR there.
_PRESENCE = 'powervm_presence'
_PRESENT, _ABSENT, _ON = 'present', 'absent', 'on'


def why_not(context, nodename, instance, flavor, disk_info):
    """Ask a host whether it can take a server (1 call, no request here).

    An older driver does not know the question; it has no objection.

    :param context: nova.context.RequestContext
    :param nodename: str, Nova's name of that host.
    :param instance: nova.objects.Instance
    :param flavor: nova.objects.Flavor that the server gets there.
    :param disk_info: dict, DiskAdapter.get_info() of this host; None if the
        server has no disk of ours.
    :returns: str, why it cannot; None if it can.
    """
    question = {_QUESTION: {'instance': instance, 'flavor': flavor,
                            'disk_info': disk_info}}
    try:
        answer = rpcapi.ComputeAPI().check_instance_shared_storage(
            context, question, instance=instance, host=nodename)
    except oslo_messaging.MessagingException as exc:
        return '%s does not answer: %s' % (nodename, exc)
    # An older driver answers whether it has the same storage: a bool.
    return answer if isinstance(answer, str) else None


def question(data):
    """Return what another host has asked with why_not().

    :param data: as Nova has passed it on.
    :returns: dict with 'instance', 'flavor' and 'disk_info'; None if data is
        not a question of this driver.
    """
    return data.get(_QUESTION) if isinstance(data, dict) else None


def is_surely_absent(context, nodename, instance):
    """Ask a host whether a server certainly has no LPAR there (1 call).

    :param context: nova.context.RequestContext
    :param nodename: str, Nova's name of that host.
    :param instance: nova.objects.Instance
    :returns: bool; False also if the host does not answer.
    """
    return _presence(context, nodename, instance) == _ABSENT


def is_on(context, nodename, instance):
    """Ask a host whether a server has an LPAR there that is on (1 call).

    An LPAR that a move has left there is off.

    :param context: nova.context.RequestContext
    :param nodename: str, Nova's name of that host.
    :param instance: nova.objects.Instance
    :returns: bool; False also if the host does not answer, or if its driver is
        too old to tell.
    """
    return _presence(context, nodename, instance) == _ON


def _presence(context, nodename, instance):
    """Return what presence() has made on a host; None without an answer."""
    try:
        return rpcapi.ComputeAPI().check_instance_shared_storage(
            context, {_PRESENCE: {'instance': instance}}, instance=instance,
            host=nodename)
    except Exception as exc:
        LOG.warning('Host %(host)s does not tell whether it has the server: '
                    '%(exc)s', {'host': nodename, 'exc': exc},
                    instance=instance)
        return None


def sought(data):
    """Return which server another host asks for.

    It asks with is_surely_absent(), or with is_on().

    :param data: as Nova has passed it on.
    :returns: nova.objects.Instance; None if data is not such a question.
    """
    found = data.get(_PRESENCE) if isinstance(data, dict) else None
    return found and found['instance']


def presence(is_gone, is_off):
    """Make the answer to is_surely_absent() and is_on().

    :param is_gone: bool, whether there certainly is no LPAR.
    :param is_off: bool, whether there is one that is off; else None or False.
    """
    return _ABSENT if is_gone else _PRESENT if is_off else _ON
