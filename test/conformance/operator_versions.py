# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which versions of which operators no official test has: computed from ONNX's schemas and the tests' models.

  test/conformance/operator_versions.py    prints them, one operator per line
"""
import collections

import onnx

from cases import ROOT, cases_of


def nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes(attribute.g)


def tested(cache):
    """{(domain, operator): {since_version}} of the official tests' models, which are unpacked below `cache`."""
    versions = collections.defaultdict(set)
    for case in cases_of("backend", cache):
        model = onnx.load(case.model, load_external_data=False)
        opsets = {"" if entry.domain == "ai.onnx" else entry.domain: entry.version for entry in model.opset_import}
        for node in nodes(model.graph):
            domain = "" if node.domain == "ai.onnx" else node.domain
            if onnx.defs.has(node.op_type, domain) and domain in opsets:
                try:
                    schema = onnx.defs.get_schema(node.op_type, opsets[domain], domain)
                except onnx.defs.SchemaError:
                    continue
                versions[domain, node.op_type].add(schema.since_version)
    return versions


def untested(cache):
    """{(domain, operator): [since_version]} that no official test has; deprecated versions do not count."""
    seen, missing = tested(cache), collections.defaultdict(list)
    for schema in onnx.defs.get_all_schemas_with_history():
        key = (schema.domain, schema.name)
        if not schema.deprecated and schema.since_version not in seen[key]:
            missing[key].append(schema.since_version)
    return {key: sorted(versions) for key, versions in missing.items()}


if __name__ == "__main__":
    for (domain, name), versions in sorted(untested(ROOT / "build" / "conformance").items()):
        print(f"{domain or 'ai.onnx'}.{name}: {', '.join(map(str, versions))}")
