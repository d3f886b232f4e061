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

"""A client of a service, without a server."""

from nova import test as nova_test
from werkzeug import test as werkzeug_test


class ApiCase(nova_test.NoDBTestCase):
    """Sends requests to ``self.service``."""

    def request(self, method, path, body=None, status=200, **more):
        """Send a request; returns what its answer has as JSON, or None.

        :param body: what is sent as JSON
        :param status: int, what the answer must have
        """
        if body is not None:
            more['json'] = body
        answer = werkzeug_test.Client(self.service).open(
            path, method=method, **more)
        self.assertEqual(status, answer.status_code, answer.text)
        self.assertEqual('application/json', answer.mimetype)
        return answer.json if answer.data else None

    def get(self, path, **more):
        return self.request('GET', path, **more)

    def assert_refused(self, status, text, method, path, body=None):
        """The answer is an error, as OpenStack's services tell it."""
        error = self.request(method, path, body, status)['error']
        self.assertEqual(status, error['code'])
        self.assertIn(text, error['message'])
