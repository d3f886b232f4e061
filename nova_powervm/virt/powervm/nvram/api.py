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

"""The interface of a store for NVRAM and slot maps, and its exceptions."""

import abc

from nova import exception as nova_exc


class NVRAMException(nova_exc.NovaException):
    """The store has failed."""


class NVRAMUploadException(NVRAMException):
    msg_fmt = '%(what)s of %(instance)s cannot be stored: %(reason)s'


class NVRAMDownloadException(NVRAMException):
    msg_fmt = '%(what)s of %(instance)s cannot be fetched: %(reason)s'


class NVRAMDeleteException(NVRAMException):
    msg_fmt = '%(what)s of %(instance)s cannot be deleted: %(reason)s'


class NVRAMConfigOptionNotSet(nova_exc.InvalidConfiguration):
    msg_fmt = ('The option [powervm] %(option)s is required if nvram_store '
               'is %(store)s.')


class NvramStore(abc.ABC):
    """Store NVRAM and slot maps under the UUIDs of servers.

    Any thread may call a method. A method may take as long as the store needs,
    but must not retry for minutes.
    """

    @abc.abstractmethod
    def store(self, instance_uuid, data, force=True):
        """Store the NVRAM of a server, and replace the old NVRAM.

        :param data: str in base64, as on the platform.
        :param force: whether to write it even if the store has the same data.
        :raises NVRAMUploadException: if this fails.
        """

    @abc.abstractmethod
    def fetch(self, instance_uuid):
        """Return the NVRAM of a server, str, or None if there is none.

        :raises NVRAMDownloadException: if the store does not answer.
        """

    @abc.abstractmethod
    def delete(self, instance_uuid):
        """Delete the NVRAM of a server, if there is any.

        :raises NVRAMDeleteException: if this fails.
        """

    @abc.abstractmethod
    def store_slot_map(self, key, data):
        """Store a slot map, and replace the old one.

        :param key: str, pypowervm's key for a server.
        :param data: bytes
        :raises NVRAMUploadException: if this fails.
        """

    @abc.abstractmethod
    def fetch_slot_map(self, key):
        """Return a slot map, bytes, or None if there is none.

        :raises NVRAMDownloadException: if the store does not answer.
        """

    @abc.abstractmethod
    def delete_slot_map(self, key):
        """Delete a slot map, if there is one.

        :raises NVRAMDeleteException: if this fails.
        """

    def close(self):
        """Close the connections. The store is not used after this."""
