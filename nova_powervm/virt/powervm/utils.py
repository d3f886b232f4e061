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

"""Helpers for several modules, independent of PowerVM."""

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


def try_to(what, func, *args):
    """Call func to clean up; log a failure instead of raising it.

    :param what: str, the purpose, for the log.
    :returns: bool, whether it succeeded.
    """
    try:
        func(*args)
        return True
    except Exception:
        LOG.exception('Could not %s; it is left behind for now.', what)
        return False
