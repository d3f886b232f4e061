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

"""What the demo shows: a line per step, tables, a verdict."""

import contextlib
import time

from rich import box
from rich import console as rich_console
from rich import table as rich_table
from rich import text as rich_text

#: Width of a step's title.
TITLE_WIDTH = 51


class Screen:
    """Writes to the terminal; colours only if it is one.

    :param plain: no colours and nothing but ASCII, whatever it is.
    :param output: file object, default standard output.
    """

    def __init__(self, plain=False, output=None):
        self._console = rich_console.Console(
            file=output, highlight=False, soft_wrap=False,
            no_color=plain or None, force_terminal=False if plain else None)
        fancy = not plain and self._console.encoding.lower() == 'utf-8'
        self._box = box.ROUNDED if fancy else box.ASCII
        self._good, self._bad = ('✔', '✘') if fancy else ('ok', 'FAIL')

    def say(self, text='', style=None):
        """Write a paragraph; the terminal wraps it, so it can be copied."""
        self._console.print(rich_text.Text(text, style or ''),
                            soft_wrap=True)

    def heading(self):
        """Write what the columns of the lines of steps are."""
        self._line('', '', 'time', 'REST requests', 'dim')

    @contextlib.contextmanager
    def step(self, title):
        """Show that a step is under way, and then what came of it.

        :param title: str, what is done.
        :returns: a StepResult to be filled in.
        """
        result = StepResult()
        started = time.monotonic()
        try:
            with self._spinner(title):
                yield result
        except BaseException:
            self._line(self._bad, title, _seconds(started), '', 'bold red')
            raise
        requests = '-' if result.requests is None else str(result.requests)
        self._line(self._good, title, _seconds(started), requests, 'green')
        if result.detail:
            self._console.print(rich_text.Text(
                '     ' + result.detail, 'dim'), soft_wrap=True)

    def _spinner(self, title):
        if self._console.is_terminal:
            return self._console.status(title)
        return contextlib.nullcontext()

    def _line(self, mark, title, seconds, requests, style):
        line = rich_text.Text('%-5s' % mark, style)
        line.append('%-*s' % (TITLE_WIDTH, title), 'default')
        line.append('%8s%15s' % (seconds, requests), 'default')
        self._console.print(line, soft_wrap=True)

    def table(self, title, columns, rows):
        """Write a table.

        :param columns: list of str
        :param rows: list of lists of str
        """
        table = rich_table.Table(box=self._box, header_style='bold',
                                 show_lines=True)
        for column in columns:
            table.add_column(column, overflow='fold')
        for row in rows:
            table.add_row(*row)
        self.say()
        self.say(title, 'bold')
        self._console.print(table)
        self.say()


class StepResult:
    """What a step cost, and what it has to tell."""

    def __init__(self):
        self.requests = None
        self.detail = None


def _seconds(started):
    return '%.1f s' % (time.monotonic() - started)
