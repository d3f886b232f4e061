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

"""What the LPARs of servers are called on the platform.

An LPAR has the name that Nova gives the server inside ([DEFAULT]
instance_name_template), as with nova-powervm 9.0.0, if that can do: it is made
of the number of the server in Nova's database, as by default, and the platform
takes it as it is. Then no other server has it.

A name that is made of something else, such as what the user calls the server,
may be that of another server too, or become so when it is cut or characters
are replaced. So its beginning is followed by the end of the server's UUID:

    <up to 17 characters>-<13 characters, 64 bits of the UUID in base 32>

An LPAR that exists keeps its name. It is found by its UUID, not by its name.
"""

import base64
import uuid

from pypowervm import util as pvm_util

from nova_powervm import conf as cfg

CONF = cfg.CONF

_MAX_LENGTH = 31
_TOKEN_LENGTH = 13


def choose(instance):
    """Choose the name of the LPAR of an instance that is to be made.

    :param instance: nova.objects.Instance
    :returns: str, valid on the platform and that of no other instance.
    """
    name = instance.name
    if _is_numbered() and name.strip() and _valid(name) == name:
        return name
    return choose_other(instance)


def choose_other(instance):
    """Choose a name that no LPAR of anybody has.

    :param instance: nova.objects.Instance
    :returns: str
    """
    token = base64.b32encode(uuid.UUID(instance.uuid).bytes[-8:]).decode()
    prefix = _valid(instance.name)[:_MAX_LENGTH - _TOKEN_LENGTH - 1].strip()
    return '%s-%s' % (prefix or 'server', token[:_TOKEN_LENGTH].lower())


def _is_numbered():
    """Whether Nova makes names of the numbers of servers, see Instance.name.

    It tries that first, and takes other templates for those of attributes.
    """
    try:
        return (CONF.instance_name_template % 1 !=
                CONF.instance_name_template % 2)
    except (TypeError, ValueError):
        return False


def _valid(name):
    """A name as the platform takes it, str; empty if there is none."""
    return name and pvm_util.sanitize_partition_name_for_api(name).strip()
