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

"""Which failures of a build are of this host, and which of the request.

After a failure of the former kind Nova is to build the server on another host;
after one of the latter kind it is to stop, as all hosts would fail alike. What
Nova does depends on the class of the exception (source: nova.compute.manager,
_build_and_run_instance()). Here is what each of ours, and of those of Nova's
that this driver raises, is to lead to.
"""

from nova.compute import vm_states
from nova import exception as nova_exc

from nova_powervm.virt.powervm import exception

#: What fails on each host alike, unless it is an exception.FaultOfThisHost.
REQUEST_ERRORS = (
    exception.InvalidFlavor,
    exception.VolumeTypeNotSupported,
    nova_exc.FlavorDiskTooSmall,
    nova_exc.ImageNotActive,
    nova_exc.ImageNotAuthorized,
    nova_exc.ImageNotFound,
    nova_exc.ImageUnacceptable,
    nova_exc.InvalidInput,
    # Neutron does not report the ports; Nova stops then with each driver.
    nova_exc.VirtualInterfaceCreateException,
    nova_exc.VolumeEncryptionNotSupported,
)


def is_of_request(exc):
    """Whether a build fails on each host because of an exception."""
    return (isinstance(exc, REQUEST_ERRORS) and
            not isinstance(exc, exception.FaultOfThisHost))


def is_users(exc):
    """Whether a request failed because of what the user asked for.

    That is told to the user, and no trouble of the host.

    :param exc: the exception.
    :returns: bool
    """
    return (isinstance(exc, nova_exc.ResizeError) or is_of_request(exc) and
            not isinstance(exc, nova_exc.VirtualInterfaceCreateException))


def build_failure(exc, instance):
    """Tell what to raise, so that Nova does the right thing.

    :param exc: the exception that a build ended with.
    :param instance: nova.objects.Instance; of one that exists already, as in
        a rebuild, nothing is tried elsewhere.
    :returns: an exception; the same, if Nova treats it well.
    """
    if (not instance.obj_attr_is_set('vm_state') or
            instance.vm_state != vm_states.BUILDING):
        return exc
    if isinstance(exc, exception.FaultOfThisHost):
        return exception.NotOnThisHost(reason=str(exc))
    if is_of_request(exc):
        return nova_exc.BuildAbortException(instance_uuid=instance.uuid,
                                            reason=str(exc))
    return exc
