# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Tagged I/O: which adapters a partition with IBM i boots from."""

import dataclasses

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator import values

el = atom.el

_PATH = 'PartitionIOConfiguration/TaggedIO/'
_NONE = 'NONE'
_HMC = 'HMC'


@dataclasses.dataclass(frozen=True)
class TaggedIO:
    """The tagged I/O of a partition.

    The initial values come from capture lpar_ibmi.txt.

    :ivar load_source: str, a virtual slot, or NONE; 0 is none either
    :ivar alternate: str, likewise, of the alternate load source
    :ivar console: str, a virtual slot, 0 or HMC
    """

    load_source: str = _NONE
    alternate: str = _NONE
    console: str = '0'

    @classmethod
    def read(cls, doc, old):
        """Read the values from a document.

        :param doc: atom.Document of the partition
        :param old: TaggedIO with the values that the document omits
        :raises errors.Refused: for values that are neither slots nor words
        """
        return cls(
            load_source=_read(doc, 'LoadSource', old.load_source, _NONE),
            alternate=_read(doc, 'AlternateLoadSource', old.alternate, _NONE),
            console=_read(doc, 'Console', old.console, _HMC))

    def slot(self, ipl_source):
        """Tell the virtual slot that an IPL source boots from.

        :param ipl_source: str; a, b and c are of the load source, d is the
            alternate load source
        :returns: int, or None
        """
        tag = self.alternate if ipl_source == 'd' else self.load_source
        return None if tag == _NONE else values.whole(tag) or None

    def render(self):
        """Return its element, in the order of capture lpar_ibmi.txt."""
        return atom.section(
            'TaggedIO',
            el('AlternateLoadSource', self.alternate),
            el('Console', self.console),
            el('LoadSource', self.load_source))

    def state(self):
        """Return what it is, as a dict fit for JSON."""
        return dataclasses.asdict(self)


def _read(doc, name, old, word):
    text = doc.text(_PATH + name, old)
    try:
        good = text == word or values.whole(text) >= 0
    except ValueError:
        good = False
    if not good:
        raise errors.Refused('HSCL3685 %s of a partition is a virtual slot or '
                             '%s, not %r' % (name, word, text))
    return text
