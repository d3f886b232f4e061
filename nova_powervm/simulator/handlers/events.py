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

"""Events: /rest/api/uom/Event."""

import uuid

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator import response


def handle(endpoint, request):
    """Wait for events, or send one of the client's own.

    site.lock is not held.
    """
    request.check_method('GET', 'PUT')
    answer = _send if request.method == 'PUT' else _poll
    return answer(endpoint, request)


def _send(endpoint, request):
    if not endpoint.takes_events:
        raise errors.NotAllowed('Event objects cannot be created')
    doc = atom.Document(request.receive())
    event = endpoint.events.emit('CUSTOM_CLIENT_EVENT',
                                 doc.text('EventData') or '',
                                 doc.text('EventDetail') or '')
    return response.xml(event.entry(endpoint.base_url),
                        etag=str(event.event_id))


def _poll(endpoint, request):
    app_id = (request.parameters.get('QUEUE_APPLICATIONID') or
              request.header('X-API-Session'))
    timing = endpoint.site.timing
    found = endpoint.events.poll(app_id, timing['event_seconds'],
                                 lambda: timing['event_gather_seconds'])
    with endpoint.site.lock:
        found = [event for event in found if endpoint.shows(event.data)]
    if not found:
        return response.empty()
    return response.xml(atom.feed(
        str(uuid.uuid4()), endpoint.base_url + request.path,
        [event.entry(endpoint.base_url) for event in found],
        endpoint.site.clock.now()))
