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

"""The certificate of a simulated site that serves https."""

import os

from nova_powervm.simulator import server

#: In the data folder: the certificate of the authority, that of the server,
#: and its key.
FILES = ('ca.pem', 'server.pem', 'server.key')


def make(addresses, directory):
    """Make a certificate authority and a certificate, unless they are there.

    :param addresses: iterable of str, the addresses that servers listen on
    :param directory: str, the data folder
    :returns: server.Tls
    """
    paths = [os.path.join(directory, name) for name in FILES]
    if not all(map(os.path.exists, paths)):
        _make(addresses, *paths)
    return server.Tls(*paths[1:])


def _make(addresses, authority_path, certificate_path, key_path):
    # Only https needs it.
    import trustme
    authority = trustme.CA()
    names = sorted({'localhost', '127.0.0.1', *addresses} - {'0.0.0.0', '::'})
    certificate = authority.issue_cert(*names)
    authority.cert_pem.write_to_path(authority_path)
    with open(certificate_path, 'wb') as made:
        made.write(b''.join(blob.bytes()
                            for blob in certificate.cert_chain_pems))
    descriptor = os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                         0o600)
    with os.fdopen(descriptor, 'wb') as key_file:
        key_file.write(certificate.private_key_pem.bytes())
