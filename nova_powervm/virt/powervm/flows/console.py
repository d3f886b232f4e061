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

"""The steps of flows that concern the console of a server."""

from nova_powervm.virt.powervm.tasks import console as tf_console


def add_keep_log(flow, services, instance):
    """Open the console before what is to be in its log, if there is one."""
    if services.consoles is not None and services.consoles.keeps_logs:
        flow.add(tf_console.KeepLog(services.consoles, instance))


def add_close(flow, services, instance):
    """Close the console before its LPAR is deleted, or moves."""
    if services.consoles is not None:
        flow.add(tf_console.Close(services.consoles, instance))
