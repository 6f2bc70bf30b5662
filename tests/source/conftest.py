"""The fixtures are read and never run, whatever they are called."""

collect_ignore_glob = ["SN*"]
