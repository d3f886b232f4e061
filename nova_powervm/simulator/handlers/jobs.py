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

"""Jobs: .../do/<operation>, which starts one, and /rest/api/uom/jobs/<id>."""

import uuid

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.handlers import objects
from nova_powervm.simulator import jobs
from nova_powervm.simulator import response


def handle_operation(endpoint, request, cls, resource, path):
    """Answer with the template of a job, or start the job; lock held.

    :param cls: subclass of Resource, the type that the operation is of
    :param resource: Resource that the job is for; None if the URL names none
    :param path: list of str, what comes after ``do`` in the URL
    """
    if len(path) != 1:
        raise errors.NotFound('There is nothing at %s' % request.path)
    request.check_method('GET', 'PUT')
    if request.method == 'GET':
        jobs.check(endpoint, cls.TYPE, path[0])
        return response.xml(atom.entry(
            'JobRequest', 'web', jobs.template(cls.TYPE, path[0]),
            str(uuid.uuid4()), published=endpoint.site.clock.now()))
    if resource is not None:
        objects.check_master(resource)
    job = endpoint.jobs.submit(cls.TYPE, path[0], resource,
                               atom.Document(request.body),
                               request.job_fault())
    return response.xml(endpoint.jobs.entry(job))


def handle(endpoint, request, path):
    """Answer with a job, cancel or delete it; site.lock is held.

    :param path: list of str, what comes after ``jobs`` in the URL
    """
    if len(path) not in (1, 2) or path[1:] not in ([], ['cancel']):
        raise errors.NotFound('There is nothing at %s' % request.path)
    job = endpoint.jobs.get(path[0])
    if path[1:] and request.method == 'POST':
        job.cancel()
        return response.xml(endpoint.jobs.entry(job))
    request.check_method('GET', 'DELETE')
    if request.method == 'DELETE':
        endpoint.jobs.delete(job.id)
        return response.empty()
    job.poll()
    return response.xml(endpoint.jobs.entry(job))
