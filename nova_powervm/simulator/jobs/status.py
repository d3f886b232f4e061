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

"""The states of a job, and how an operation fails."""

RUNNING = 'RUNNING'
COMPLETED_OK = 'COMPLETED_OK'
COMPLETED_WITH_ERROR = 'COMPLETED_WITH_ERROR'
FAILED = 'FAILED_BEFORE_COMPLETION'
CANCELED = 'CANCELED_WHILE_RUNNING'


class JobFailed(Exception):
    """An operation did not succeed.

    :param message: str, for the client
    :param status: str, how the job ends
    :param results: dict of str, results that are there nevertheless
    """

    def __init__(self, message, status=FAILED, results=()):
        super().__init__(message)
        self.message = message
        self.status = status
        self.results = dict(results)
