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

"""Read the targets and LUNs of a Fibre Channel volume from Cinder's data.

The keys of connection_info['data'] mean what they mean to os-brick's connector
for Fibre Channel, for which storage drivers are written (source:
os_brick.initiator.connectors.fibre_channel):

* initiator_target_lun_map: initiator -> list of (target, LUN);
* initiator_target_map: initiator -> list of targets, together with
* target_luns, a LUN for each of the targets in target_wwns or target_wwn, or
* target_lun, one LUN for all targets;
* addressing_mode: how the array encodes LUNs in 8 bytes.
"""

from nova import exception as nova_exc

_SAM2, _SAM3_FLAT = 'SAM2', 'SAM3-flat'
_MODES = 'transparent', 'SAM', _SAM2, _SAM3_FLAT
# In the flat space addressing method, a LUN is a number of 14 bits with this
# bit set (source: SCSI architecture model, SAM-2).
_FLAT = 0x4000


def targets(data, volume_id):
    """Return the targets and LUNs of a volume for each initiator.

    :param data: dict, connection_info['data'] of the volume.
    :param volume_id: str, for messages.
    :returns: dict of initiator -> list of (target, LUN); WWPNs are str in
        lower case without colons, LUNs str, see address().
    :raises nova.exception.InvalidVolume: if the data is incomplete or invalid.
    """
    mode = data.get('addressing_mode')
    try:
        return {
            plain(initiator): [(plain(target), address(lun, mode))
                               for target, lun in pairs]
            for initiator, pairs in _pairs(data).items()}
    except (KeyError, TypeError, ValueError) as exc:
        raise nova_exc.InvalidVolume(
            reason='the connection of volume %s cannot be used: %s' % (
                volume_id, exc)) from exc


def initiators(data):
    """Return the initiators to which a volume is exported, if known.

    :returns: set of str, WWPNs in lower case without colons.
    """
    return set(map(plain, data.get('initiator_target_lun_map') or
                   data.get('initiator_target_map') or ()))


def plain(wwpn):
    """Return a WWPN in lower case without colons."""
    return wwpn.lower().replace(':', '')


def _pairs(data):
    """Return dict of initiator -> list of (target, LUN), in Cinder's form."""
    by_lun = data.get('initiator_target_lun_map')
    if by_lun:
        return by_lun
    by_target = data.get('initiator_target_map')
    one, several = data.get('target_lun'), data.get('target_luns')
    if not by_target or one is None and not several:
        raise ValueError('it has no initiator_target_map with target_lun or '
                         'target_luns')
    if not several or len(several) == 1:
        lun = several[0] if several else one
        return {initiator: [(target, lun) for target in targets]
                for initiator, targets in by_target.items()}
    luns = _luns_of_targets(data, several)
    return {initiator: [(target, luns[plain(target)]) for target in targets
                        if plain(target) in luns]
            for initiator, targets in by_target.items()}


def _luns_of_targets(data, luns):
    """Return dict of target -> LUN."""
    wwns = data.get('target_wwns') or data.get('target_wwn') or ()
    if isinstance(wwns, str):
        wwns = [wwns]
    if len(wwns) != len(luns):
        raise ValueError('it has %d target_luns for %d targets' % (
            len(luns), len(wwns)))
    return dict(zip(map(plain, wwns), luns))


def address(lun, mode=None):
    """Return the address of a LUN, in the form of pypowervm's ITL.

    A number of up to two bytes is the first level of the address. A number of
    up to four bytes is the first and the second level, a longer one all eight
    bytes (source: normalize_lun of pypowervm.tasks.hdisk, which has the first
    two).

    :param lun: int, or str in decimal, or in hexadecimal with 0x.
    :param mode: addressing_mode of Cinder, str; None stands for SAM.
    :returns: str of hexadecimal digits.
    :raises ValueError: if the LUN or the mode is invalid.
    """
    number = _number(lun)
    if mode not in (None, '', *_MODES):
        raise ValueError('there is no addressing_mode %s' % mode)
    if mode == _SAM3_FLAT or mode == _SAM2 and number > 0xff:
        if number >= _FLAT:
            raise ValueError('LUN %s cannot be addressed in the mode %s' % (
                lun, mode))
        number += _FLAT
    for digits in (4, 8, 16):
        if number < 16 ** digits:
            # pypowervm writes no zeros in front of the first level.
            return ('%x' if digits == 4 else '%%0%dx' % digits) % (
                number) + '0' * (16 - digits)
    raise ValueError('LUN %s is too large' % lun)


def _number(lun):
    """Return a LUN as int."""
    if isinstance(lun, str):
        text = lun.strip().lower()
        lun = int(text, 16 if text.startswith('0x') else 10)
    if isinstance(lun, bool) or not isinstance(lun, int) or lun < 0:
        raise ValueError('%r is not a LUN' % (lun,))
    return lun
