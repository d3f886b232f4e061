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

"""What a server takes along when its LPAR is made anew: NVRAM and slot map.

NVRAM is the memory of an LPAR's firmware, such as the order in which it looks
for a disk to boot from. The slot map tells where the server finds its devices
(see slot.py). Both are kept outside of the host, in a store, so that they
survive it:

api
    the interface of a store, and what goes wrong with one
swift
    the store that is a container of Swift
worker
    the one thread that writes to the store
manager
    when the NVRAM of a server is stored, fetched and removed

NVRAM_STORES is the registry: a store takes one module and one line here. With
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
    """Make the store that the configuration names (no request).

    :returns: api.NvramStore, or None.
    :raises nova.exception.InvalidConfiguration: if its options, or the
        library that it needs, are missing.
    """
    path = NVRAM_STORES.get(CONF.powervm.nvram_store.lower())
    return path and importutils.import_object(path)
