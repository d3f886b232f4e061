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

"""Exceptions of the PowerVM driver."""

from nova import exception


class PowerVMAPIFailed(exception.NovaException):
    msg_fmt = ('PowerVM API failed to complete for instance=%(inst_name)s. '
               '%(reason)s')


class RestServerUnavailable(exception.HypervisorUnavailable):
    msg_fmt = ('The PowerVM REST API server at %(url)s cannot be used: '
               '%(reason)s')


class RestAuthenticationFailed(exception.NovaException):
    msg_fmt = ('The PowerVM REST API server at %(url)s refused the user '
               '%(user)s or its password. Check [powervm] rest_user and '
               'rest_password.')


class ManagedSystemCount(exception.NovaException):
    msg_fmt = ('The PowerVM REST API server at %(url)s manages %(count)d '
               'systems; nova-compute needs one that manages exactly one.')


class ViosNotAvailable(exception.NovaException):
    msg_fmt = ('No Virtual I/O Server is running with an active RMC '
               'connection, after a wait of %(wait_time)d seconds.')


class InvalidFlavor(exception.InvalidInput):
    """Nova aborts the build; on another host it would fail likewise."""
    msg_fmt = ('Flavor %(flavor)s: %(key)s=%(value)s cannot be used: '
               '%(reason)s')


class OptRequiredIfOtherOptValue(exception.InvalidConfiguration):
    msg_fmt = ('The option %(then_opt)s is required if %(if_opt)s is '
               "'%(if_value)s'.")


class InvalidOption(exception.InvalidConfiguration):
    msg_fmt = '[powervm] %(option)s=%(value)s cannot be used: %(reason)s'


class AbstractMediaException(exception.NovaException):
    """A problem with virtual optical media."""


class NoMediaRepoVolumeGroupFound(AbstractMediaException):
    msg_fmt = ('No Virtual I/O Server has a media repository, nor the volume '
               'group %(vol_grp)s to make one in.')


class AbstractDiskException(exception.NovaException):
    """A problem with the disks of servers."""


class VGNotFound(AbstractDiskException):
    msg_fmt = 'No Virtual I/O Server has a volume group %(vg_name)s.'
