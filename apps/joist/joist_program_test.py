#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# joist_program_test.py JOIST: uses bin/joist as people do: every command, its help, and wrong
# arguments, each of which must give one clear line and exit code 2.

import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

JOIST = "joist"
SVG = "{http://www.w3.org/2000/svg}"


class JoistTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="joist_program_")
        self.root = self.folder.name
        os.mkdir(self.path("out"))

    def tearDown(self):
        self.folder.cleanup()

    def path(self, *names):
        return os.path.join(self.root, *names)

    def joist(self, *args):
        return subprocess.run([JOIST, *args], capture_output=True, text=True, timeout=120,
                              cwd=self.path("out"))

    def succeeds(self, *args):
        result = self.joist(*args)
        self.assertEqual((result.returncode, result.stderr), (0, ""), args)
        return result.stdout

    def refused(self, says, *args, code=2):
        """One line on stderr that says `says`, nothing else."""
        result = self.joist(*args)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn(says, result.stderr)
        self.assertEqual(os.listdir(self.path("out")), [])

    def test_the_job_server_is_a_program_of_its_own(self):
        other = os.path.join(os.path.dirname(os.path.abspath(JOIST)), "joist-job-server")
        if not os.path.exists(other):
            self.skipTest("built without Beam's protocols")
        with subprocess.Popen([JOIST, "job-server", "--port=0"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as server:
            try:
                self.assertIn("--job_endpoint=localhost:", server.stdout.readline())
                self.assertEqual(os.readlink(f"/proc/{server.pid}/exe"), os.path.realpath(other))
            finally:
                server.terminate()
        self.assertEqual(server.returncode, 0)

    # --- run ---------------------------------------------------------------------------------

    def test_run(self):
        with open(self.path("a.txt"), "w", encoding="utf-8") as file:
            file.write("a b a\n")
        self.succeeds("run", "wordcount", "--input=" + self.path("a.txt"), "--output=counts")
        counts = {}
        for name in os.listdir(self.path("out")):
            with open(self.path("out", name), encoding="utf-8") as file:
                counts.update(line.rstrip("\n").split(": ") for line in file)
        self.assertEqual(counts, {"a": "2", "b": "1"})

    def test_run_that_fails(self):
        self.refused("no such file", "run", "wordcount", "--input=none", "--output=c", code=1)

    def test_run_refuses(self):
        self.refused('no pipeline is called "wordcont"; did you mean wordcount?', "run", "wordcont")
        self.refused("which pipeline?", "run")
        self.refused("which pipeline?", "run", "--output=x")
        self.refused("option --output is required", "run", "wordcount")
        self.refused("unknown option --ouput; did you mean --output?", "run", "wordcount",
                     "--ouput=x")

    def test_help_of_a_pipeline(self):
        text = self.succeeds("run", "wordcount", "--help")
        self.assertIn("Usage: joist run wordcount [--option=value", text)
        self.assertIn("--output=text", text)
        self.assertIn("--print_graph=choice", text)

    # --- list, help, version -----------------------------------------------------------------

    def test_list(self):
        lines = self.succeeds("list").splitlines()
        self.assertEqual(lines, sorted(lines))
        self.assertRegex(lines[-1], r"^wordcount +Counts the words of text files$")
        self.refused("takes no arguments", "list", "more")

    def test_help(self):
        text = self.succeeds("--help")
        self.assertEqual(text, self.succeeds("help"))
        commands = re.findall(r"^  (\w+) +[A-Z]", text, re.MULTILINE)
        self.assertEqual(commands[:6], ["run", "list", "graph", "coders", "checkpoint", "replay"])
        # Which are there where gRPC is.
        self.assertIn(commands[6:], [[], ["serve", "topic", "subscription", "dataset", "table"]])
        for command in commands:
            one = self.succeeds(command, "--help")
            self.assertEqual(one, self.succeeds("help", command))
            self.assertIn("Example", one)
        self.assertEqual(self.joist().returncode, 2)
        self.assertEqual(self.joist().stderr, text)

    def test_examples_of_the_help(self):
        """Those of `coders` and `graph` do what they say."""
        for command in ("coders", "graph"):
            text = self.succeeds(command, "--help")
            examples = re.findall(r"^  joist (.*)$", text, re.MULTILINE)
            self.assertGreaterEqual(len(examples), 2)
            for example in examples:
                words = re.findall(r"'([^']*)'|(\S+)", example.split(" > ")[0])
                self.assertNotEqual(self.succeeds(*[a or b for a, b in words]), "")

    def test_version(self):
        self.assertRegex(self.succeeds("--version"), r"^joist \d+\.\d+\.\d+\n$")

    def test_unknown_command(self):
        self.refused('no command is called "grpah"; did you mean graph?', "grpah")
        self.refused("--help lists them", "something-else")

    # --- graph -------------------------------------------------------------------------------

    def test_graph_tree(self):
        text = self.succeeds("graph", "wordcount", "--output=/tmp/x")
        lines = text.splitlines()
        self.assertRegex(lines[0], r"^wordcount: \d+ steps in 3 stages$")
        self.assertEqual(lines[1], "│  --output=/tmp/x")
        for expected in (r"^├─ ReadLines .*→ std::string  \[1\]$",
                         r"^│     File Pattern: /usr/share/common-licenses/\*$",
                         r"^├─ CountWords$", r"^│  ├─ ExtractWords$",
                         r"^└─ WriteCounts$", r"^   │  Output File Prefix: /tmp/x$"):
            self.assertTrue(any(re.match(expected, line) for line in lines), expected + "\n" + text)
        self.assertEqual(os.listdir(self.path("out")), [])

    def test_graph_svg(self):
        for args in (["--format=svg"], ["--format", "svg"]):
            text = self.succeeds("graph", "wordcount", "--output=x", *args)
            root = xml.etree.ElementTree.fromstring(text)
            self.assertEqual(root.tag, SVG + "svg")
            boxes = [rect for rect in root.iter(SVG + "rect")
                     if rect.get("class", "").startswith("step")]
            names = [text.text for text in root.iter(SVG + "text") if text.get("class") == "name"]
            self.assertEqual(len(boxes), len(names))
            self.assertIn("ReadLines", names)
            self.assertIn("KV<std::string, int64_t>", [t.text for t in root.iter(SVG + "text")])
            self.assertIn("prefers-color-scheme: dark", text)

    def test_graph_dot(self):
        text = self.succeeds("graph", "wordcount", "--output=x", "--format=dot")
        self.assertTrue(text.startswith("digraph"))
        self.assertIn('label="KV<std::string, int64_t>"', text)

    def test_graph_refuses(self):
        self.refused("expected tree, svg or dot, got \"png\"", "graph", "wordcount", "--output=x",
                     "--format=png")
        self.refused("option --format: expected", "graph", "wordcount", "--format")
        self.refused("did you mean wordcount?", "graph", "wordcoun")
        self.refused("option --output is required", "graph", "wordcount")

    def test_print_graph_of_any_program(self):
        """The same picture, but for the title, and nothing is run."""
        graph = self.succeeds("graph", "wordcount", "--output=x")
        printed = self.succeeds("run", "wordcount", "--output=x", "--print_graph=tree")
        program = os.path.join(os.path.dirname(JOIST), "wordcount")
        result = subprocess.run([program, "--output=x", "--print_graph=tree"], capture_output=True,
                                text=True, timeout=60, cwd=self.path("out"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, graph)
        self.assertEqual(printed.split("\n", 1)[1], graph.split("\n", 1)[1])
        self.refused("expected tree, svg or dot", "run", "wordcount", "--output=x",
                     "--print_graph=png")

    # --- coders ------------------------------------------------------------------------------

    def test_coders(self):
        text = self.succeeds("coders")
        self.assertIn("kv<string_utf8, varint>", text)
        one = self.succeeds("coders", "beam:coder:string_utf8:v1")
        self.assertEqual(one, self.succeeds("coders", "string_utf8"))
        self.assertIn("nested   03c3b672", one)

    def test_coders_decode(self):
        for coder, data, value in (("varint", "ac02", "300"),
                                   ("beam:coder:bool:v1", "01", "true"),
                                   ("kv<string_utf8, varint>", "01 61 02", '{key: "a", value: 2}'),
                                   ("iterable<double>", "00000001" + "3ff8" + "0" * 12, "[1.5]")):
            self.assertEqual(self.succeeds("coders", "decode", coder, data), value + "\n")
        self.assertEqual(self.succeeds("coders", "decode", "--nested", "string_utf8", "0161"),
                         '"a"\n')

    def test_coders_refuse(self):
        self.refused("did you mean varint?", "coders", "varnt")
        self.refused("did you mean varint?", "coders", "decode", "kv<varnt, bool>", "01")
        self.refused("expected a coder and bytes", "coders", "decode", "varint")
        self.refused("hexadecimal digits", "coders", "decode", "varint", "xy")
        self.refused("expected a comma or >", "coders", "decode", "kv<bool", "01")
        self.refused("unknown option --deep", "coders", "--deep")
        self.refused("to decode bytes", "coders", "varint", "ac02")
        self.refused("decode", "coders", "decode", "varint", "ff", code=1)
        self.refused("needs a payload", "coders", "decode", "iterable<row>", "00000001")


if __name__ == "__main__":
    JOIST = os.path.abspath(sys.argv.pop(1))
    unittest.main()
