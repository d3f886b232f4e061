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


"""Logical ports that vNICs have left in VIOSes.

When a vNIC is deleted, the platform should free its logical ports. A port that
it does not free takes a virtual function for ever. This module removes a
logical port only if three things are true:

* it was made for a vNIC: the platform reports this as its usage;
* the vNIC was ours: the driver has seen the port there, or has a record of its
  MAC address;
* no vNIC of the host has it now.
"""

import collections
import functools
import typing

from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc
from pypowervm import util as pvm_util
from pypowervm.wrappers import iocard as pvm_card

from nova_powervm.virt.powervm import utils
from nova_powervm.virt.powervm.vif import driver

LOG = logging.getLogger(__name__)


class Proof(typing.NamedTuple):
    """Why logical ports may be removed.

    :ivar why: str, for the log
    :ivar owns: called with a pypowervm wrapper of a logical port; tells
        whether it was of a vNIC of ours
    """

    why: str
    owns: typing.Callable


def clean(host, proofs):
    """Remove logical ports that no vNIC has.

    1 request for each VIOS; if a proof covers any of its logical ports, also
    those of find_in_use(). Failures are logged.

    :param proofs: dict of UUID of a VIOS -> Proof; what it does not cover
        stays.
    :returns: set of the UUIDs of those VIOSes where nothing has failed.
    """
    found, cleaned = {}, set()
    for vios_uuid in sorted(proofs):
        _try_to_clean(vios_uuid, lambda uuid=vios_uuid: found.update({
            uuid: read(host, uuid)}))
    # In this order: a vNIC whose logical port was found is being made, or can
    # be found now.
    being_made = host.sriov.being_made()
    in_use = functools.cache(lambda: find_in_use(host))
    for vios_uuid, theirs in found.items():
        if _try_to_clean(vios_uuid, lambda: _remove(
                host, [logical_w for logical_w in theirs
                       if is_of_vnic(logical_w) and
                       logical_w.mac not in being_made],
                proofs[vios_uuid], in_use)):
            cleaned.add(vios_uuid)
    if in_use.cache_info().currsize:
        _tell_of_others(found, proofs, being_made, in_use())
    return cleaned


def _tell_of_others(found, proofs, being_made, in_use):
    """Log which logical ports stay, although no vNIC has them."""
    for vios_uuid, theirs in found.items():
        for logical_w in theirs:
            if (is_of_vnic(logical_w) and logical_w.mac not in being_made and
                    not proofs[vios_uuid].owns(logical_w) and
                    logical_w.uuid.upper() not in in_use):
                LOG.warning('No vNIC has the logical port %(port)s with the '
                            'MAC address %(mac)s, but nothing proves that it '
                            'was of a server of Nova. Delete it if you do not '
                            'need it.', {'port': logical_w.loc_code,
                                         'mac': logical_w.mac})


def _try_to_clean(vios_uuid, func):
    return utils.try_to('remove what vNICs have left on VIOS %s' % vios_uuid,
                        func)


def _remove(host, found, proof, in_use):
    for logical_w in found:
        if (proof.owns(logical_w) and
                logical_w.uuid.upper() not in in_use()):
            LOG.warning('Removing the logical port %(port)s, which a vNIC '
                        '%(mac)s has left: %(why)s.',
                        {'port': logical_w.loc_code, 'mac': logical_w.mac,
                         'why': proof.why})
            _delete(host, logical_w)


def _delete(host, logical_w):
    try:
        driver.delete_adapter(host, logical_w)
    except pvm_exc.HttpError as exc:
        if not 400 <= exc.response.status < 500:
            raise
        LOG.error('The platform does not delete the logical port %(port)s. '
                  'Delete it there. %(exc)s',
                  {'port': logical_w.loc_code, 'exc': exc})


def is_of_vnic(logical_w):
    """Whether a vNIC has made a logical port."""
    return logical_w.vnic_port_usage == pvm_card.VNICPortUsage.DEDICATED_VNIC


def find_in_use(host):
    """The UUIDs, upper case, of the logical ports of all vNICs: set.

    A platform may give a UUID, or a MAC address, again: only that no vNIC of
    the host has a logical port proves that it is left. It takes 1 request,
    and 1 for each LPAR.
    """
    found = set()
    for lpar_w in host.lpars():
        try:
            vnics = host.vnics(lpar_w.uuid)
        except pvm_exc.HttpNotFound:
            continue
        found.update(
            pvm_util.get_req_path_uuid(device.lport_href).upper()
            for vnic_w in vnics for device in vnic_w.back_devs
            if device.lport_href)
    return found


def clean_noted(host):
    """Remove those of vNICs that this process has deleted, see clean()."""
    by_vios = collections.defaultdict(dict)
    for noted in host.sriov.freed():
        by_vios[noted.vios_uuid][noted.uuid.upper()] = noted

    def prove(theirs):
        return Proof('this process has deleted it', lambda logical_w: (
            logical_w.uuid.upper() in theirs and
            theirs[logical_w.uuid.upper()].mac == logical_w.mac))

    for vios_uuid in clean(host, {vios_uuid: prove(theirs) for
                                  vios_uuid, theirs in by_vios.items()}):
        host.sriov.are_gone(by_vios[vios_uuid].values())


def clean_lost(host):
    """Remove those of vNICs of servers that somebody else has deleted.

    See clean(); no request if there is no such vNIC.
    """
    lost = host.sriov.lost()
    if not lost:
        return
    proof = Proof('it was of a server of this host',
                  lambda logical_w: logical_w.mac in lost)
    vioses = {vios.uuid for vios in host.sriov.vioses()}
    if (clean(host, dict.fromkeys(vioses, proof)) == vioses and
            not host.sriov.vioses_down):
        host.sriov.are_found(lost)


def read(host, vios_uuid):
    """Read the logical ports of a VIOS; none if it is gone (1 request)."""
    try:
        return host.logical_ports(vios_uuid)
    except pvm_exc.HttpNotFound:
        return []
