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

"""The build of the documentation."""

import glob
from importlib import metadata
import os
import sys
import warnings

# Libraries of Oslo look whether Eventlet is there; nothing here uses it.
warnings.filterwarnings('ignore', r'\s*Eventlet is deprecated')

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'tools'))

import diagram  # noqa: E402

for source in glob.glob(os.path.join(HERE, 'diagrams', '*.toml')):
    diagram.write(source)

sys.path.insert(0, os.path.join(HERE, '..', 'ext'))

extensions = [
    'code_map',
    'extra_specs',
    'flows',
    'manual',
    'openstackdocstheme',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
    'simulator_reference',
    'sphinx_feature_classification.support_matrix',
]

project = 'nova-powervm'
copyright = 'nova-powervm contributors'
version = release = metadata.version('nova-powervm')
html_theme = 'openstackdocs'
html_static_path = ['_static']
html_css_files = ['support-matrix-marks.css', 'tables.css', 'pages.css']
# The theme's defaults are for docs.openstack.org.
html_theme_options = {
    'analytics_tracking_code': '',
    'display_badge': False,
    'root_title': 'nova-powervm',
}
templates_path = ['_templates']
pygments_style = 'native'
man_pages = [('simulator/manual', 'powervm-simulator',
              'simulated IBM PowerVM site', '', 1)]
exclude_patterns = []

config_generator_config_file = [(
    os.path.join(HERE, '..', '..', 'etc', 'nova',
                 'nova-config-generator-powervm.conf'),
    '_static/nova-powervm')]

openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_pdf_link = False
openstackdocs_use_storyboard = False
openstackdocs_repo_name = ''
openstackdocs_bug_project = ''
