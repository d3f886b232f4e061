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

"""Undoing several things, of which one may fail.

Whoever undoes something is to know whether all of it is undone (see
tasks.base), but what fails must not keep the rest from being undone.
"""

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


def each(undo, things):
    """Call a function with each of some things, also if it fails for one.

    :param undo: function of one thing.
    :param things: iterable; they are undone in this order.
    :raises: what the first call that failed has raised, after all have been
        tried. What the others have raised is logged.
    """
    first = None
    for thing in things:
        try:
            undo(thing)
        except Exception as exc:
            if first is None:
                first = exc
            else:
                LOG.exception('This is not undone either.')
    if first is not None:
        raise first
