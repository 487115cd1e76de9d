# SPDX-License-Identifier: MIT
"""A kept job that does nothing: what the kit of examples/ costs."""
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import kept

kept.serve(lambda job: None)
