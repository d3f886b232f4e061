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

"""Compare disks, media and logical units, as pypowervm wraps them."""


def base_name(element):
    """Return the name of storage without the path of a file-backed disk."""
    return element.name.rsplit('/', 1)[-1]


def is_named(element, wrapper_class, names):
    """Return whether storage is of a class and has one of the names.

    :param element: wrapper of storage, or None.
    """
    return isinstance(element, wrapper_class) and base_name(element) in names
