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

"""Decide when to store, fetch and remove the NVRAM of a server."""

import functools

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import const as pvm_const

from nova_powervm.virt.powervm import nova_instances
from nova_powervm.virt.powervm.nvram import api
from nova_powervm.virt.powervm.nvram import worker
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class NvramManager:
    """Keep the NVRAM of the servers of one host in a store.

    No method raises an exception: a server can run, and can be created again,
    without its NVRAM.

    :param host: the Host.
    :param store_api: api.NvramStore
    :ivar worker: worker.Worker that writes to the store.
    """

    def __init__(self, host, store_api):
        self._host = host
        self.store_api = store_api
        self.worker = worker.Worker()

    def shutdown(self):
        """Finish queued work, end the thread, and close the connections."""
        self.worker.shutdown()
        self.store_api.close()

    def store_all(self):
        """Store the NVRAM of all servers on this host, in the background.

        It may have changed while nova-compute did not run.
        """
        self.worker.submit('start', self._store_all)

    def _store_all(self):
        for instance in nova_instances.get_instances(self._host):
            if instance.host == self._host.nodename and not instance.deleted:
                self.store(instance)

    def store_changed(self, lpar_uuid):
        """Store the NVRAM of an LPAR, in the background.

        :param lpar_uuid: the LPAR's UUID; the LPAR need not be Nova's.
        """
        self.worker.submit(('nvram', lpar_uuid.upper()), functools.partial(
            self._store_changed, lpar_uuid))

    def _store_changed(self, lpar_uuid):
        instance = nova_instances.find_instance(lpar_uuid, self._host.nodename)
        if instance is not None:
            self._read_and_store(instance)

    def store(self, instance, immediate=False):
        """Store the NVRAM of a server.

        :param immediate: whether to store it now, not in the background.
        """
        store = functools.partial(self._read_and_store, instance)
        if immediate:
            try:
                store()
                return
            except Exception as exc:
                LOG.warning('%s', exc, instance=instance)
        self.worker.submit(self._key(instance), store)

    def _read_and_store(self, instance):
        """Read the NVRAM (1 request) and store it if it has changed."""
        try:
            nvram = vm.get_instance_wrapper(
                self._host, instance, [pvm_const.XAG.NVRAM]).nvram
        except nova_exc.InstanceNotFound:
            LOG.debug('The LPAR and its NVRAM are gone.',
                      instance=instance)
            return
        if nvram:
            self.store_api.store(instance.uuid, nvram, force=False)

    def fetch(self, instance):
        """Return the stored NVRAM of a server, str, or None."""
        try:
            nvram = self.store_api.fetch(instance.uuid)
        except Exception as exc:
            LOG.warning('The server starts with empty NVRAM: %s', exc,
                        exc_info=not isinstance(exc, api.NVRAMException),
                        instance=instance)
            return None
        if nvram is None:
            LOG.info('The store has no NVRAM of the server.',
                     instance=instance)
        return nvram

    def remove(self, instance):
        """Remove the NVRAM of a server from the store, in the background."""
        self.worker.submit(self._key(instance), functools.partial(
            self.store_api.delete, instance.uuid))

    @staticmethod
    def _key(instance):
        return 'nvram', vm.get_lpar_uuid(instance)
