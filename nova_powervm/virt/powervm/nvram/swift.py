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

"""The store in a container of Swift.

The NVRAM of a server is an object with the server's UUID as its name. Its slot
map is an object with the name <UUID>_slot_map. The driver creates the
container if it does not exist. It talks to Swift with python-swiftclient, an
optional requirement. Only this module imports it, if the configuration chooses
this store.
"""

import contextlib
import hashlib
import io
import threading

from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import identity
from keystoneauth1 import session as ks_session
from nova import exception as nova_exc
from oslo_log import log as logging

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.nvram import api

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

#: Seconds until Keystone or Swift must have answered.
TIMEOUT = 20

_NVRAM = 'NVRAM'
_SLOT_MAP = 'The slot map'
_NOT_FOUND = 404


class SwiftNvramStore(api.NvramStore):
    """Talk to Swift through one connection, one request at a time.

    The first request logs on.

    :raises nova.exception.InvalidConfiguration: if python-swiftclient, or an
        option, is missing.
    """

    def __init__(self):
        self._client = _import_client()
        self._container = CONF.powervm.swift_container
        self._errors = (self._client.ClientException, ks_exc.ClientException,
                        OSError)
        self._connection = self._connect()
        self._lock = threading.Lock()

    def _connect(self):
        options = CONF.powervm
        for name in ('swift_auth_url', 'swift_password'):
            if not options[name]:
                raise api.NVRAMConfigOptionNotSet(option=name, store='swift')
        session = ks_session.Session(
            auth=_auth(options), verify=options.swift_cacert or True,
            timeout=TIMEOUT)
        where = ({'endpoint_type': options.swift_endpoint_type}
                 if options.swift_endpoint_type else {})
        # One retry is for an expired token.
        return self._client.Connection(
            session=session, os_options=where, retries=1, timeout=TIMEOUT,
            cacert=options.swift_cacert, starting_backoff=0.25,
            retry_on_ratelimit=False)

    def close(self):
        # Without the lock, because a running request may take long.
        self._connection.close()

    # ---- the interface -------------------------------------------------

    def store(self, instance_uuid, data, force=True):
        content = data.encode()
        if not force and self._has(instance_uuid, content):
            return
        with self._failing_with(api.NVRAMUploadException, _NVRAM,
                                instance_uuid):
            self._put(instance_uuid, content)

    def fetch(self, instance_uuid):
        with self._failing_with(api.NVRAMDownloadException, _NVRAM,
                                instance_uuid):
            content = self._get(instance_uuid)
            return content and content.decode()

    def delete(self, instance_uuid):
        with self._failing_with(api.NVRAMDeleteException, _NVRAM,
                                instance_uuid):
            self._delete(instance_uuid)

    def store_slot_map(self, key, data):
        with self._failing_with(api.NVRAMUploadException, _SLOT_MAP, key):
            self._put(key, data)

    def fetch_slot_map(self, key):
        with self._failing_with(api.NVRAMDownloadException, _SLOT_MAP, key):
            return self._get(key)

    def delete_slot_map(self, key):
        with self._failing_with(api.NVRAMDeleteException, _SLOT_MAP, key):
            self._delete(key)

    # ---- Swift ---------------------------------------------------------

    @contextlib.contextmanager
    def _failing_with(self, failure, what, name):
        """Allow one request at a time; name the object in a failure."""
        with self._lock:
            try:
                yield
            except (*self._errors, ValueError) as exc:
                raise failure(what=what, instance=name,
                              reason=str(exc)) from exc

    def _put(self, name, content):
        """Write an object; create the container if it does not exist."""
        try:
            self._put_object(name, content)
        except self._client.ClientException as exc:
            if exc.http_status != _NOT_FOUND:
                raise
            LOG.info('Creating the container %s in Swift.', self._container)
            self._connection.put_container(self._container)
            self._put_object(name, content)

    def _put_object(self, name, content):
        # With bytes, swiftclient would not retry with a new token.
        self._connection.put_object(self._container, name,
                                    io.BytesIO(content))

    def _get(self, name):
        try:
            return self._connection.get_object(self._container, name)[1]
        except self._client.ClientException as exc:
            if exc.http_status != _NOT_FOUND:
                raise
            return None

    def _delete(self, name):
        try:
            self._connection.delete_object(self._container, name)
        except self._client.ClientException as exc:
            if exc.http_status != _NOT_FOUND:
                raise

    def _has(self, name, content):
        """Return whether Swift already has this content."""
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        with self._lock:
            try:
                found = self._connection.head_object(self._container, name)
            except self._errors:
                # If more than the object is missing, the write will fail.
                return False
        return found.get('etag', '').strip('"') == md5


def _import_client():
    try:
        from swiftclient import client
    except ImportError as exc:
        raise nova_exc.InvalidConfiguration(
            '[powervm] nvram_store = swift needs the Python package '
            'python-swiftclient, which cannot be imported (%s). Install '
            'nova-powervm[swift], or choose nvram_store = none.' % exc
        ) from exc
    return client


def _auth(options):
    """Return the keystoneauth1 plug-in for the options."""
    version = options.swift_auth_version.lstrip('v').split('.')[0]
    if version == '3':
        return identity.V3Password(
            auth_url=options.swift_auth_url,
            username=options.swift_username,
            password=options.swift_password,
            user_domain_name=options.swift_user_domain_name,
            project_name=options.swift_project_name,
            project_domain_name=options.swift_project_domain_name)
    if version == '2':
        return identity.V2Password(
            auth_url=options.swift_auth_url,
            username=options.swift_username,
            password=options.swift_password,
            tenant_name=options.swift_project_name)
    raise exception.InvalidOption(
        option='swift_auth_version', value=options.swift_auth_version,
        reason='it must be 3 or 2')
