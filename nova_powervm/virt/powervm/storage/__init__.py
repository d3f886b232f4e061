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

"""How documents of Virtual I/O Servers and their volume groups are edited.

Mappings are edited by POSTing the document of a VIOS, disks and media by
POSTing the document of a volume group. Both are read as late as possible and
written with the etag that was read. If somebody else was faster (HTTP 412),
the document is read and edited again. So the functions that edit a document
may run several times: they must depend on nothing but the document and their
arguments.
"""
