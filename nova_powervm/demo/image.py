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

"""A boot image that is made on the spot: an ISO 9660 file system."""

import io

import pycdlib

MIB = 1024 * 1024
SIZE = 32 * MIB
_LINE = b'nova-powervm demo image, line %08d of the file DATA.TXT ......\n'
_README = b"""\
This file system was made by the demo of nova-powervm. It was uploaded to a
simulated Virtual I/O Server, copied to a virtual disk there, and mapped to a
logical partition. It boots nothing: the partition is simulated too.
"""


def make(path, size=SIZE):
    """Write an image file.

    :param path: str, where it shall be.
    :param size: int, about how many bytes it shall have.
    """
    lines = size // len(_LINE % 0)
    data = b''.join(_LINE % number for number in range(lines))
    iso = pycdlib.PyCdlib()
    iso.new(vol_ident='NOVA-POWERVM', rock_ridge='1.09')
    for name, content in (('README.TXT', _README), ('DATA.TXT', data)):
        iso.add_fp(io.BytesIO(content), len(content), '/%s;1' % name,
                   rr_name=name.lower())
    iso.write(path)
    iso.close()


def read_file(content, path):
    """Read a file in an ISO 9660 file system.

    :param content: bytes of the file system.
    :param path: str, of the file, by its Rock Ridge name.
    :returns: bytes
    """
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(content))
    data = io.BytesIO()
    iso.get_file_from_iso_fp(data, rr_path='/' + path)
    iso.close()
    return data.getvalue()


def problem(path):
    """Tell what is wrong with an image file that somebody gave.

    :returns: str, or None if it can be used.
    """
    try:
        with open(path, 'rb') as image:
            start = image.read(4)
    except OSError as exc:
        return '%s: %s' % (path, exc.strerror)
    if not start:
        return '%s: the file is empty' % path
    if start == b'QFI\xfb':
        return ('%s: this is a qcow2 image; virtual disks of PowerVM need '
                'raw ones (qemu-img convert -O raw)' % path)
    return None
