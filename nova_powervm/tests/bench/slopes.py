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

"""How the bytes of operations grow with the LPARs beside them."""

import collections

from nova_powervm.tests.bench import meter
from nova_powervm.tests.bench import report

GROUP = 'Growth of the bytes, the largest crowd against %d'
#: The crowd that others are compared with.
BASE = 100
#: Operations on one LPAR: others are nothing to them.
FLAT = frozenset(('stop', 'start', 'soft reboot', 'attach interface',
                  'detach interface'))
#: How much a flat operation may grow, for the length of numbers and names.
BAR = 1.1


def compare(by_count):
    """Compare what was measured beside crowds.

    :param by_count: dict of the number of other LPARs -> list of
        report.Result. It has BASE, and a larger crowd.
    :returns: list of report.Result, one for each operation. Its title has the
        kB beside each crowd; its value is the factor by which they grow from
        BASE to the largest crowd. The flat operations have a bar.
    """
    moved = collections.defaultdict(dict)
    for count, results in by_count.items():
        for result in results:
            moved[result.title][count] = (result.measured.bytes_in +
                                          result.measured.bytes_out)
    return [_result(title, bytes_of) for title, bytes_of in moved.items()]


def _result(title, bytes_of):
    counts = sorted(bytes_of)
    # A base without a byte stays at 0.
    growth = bytes_of[counts[-1]] / max(bytes_of[BASE], 1)
    return report.Result(
        GROUP % BASE, '%s: %s kB' % (title, ', '.join(
            '%.1f' % (bytes_of[count] / 1000) for count in counts)),
        meter.Measurement(value=growth),
        bar=BAR if title in FLAT else None, unit='x')
