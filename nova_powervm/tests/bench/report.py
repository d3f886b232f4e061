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

"""The results of the benchmark, as a table and as JSON."""

import dataclasses
from importlib import metadata
import json
import types

from rich import box
from rich import console as rich_console
from rich import table as rich_table

from nova_powervm.tests.bench import meter

_PACKAGES = ('nova', 'pypowervm')
#: Of the table; a narrower terminal wraps its lines.
_WIDTH = 124
_SHORT_UNITS = types.MappingProxyType({'requests/s': '/s'})
_LEGEND = """\
measured:  REST requests, unless there is a unit, of one call of the driver
9.0.0:     the same of the last nova-powervm that was released (2019)
with Nova: and of all that Nova had the driver do around that call
"""


@dataclasses.dataclass
class Result:
    """A row with what was measured.

    :ivar group: str, what rows are shown together.
    :ivar bar: number; None if there is no limit.
    :ivar at_least: whether the bar is a lower limit.
    """

    group: str
    title: str
    measured: meter.Measurement
    old: str = ''
    bar: float = None
    unit: str = 'requests'
    at_least: bool = False

    @property
    def value(self):
        """The number that is held against the bar."""
        if self.measured.value is not None:
            return self.measured.value
        return self.measured.requests

    @property
    def passed(self):
        """bool; None if there is no bar."""
        if self.bar is None:
            return None
        if self.at_least:
            return self.value >= self.bar
        return self.value <= self.bar

    def data(self):
        """Return it as a dict fit for JSON."""
        return dict(dataclasses.asdict(self.measured), value=self.value,
                    group=self.group, title=self.title, unit=self.unit,
                    nova_powervm_9=self.old or None, bar=self.bar,
                    bar_is='minimum' if self.at_least else 'maximum',
                    passed=self.passed)


def from_simulator(group, row):
    """Make a Result of a row of tests.simulator.measure."""
    kind, limit = row['bar'].split()
    return Result(
        group, row['what'],
        meter.Measurement(value=row['value'], bytes_out=row['bytes']),
        bar=float(limit), unit=row['unit'], at_least='>' in kind)


def passed(results):
    """Tell whether no bar was missed."""
    return all(result.passed is not False for result in results)


def write_json(results, path):
    """Write a file with all results."""
    with open(path, 'w') as out:
        json.dump({'versions': {name: metadata.version(name)
                                for name in _PACKAGES},
                   'passed': passed(results),
                   'rows': [result.data() for result in results]},
                  out, indent=1)
        out.write('\n')


def print_table(results):
    """Write the results to standard output; colours only on a terminal."""
    console = rich_console.Console(highlight=False)
    console.width = max(console.width, _WIDTH)
    table = rich_table.Table(box=box.SIMPLE_HEAD, header_style='bold',
                             padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    for name in ('measured', '9.0.0', 'bar', '', 'with Nova', 'kB in',
                 'kB out', 'seconds'):
        table.add_column(name, justify='right', no_wrap=True)
    group = None
    for result in results:
        if result.group != group:
            group = result.group
            table.add_row('[bold]%s[/]' % group)
        table.add_row(*_cells(result))
    console.print(table)
    console.print(_LEGEND)
    if passed(results):
        console.print('No bar was missed.', style='bold green')
    else:
        console.print('A bar was MISSED.', style='bold red')


def _cells(result):
    measured = result.measured
    bar = ''
    if result.bar is not None:
        bar = '%s %g' % ('>=' if result.at_least else '<=', result.bar)
    value = _number(result.value)
    if result.unit != 'requests':
        value += ' ' + _SHORT_UNITS.get(result.unit, result.unit)
    verdict = {True: '[green]ok[/]', False: '[bold red]MISSED[/]', None: ''}
    return ('  ' + result.title, value, result.old, bar,
            verdict[result.passed], _number(measured.all_requests),
            _kilobytes(measured.bytes_in), _kilobytes(measured.bytes_out),
            '' if measured.seconds is None else '%.2f' % measured.seconds)


def _number(value):
    if value is None:
        return ''
    return '{:,.1f}'.format(value) if isinstance(value, float) else (
        '{:,}'.format(value))


def _kilobytes(value):
    return '' if value is None else _number(value / 1000)
