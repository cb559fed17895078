"""Reads metrics from standard input as Prometheus' client for Python does, and prints the name and type of each."""

import sys

sys.path.insert(0, sys.argv[1])

from prometheus_client.openmetrics.parser import text_string_to_metric_families  # noqa: E402

for family in text_string_to_metric_families(sys.stdin.read()):
    print(family.name, family.type, len(family.samples))
