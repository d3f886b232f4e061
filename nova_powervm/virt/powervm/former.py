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

"""The partition ids that servers had: they outlive LPARs on VIOSes.

The mapping of a Fibre Channel adapter does not tell whose it was once its
LPAR is gone, but for the id. So the id is kept in the server's
system_metadata. Ids are used again: that of a mapping without LPAR counts
only as long as no LPAR has it.
"""

_KEY = 'powervm_lpar_id'


def keep_id(instance, lpar_id):
    """Have Nova keep the partition id of a server.

    :param lpar_id: int
    """
    if kept_id(instance) != lpar_id:
        instance.system_metadata[_KEY] = str(lpar_id)
        instance.save()


def kept_id(instance):
    """The partition id that a server had last: int, or None."""
    kept = instance.system_metadata.get(_KEY)
    return None if kept is None else int(kept)
