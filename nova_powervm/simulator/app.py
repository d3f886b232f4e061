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

"""The WSGI application of one endpoint.

It finds the answer to a request in the control API or through the router,
injects the faults that were ordered, turns refusals into error documents, and
writes the journal.
"""

import contextlib
import random
import re
import threading
import time
import uuid

from oslo_log import log as logging

from nova_powervm.simulator import atom
from nova_powervm.simulator import control
from nova_powervm.simulator import errors
from nova_powervm.simulator import faults
from nova_powervm.simulator import request as rest_request
from nova_powervm.simulator import response as rest_response
from nova_powervm.simulator import router

LOG = logging.getLogger(__name__)

#: What a Host header may be: a name or an address, and a port.
_HOST = re.compile(r'(?a:[\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?')
#: What changes something, and so has to wait for a VIOS.
_WRITES = ('POST', 'PUT', 'DELETE')


class Application:
    """Serves the REST API of an endpoint, and the control API of its site.

    :param endpoint: endpoint.Endpoint
    """

    def __init__(self, endpoint):
        self._endpoint = endpoint
        self._control = control.Controls(endpoint)
        self._router = router.Router(endpoint)
        self._turns = threading.Condition()
        # How many requests are being answered.
        self._answering = 0

    def __call__(self, environ, start_response):
        """Answer a request.

        :raises errors.Dropped: to close the connection without an answer
        :raises errors.Unanswered: to leave it open without an answer
        """
        path = environ['PATH_INFO']
        # A real server has a page of its own there, or none.
        if path == '/' or (path + '/').startswith('/simulator/'):
            response = self._control.respond(environ)
        else:
            response = self._respond(rest_request.Request(environ))
        return response(environ, start_response)

    def _respond(self, request):
        started = time.monotonic()
        response = None
        try:
            with self._turn(request):
                response = self._answer(request)
                self._take_time(request, response)
            self._lead_back(request, response)
            if self._endpoint.console_type:
                response.headers['X-MC-Type'] = self._endpoint.console_type
            return response
        finally:
            self._record(request, response, time.monotonic() - started)

    def _lead_back(self, request, response):
        """Let links lead to where the client has sent its request."""
        written = shown = self._endpoint.base_url
        if self._endpoint.first is not None:
            written = self._endpoint.first.base_url
        client_host = request.header('Host')
        if self._endpoint.seen_as and _HOST.fullmatch(client_host):
            shown = self._endpoint.seen_as + client_host
        if shown != written:
            response.replace(written + '/rest/', shown + '/rest/')

    @contextlib.contextmanager
    def _turn(self, request):
        """Wait while as many requests are answered as may be at once."""
        most = self._endpoint.site.timing['requests_at_once']
        if not most or request.segments[-1:] == ['Event']:
            yield
            return
        with self._turns:
            self._turns.wait_for(lambda: self._answering < most)
            self._answering += 1
        try:
            yield
        finally:
            with self._turns:
                self._answering -= 1
                self._turns.notify()

    def _take_time(self, request, response):
        """Take the time that an answer costs by its size."""
        timing = self._endpoint.site.timing
        seconds = (
            timing['seconds_per_kb'] *
            (request.bytes_in + len(response.body)) / 1000 +
            timing['seconds_per_entry'] * response.entries)
        if seconds:
            time.sleep(seconds)

    def _record(self, request, response, seconds):
        self._endpoint.journal.add({
            'method': request.method, 'path': request.path,
            'query': request.query, 'groups': request.group_query,
            'status': response.status if response else None,
            'bytes_in': request.bytes_in,
            'bytes_out': len(response.body) if response else 0,
            'ms': round(seconds * 1000, 3),
            'fault': request.fault.id if request.fault else None})

    def _answer(self, request):
        site = self._endpoint.site
        try:
            if request.method in _WRITES:
                site.check_space()
            try:
                response = self._with_faults(request)
            except errors.RestError:
                # What has arrived of an upload stays, for example.
                site.save(False)
                raise
            # Even a GET may end a job.
            site.save(request.method != 'GET' or 'jobs' in request.segments)
            return response
        except (errors.Dropped, errors.Unanswered):
            raise
        except errors.RestError as exc:
            return self._refusal(request, exc)
        except Exception as exc:
            LOG.exception('The request %s %s failed', request.method,
                          request.path)
            return self._refusal(request, errors.RestError(
                'The simulator failed: %s: %s' % (type(exc).__name__, exc)))

    def _refusal(self, request, exc):
        request.drain()
        return rest_response.xml(atom.error_entry(
            str(uuid.uuid4()), exc.status, request.path, exc.reason_code,
            exc.message, request.headers(), self._endpoint.site.clock.now()),
            exc.status)

    def _delay(self, request):
        """Return how long the request waits, in seconds."""
        timing = self._endpoint.site.timing
        seconds = timing['request_seconds'] + (
            timing['request_seconds_more'] * random.random())
        if request.method == 'POST' and 'NetworkBridge' in request.segments:
            seconds += timing['sea_seconds']
        return seconds

    def _dispatch(self, request):
        """Do what is asked; one change of a VIOS at a time, if they last.

        A refusal, as of a document that is outdated, comes at once.
        """
        seconds = self._endpoint.site.timing['vios_write_seconds']
        vios = None
        if (seconds and request.method in _WRITES and
                'VirtualIOServer' in request.segments):
            vios = faults.vios_of(self._endpoint, request.segments)
        if vios is None:
            return self._router.dispatch(request)
        with vios.turn:
            response = self._router.dispatch(request)
            time.sleep(seconds)
            return response

    # -- faults -----------------------------------------------------------

    def _with_faults(self, request):
        delay = self._delay(request)
        if delay:
            time.sleep(delay)
        vios = None
        if self._endpoint.faults.want_vios:
            vios = faults.vios_of(self._endpoint, request.segments)
        fault = request.fault = self._endpoint.faults.match(
            request.method, request.path, request.query,
            bool(request.header('If-Match')), vios is not None)
        if fault is None:
            return self._dispatch(request)
        fault.act(request.method, request.path)
        if fault.effect == 'vios_down':
            self._take_down(fault, vios)
        if fault.effect == 'delay':
            time.sleep(fault.spec['seconds'])
        if fault.before:
            raise self._loss(fault)
        fault.raise_error()
        if not fault.after:
            return self._dispatch(request)
        try:
            self._dispatch(request)
        except errors.RestError as exc:
            LOG.info('Dropping the refusal of %s %s: %s', request.method,
                     request.path, exc)
        raise self._loss(fault)

    @staticmethod
    def _loss(fault):
        """Make the exception for an answer that never comes."""
        return errors.Unanswered() if fault.is_silent else errors.Dropped()

    def _take_down(self, fault, vios):
        with self._endpoint.site.lock:
            if 'vios' in fault.spec:
                vios = self._endpoint.vios(fault.spec['vios'])
            vios.halted()
