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

"""Undo several things, even if one of them fails.

A revert has to fail if something is not undone (see tasks.base). But this
failure must not prevent it from undoing the rest.
"""

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


def each(undo, things):
    """Call a function with each of several things, even if a call fails.

    :param undo: function of one thing.
    :param things: iterable; they are undone in this order.
    :raises: the exception of the first call that failed, after all calls.
        Other exceptions are logged.
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
