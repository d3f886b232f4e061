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

"""A store of NVRAM and slot maps in memory."""

from nova_powervm.virt.powervm.nvram import api


class MemoryStore(api.NvramStore):
    """Keeps all in a dict.

    :ivar content: dict of key -> what was stored.
    :ivar calls: list of the names of the methods that were called.
    :ivar broken: whether all fail.
    """

    def __init__(self):
        self.content = {}
        self.calls = []
        self.broken = False

    def _begin(self, name, failure, key):
        self.calls.append(name)
        if self.broken:
            raise failure(what='It', instance=key, reason='it is down')

    def store(self, instance_uuid, data, force=True):
        self._begin('store', api.NVRAMUploadException, instance_uuid)
        self.content[instance_uuid] = data

    def fetch(self, instance_uuid):
        self._begin('fetch', api.NVRAMDownloadException, instance_uuid)
        return self.content.get(instance_uuid)

    def delete(self, instance_uuid):
        self._begin('delete', api.NVRAMDeleteException, instance_uuid)
        self.content.pop(instance_uuid, None)

    def store_slot_map(self, key, data):
        self._begin('store_slot_map', api.NVRAMUploadException, key)
        self.content[key] = data

    def fetch_slot_map(self, key):
        self._begin('fetch_slot_map', api.NVRAMDownloadException, key)
        return self.content.get(key)

    def delete_slot_map(self, key):
        self._begin('delete_slot_map', api.NVRAMDeleteException, key)
        self.content.pop(key, None)
