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

"""Remove descriptors of uploads from a process that has ended."""

from oslo_log import log as logging

from nova_powervm.virt.powervm import names as powervm_names
from nova_powervm.virt.powervm.storage import deletion

LOG = logging.getLogger(__name__)


def remove(host, snapshot):
    """Remove descriptors for VIOSes of this host (1 request, and 1 for each).

    It must not run while the driver uploads something.

    :param host: the owner of the REST connection (host.Host), connected.
    :param snapshot: platform_snapshot.PlatformSnapshot
    :raises pypowervm.exceptions.Error: if the platform refuses.
    """
    left = host.upload_files()
    here = {vios_w.uuid.lower() for vios_w in snapshot.vioses} if left else ()
    for file_w in left:
        name = file_w.file_name or ''
        if ((file_w.vios_uuid or '').lower() in here and
                (powervm_names.is_config_drive_name(name) or
                 powervm_names.is_group_image(name) or
                 powervm_names.is_pool_image(name))):
            LOG.info('Removing the descriptor of a broken upload of %s.',
                     name)
            deletion.upload(host.adapter, file_w, deletion.upload_proof(name))
