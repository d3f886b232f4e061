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


class BrokenUploads:
    """Removes descriptors of uploads that an earlier process has begun.

    :param host: the owner of the REST connection (host.Host), connected.
    """

    def __init__(self, host):
        self._host = host
        self._left = []

    def find(self, snapshot):
        """Find the descriptors for VIOSes of this host (1 request).

        It must not run while the driver uploads something.

        :param snapshot: platform_snapshot.PlatformSnapshot
        :raises pypowervm.exceptions.Error: if the platform refuses.
        """
        found = self._host.upload_files()
        here = {vios_w.uuid.lower() for vios_w in snapshot.vioses
                } if found else ()
        self._left = [
            file_w for file_w in found
            if (file_w.vios_uuid or '').lower() in here and
            _is_ours(file_w.file_name or '')]

    def remove(self):
        """Remove what find() has found (1 request for each).

        What cannot be removed is left for the next call.

        :raises pypowervm.exceptions.Error: if the platform refuses.
        """
        for file_w in list(self._left):
            LOG.info('Removing the descriptor of a broken upload of %s.',
                     file_w.file_name)
            deletion.upload(self._host.adapter, file_w,
                            deletion.upload_proof(file_w.file_name))
            self._left.remove(file_w)


def _is_ours(name):
    return (powervm_names.is_config_drive_name(name) or
            powervm_names.is_group_image(name) or
            powervm_names.is_pool_image(name))
