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

"""Run the flow of a server, and translate errors of the platform."""

import contextlib

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.tasks import base as tf_base

LOG = logging.getLogger(__name__)


def log_operation(operation, instance):
    """Log that an operation on a server begins.

    :param operation: str, its name.
    :param instance: nova.objects.Instance
    """
    LOG.info('Operation %(op)s on %(name)s.',
             {'op': operation, 'name': instance.name}, instance=instance)


def run(flow, instance):
    """Run a flow of a server; see tasks.base.run().

    :param flow: taskflow flow; it can be run once.
    :param instance: nova.objects.Instance
    :returns: dict of everything that the tasks provided, by name.
    :raises PowerVMAPIFailed: with the message of the platform, if the platform
        caused the failure.
    """
    with platform_errors(instance):
        return tf_base.run(flow, instance=instance)


@contextlib.contextmanager
def platform_errors(instance):
    """Translate errors of pypowervm into PowerVMAPIFailed.

    :param instance: nova.objects.Instance whose name the error contains.
    :raises PowerVMAPIFailed: with the message of the platform.
    """
    try:
        yield
    except pvm_exc.Error as exc:
        raise exception.PowerVMAPIFailed(inst_name=instance.name,
                                         reason=str(exc)) from exc
