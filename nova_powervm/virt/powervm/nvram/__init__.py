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

"""NVRAM and slot maps, which a server keeps when its LPAR is created again.

NVRAM is the memory of an LPAR's firmware. It contains the boot order, for
example. The slot map has the addresses of the server's devices (see slots).
Both are in a store outside of the host, so they survive the loss of the host:

api
    the interface of a store, and its exceptions
swift
    a store in a container of Swift
worker
    the only thread that writes to the store
manager
    decides when to store, fetch and remove the NVRAM of a server

NVRAM_STORES is the registry: a new store needs one module and one line. With
[powervm] nvram_store = none there is no store, no thread and no request.
"""

from oslo_utils import importutils

from nova_powervm import conf as cfg

CONF = cfg.CONF

_HERE = 'nova_powervm.virt.powervm.nvram.'

#: Value of [powervm] nvram_store -> class path.
NVRAM_STORES = {
    'swift': _HERE + 'swift.SwiftNvramStore',
}


def build_store():
    """Return the store that the configuration names (no request).

    :returns: api.NvramStore, or None.
    :raises nova.exception.InvalidConfiguration: if one of its options or its
        library is missing.
    """
    path = NVRAM_STORES.get(CONF.powervm.nvram_store.lower())
    return path and importutils.import_object(path)
