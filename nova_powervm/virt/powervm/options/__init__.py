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

"""The checks of the options of group [powervm].

nova-compute checks all options when it starts, and does not start with one
that cannot be used. The message has one line: the option, its value, and what
would be right. Nova would read most options much later, while it creates a
server.

table
    each option, and what its value must be beside its type
values
    what values of options must be, as far as this machine can tell
sources
    what the files of the configuration and the environment set
static
    checks all options, without a request
site
    checks them against the platform
report
    what nova-powervm check prints
upgrade
    what nova-powervm upgrade check prints
"""
