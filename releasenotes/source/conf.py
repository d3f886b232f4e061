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

"""The build of the release notes."""

import configparser
import pathlib

from docutils import nodes

extensions = [
    'openstackdocstheme',
    'reno.sphinxext',
]

project = 'nova-powervm Release Notes'
copyright = 'nova-powervm contributors'
html_theme = 'openstackdocs'
html_theme_options = {
    'analytics_tracking_code': '',
    'display_badge': False,
    'root_title': 'nova-powervm',
}
templates_path = ['../../doc/source/_templates']
html_static_path = ['../../doc/source/_static']
html_css_files = ['pages.css']
pygments_style = 'native'
# They have no version of their own.
release = ''
version = ''

openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_use_storyboard = False
openstackdocs_repo_name = ''
openstackdocs_bug_project = ''

#: What reno calls the version of notes that no tag contains.
_UNTAGGED = '0.0.0'


def _name_version(app, doctree):
    """Head the notes of the next release by its version, from setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(pathlib.Path(app.confdir).parents[1] / 'setup.cfg')
    for title in doctree.findall(nodes.title):
        if title.astext() == _UNTAGGED:
            title.children = [nodes.Text(parser['metadata']['version'])]


def setup(app):
    # Before Sphinx collects the titles for its lists of contents.
    app.connect('doctree-read', _name_version, priority=100)
