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

"""Edit the documents of Virtual I/O Servers and their volume groups.

The driver edits mappings by POSTing the document of a VIOS, and disks and
media by POSTing the document of a volume group. It reads a document as late as
possible, and writes it with the etag that it has read. If somebody else wrote
the document first (HTTP 412), the driver reads and edits it again. So a
function that edits a document may run several times, and must depend only on
the document and its arguments.
"""
