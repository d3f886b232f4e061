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

"""The refusals of the simulated REST server, and answers that never come.

A RestError that is raised anywhere below the WSGI application becomes an HTTP
answer whose body is an Atom entry with an ``HttpErrorResponse``.
"""


#: Why a job has failed if the process ended before it did.
INTERRUPTED = 'The simulator has ended in the middle of the job'


class Dropped(Exception):
    """The server closes the connection without an answer."""


class Unanswered(Exception):
    """The server keeps the connection open and never answers."""


class RestError(Exception):
    """A request that fails.

    :param message: str, for the client
    :param status: int, HTTP status (default: the status of the class)
    :param reason_code: str, the ReasonCode of the error document
    """

    STATUS = 500
    REASON = 'Unknown internal error.'

    def __init__(self, message, status=None, reason_code=''):
        super().__init__(message)
        self.message = message
        self.status = status or self.STATUS
        self.reason_code = reason_code or self.REASON


class Refused(RestError):
    """The platform refuses the request in its current state."""

    STATUS = 400
    REASON = 'Invalid request.'


class Unauthorized(RestError):
    """No session, or one that has ended."""

    STATUS = 401
    REASON = 'Unauthorized.'


class NotFound(RestError):
    """There is no such object, type or operation."""

    STATUS = 404
    REASON = 'Not found.'


class NotAllowed(RestError):
    """The object exists, but not for this method."""

    STATUS = 405
    REASON = 'Method not allowed.'


class Conflict(RestError):
    """The name, id or UUID is taken."""

    STATUS = 409
    REASON = 'Conflict.'


class PreconditionFailed(RestError):
    """If-Match named an etag that is not the current one."""

    STATUS = 412
    REASON = 'Precondition failed.'


class TooLarge(RestError):
    """The body is larger than any that there is a use for."""

    STATUS = 413
    REASON = 'Request entity too large.'


class Busy(RestError):
    """The server, or a VIOS behind it, cannot serve this now.

    pypowervm's ``vios_busy_retry_helper`` tries again when the *body* says
    503 or the message holds HSCL3205.
    """

    STATUS = 503
    REASON = 'Service unavailable.'
