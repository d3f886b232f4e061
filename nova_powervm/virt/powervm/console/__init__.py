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

"""The consoles of servers: their virtual terminals, for users and as a log.

An LPAR has one virtual terminal. It is open as VNC, or as text, or not at all.
``service`` has the object of a driver that opens and closes the terminals, and
tells Nova where they can be reached. All bytes are moved by one thread.
"""
