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

"""What the driver of one host asks that of another, before a server moves.

Nova has the target of a move look at its own counts only, and then has the
source let the server go. What the target's platform lacks would be found out
when the server is there. So the source asks. Nova has no call for that; the
question goes with one whose data it only hands on, from driver to driver:
ComputeDriver.check_instance_shared_storage_remote().
"""

from nova.compute import rpcapi
from oslo_log import log as logging
import oslo_messaging

LOG = logging.getLogger(__name__)

# In the data: dict of what would come.
_QUESTION = 'powervm_arrival'


def why_not(context, nodename, instance, flavor, disk_info):
    """Ask a host why a server cannot come to it (1 call, no request here).

    A driver that does not know the question has no objection.

    :param context: nova.context.RequestContext
    :param nodename: str, Nova's name of that host.
    :param instance: nova.objects.Instance
    :param flavor: nova.objects.Flavor that it is to have there.
    :param disk_info: dict, DiskAdapter.get_info() of this host; None if the
        server has no disk of ours.
    :returns: str, why not, or None.
    """
    question = {_QUESTION: {'instance': instance, 'flavor': flavor,
                            'disk_info': disk_info}}
    try:
        answer = rpcapi.ComputeAPI().check_instance_shared_storage(
            context, question, instance=instance, host=nodename)
    except oslo_messaging.MessagingException as exc:
        return '%s does not answer: %s' % (nodename, exc)
    # An older one says whether its storage is the same: no question of ours.
    return answer if isinstance(answer, str) else None


def question(data):
    """What another host has asked with why_not().

    :param data: as Nova has handed it on.
    :returns: dict with 'instance', 'flavor' and 'disk_info'; None if that is
        no question of ours.
    """
    return data.get(_QUESTION) if isinstance(data, dict) else None
