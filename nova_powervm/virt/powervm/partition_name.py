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

"""Choose the names of the LPARs of servers.

An LPAR gets Nova's internal name of the server ([DEFAULT]
instance_name_template), as with nova-powervm 9.0.0, under two conditions: Nova
builds this name from the number of the server in its database, as it does by
default, and the platform accepts the name unchanged. Then no other server has
it.

Another name, such as the name that the user gave the server, may also belong
to another server. Two names may also become equal when they are cut or when
characters are replaced. So the driver takes the beginning of such a name and
appends the end of the server's UUID:

    <up to 17 characters>-<13 characters, 64 bits of the UUID in base 32>

An existing LPAR keeps its name. The driver finds an LPAR by its UUID, not by
its name.
"""

import base64
import uuid

from pypowervm import util as pvm_util

from nova_powervm import conf as cfg

CONF = cfg.CONF

_MAX_LENGTH = 31
_TOKEN_LENGTH = 13


def choose(instance):
    """Choose the name of a new LPAR of an instance.

    :param instance: nova.objects.Instance
    :returns: str, valid on the platform; no other instance has it.
    """
    name = instance.name
    if _is_numbered() and name.strip() and _valid(name) == name:
        return name
    return choose_other(instance)


def choose_other(instance):
    """Choose a name that no other LPAR has.

    :param instance: nova.objects.Instance
    :returns: str
    """
    token = base64.b32encode(uuid.UUID(instance.uuid).bytes[-8:]).decode()
    prefix = _valid(instance.name)[:_MAX_LENGTH - _TOKEN_LENGTH - 1].strip()
    return '%s-%s' % (prefix or 'server', token[:_TOKEN_LENGTH].lower())


def _is_numbered():
    """Return whether Nova builds names from the numbers of servers.

    Instance.name tries this first. If it fails, Nova fills attributes of the
    server into the template.
    """
    try:
        return (CONF.instance_name_template % 1 !=
                CONF.instance_name_template % 2)
    except (TypeError, ValueError):
        return False


def _valid(name):
    """Return a name as the platform accepts it, str; '' if nothing is left."""
    return name and pvm_util.sanitize_partition_name_for_api(name).strip()
