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

"""The command powervm-simulator; it tells if its libraries are missing."""

import sys

#: What the extra "simulator" of the package installs.
_LIBRARIES = {'cheroot', 'jsonschema', 'ruamel', 'trustme', 'werkzeug'}


def main(argv=None):
    """Run the command.

    :param argv: list of str, the arguments; None for those of the process
    :returns: int, the exit status
    """
    try:
        from nova_powervm.simulator import cmd
    except ModuleNotFoundError as exc:
        if (exc.name or '').partition('.')[0] not in _LIBRARIES:
            raise
        print("powervm-simulator: there is no module %s; run: pip install "
              "'nova-powervm[simulator]'" % exc.name, file=sys.stderr)
        return 1
    return cmd.main(argv)


if __name__ == '__main__':
    sys.exit(main())
