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

"""Documents that are written and read."""

from lxml import etree
import testtools

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors


class TestAtom(testtools.TestCase):

    def test_scalars(self):
        for value, text in ((True, 'true'), (False, 'false'), (0.5, '0.5'),
                            (10.0, '10'), (54.8125, '54.8125'), (7, '7'),
                            ('a<b', 'a<b'), ('', ''), ('"&>"', '"&>"'),
                            ('\t\n\r\xe4\u20ac', '\t\n\r\xe4\u20ac')):
            source = atom.fragment(atom.el('a', value, b=text))
            element = etree.fromstring(source)
            self.assertEqual((text, text), (element.text or '',
                                            element.get('b')))
            self.assertTrue(source.isascii())

    def test_what_xml_cannot_say(self):
        for value in ('\0', 'a\x1f', '\ud800', '\uffff'):
            self.assertRaises(ValueError, atom.el, 'a', value)
            self.assertRaises(ValueError, atom.el, 'a', b=value)

    def test_children(self):
        element = atom.el('a', None, [atom.el('b'), None, [atom.el('c', 1)]],
                          x='y')
        self.assertEqual(b'<a x="y"><b/><c>1</c></a>',
                         atom.fragment(element))
        self.assertRaises(TypeError, atom.el, 'a', b'<b/>')

    def test_document(self):
        doc = atom.Document(
            b'<x:a xmlns:x="urn:x"><x:n> 5 </x:n><!-- no --><x:e/>'
            b'<x:l href="there"/><x:l href="away"/><x:t>True</x:t></x:a>')
        self.assertEqual('a', doc.name)
        self.assertEqual(5, doc.int('n'))
        self.assertEqual(5.0, doc.float('n'))
        self.assertEqual('', doc.text('e'))
        self.assertEqual(9, doc.int('e', 9))
        self.assertIsNone(doc.text('z'))
        self.assertTrue(doc.bool('t'))
        self.assertFalse(doc.bool('n'))
        self.assertTrue(doc.has('e'))
        self.assertIsNone(doc.find('z'))
        self.assertEqual('there', doc.href('l'))
        self.assertEqual(['there', 'away'], doc.hrefs('l'))
        self.assertEqual(2, len(doc.all('l')))
        self.assertRaises(errors.Refused, doc.int, 't')
